// Package kvmodel is the key-value machine of the examples as plain Go: what each
// of its commands must answer, in whatever language the guest is written, and a
// source of random commands.
//
// It is not a machine and never runs in WebAssembly. It is written from the
// README of examples/wasm-kv and shares no code with it, so that the two judge
// each other.
//
// Concurrency: nothing here is safe for concurrent use.
package kvmodel
