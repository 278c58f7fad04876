/*
 * wraft_memory.h: what the tests of the heap see of wraft_memory.c in a native build.
 * Part of the SDK's inside; machines include wraft.h.
 */
#ifndef WRAFT_MEMORY_H
#define WRAFT_MEMORY_H

#include "wraft.h"

#ifndef __wasm__
/* The arena stands for linear memory: set it and its limits, then call heap_reset. */
extern uint8_t *heap_arena;
extern uint32_t heap_pages, heap_pages_max;

void heap_reset(void);
void *heap_malloc(size_t n);
void *heap_calloc(size_t count, size_t n);
void *heap_realloc(void *p, size_t n);
void heap_free(void *p);
int heap_memcmp(const void *a, const void *b, size_t n);
#endif

#endif
