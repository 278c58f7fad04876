// Package wasmtest builds the WebAssembly modules that tests run.
//
// It is not a fixture store: nothing binary is kept in the repository. Each
// guest is built from source with the Go toolchain, at most once per test
// process, into a temporary directory that is removed at once; the toolchain's
// own build cache makes the second process fast. No network is needed.
//
// Concurrency: all functions are safe for concurrent use. The returned bytes
// are shared: don't change them.
package wasmtest
