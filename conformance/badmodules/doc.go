// Package badmodules is a corpus of modules that break rules, promises or their
// host, and a judge that says whether wraft stood it.
//
// It is not a fuzzer: each module is built on purpose, has a name, and says what
// must come of it. What fuzzing finds becomes a case here.
//
// The mental model: most bad modules are an honest counter with one weak spot
// (machine.go). The judge (judge.go) has a module compiled, gives it good commands,
// has it do its worst, and looks whether the state is exactly as before and the next
// good command works. Each case is judged in a process of its own (process.go),
// so that a crash is that of one case and the peak of memory is its own.
//
// Concurrency: All builds a fresh list; a Case is immutable.
package badmodules
