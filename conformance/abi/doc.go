// Package abi is the kit that tells whether a module keeps the guest ABI: the
// checks that any host of wraft relies on, against a binary of any language.
//
// It is not a test of what a machine is for (that is the author's scenario) and
// not a test of the host (that is package plugins): each check makes the host do
// what it does in a cluster, and looks at the module's part in it.
//
// The mental model: a Subject is a binary with inputs that mean something to it.
// Run puts it through every Check and returns a Report with one Outcome for each: ok
// with a figure, failed with what was seen and what the author should do, or
// skipped with the reason. A check starts instances of its own, so checks do
// not see each other's state, and what one finds is the same on every run: all
// chance comes from Options.Seed.
//
// Sources: docs/ABI.md is what is checked. Tests import this package, `wraftd
// plugin test` runs it, and cmd/abi is the command for authors of SDKs.
//
// Concurrency: Run uses one goroutine and is safe for concurrent use with other
// Engines.
package abi
