// Package examples holds what is expected of the example machines, counter, counter2
// and kv, in whatever language they are written: a scenario for each, and inputs in
// plenty.
//
// It is not the machines: those are examples/wasm-* and sdk/*/examples. Built from
// any of these languages, a machine takes the same commands and gives, to the byte,
// the same answers and the same export.
//
// The mental model: Find names a machine, and the Subject it makes of a binary is
// what package abi tests.
//
// Concurrency: everything is a value made anew.
package examples
