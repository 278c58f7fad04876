// Package wasm reads WebAssembly binaries from strangers and refuses whatever
// wraft won't run.
//
// It is not an engine and not a full validator: operand types are left to the
// engine's own validation. What it does is everything that has to happen
// before an engine may see the bytes. It walks every section and every
// instruction, bounds every count by a named limit before anything is
// allocated for it, and admits only the instructions that are deterministic
// and that toolchains emit for plain modules. Every index of a local, a label, a
// global or a segment is held against what the module itself has, since package
// instrument adds more of them, which are the host's.
//
// The mental model: Read is one pass from the first byte to the last with a
// cursor that never leaves the input. The first thing that is wrong ends the
// pass with a *Refusal that names the rule, the function, the offset and what
// the author can change. What remains is a Module: a table of contents with
// which package instrument rewrites the binary and package plugins checks
// imports and exports.
//
// Concurrency: Read is pure; a Module is never changed after it.
package wasm
