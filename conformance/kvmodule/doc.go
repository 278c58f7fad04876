// Package kvmodule is the key-value machine of sdk/c/examples/kv, compiled: what wraftd
// conformance deploys on clusters of users, who have neither the sources nor a compiler.
//
// It is not where the machine is written. make kvmodule compiles it anew after a change; a
// test compiles it too, where the same compiler is installed, and compares the bytes, and
// everywhere holds its answers against those of the machine in Go.
//
// Mental model: bytes, with a test that says where they come from.
//
// Concurrency: nothing changes after start.
package kvmodule
