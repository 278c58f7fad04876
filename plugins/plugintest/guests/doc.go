// Package guests builds the example machines in every language there is a compiler
// for, and makes guilty ones of them.
//
// It is not the conformance kit: it judges nothing.
//
// The mental model: Build asks internal/toolchain for each language and gives
// modules and, for what can't be built here, the reason. Guilty grafts commands
// onto a module that its author never wrote: they are handled like any other and
// then end in a trap, an endless loop, a memory that has been overwritten or a lie,
// so that what has to be undone is a guest in the middle of its work.
//
// Concurrency: all functions are safe for concurrent use.
package guests
