// wraft_cpp.cpp: what a C++ run-time library would define. Compile it into every machine
// in C++, together with wraft.c and wraft_memory.c; a native build has it already.
#ifdef __wasm__
#include "wraft.hpp"

void *operator new(size_t n) { return wraft_new(n); }
void *operator new[](size_t n) { return wraft_new(n); }
void operator delete(void *p) noexcept { free(p); }
void operator delete[](void *p) noexcept { free(p); }
void operator delete(void *p, size_t) noexcept { free(p); }
void operator delete[](void *p, size_t) noexcept { free(p); }

extern "C" {

void *__dso_handle;

// A machine never ends, so nobody asks for destructors of global objects.
int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }

[[noreturn]] void __cxa_pure_virtual() { wraft_trap("a pure virtual function was called"); }
}
#endif
