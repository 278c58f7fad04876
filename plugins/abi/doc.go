// Package abi names what a module and its host say to each other: the exports
// a module must have, the imports it may have, status codes, WASI numbers and
// the version of the host's behaviour.
//
// It is not an implementation of either side, and it knows nothing of
// WebAssembly's binary format: package wasm reads binaries, package plugins
// runs them, and the guest libraries under sdk/ speak for the other side.
//
// The mental model is a dictionary. docs/ABI.md is the same dictionary in
// prose; a change here without a change there is a mistake.
//
// Concurrency: everything is a constant or returns a fresh value.
package abi
