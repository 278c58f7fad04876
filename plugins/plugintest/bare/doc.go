// Package bare runs modules in the WebAssembly engine itself, as they were written
// or rewritten, without the runtime of package plugins around them.
//
// It is not the runtime: nothing is rolled back, no host functions are offered, and
// what a call may spend is as good as unlimited. It is what the rewriting pass is
// judged with.
//
// The mental model: a World is an engine with the guests of one test. Calls fill
// the meters of all guests of the world, since a call may lead from one into
// another, and look at them afterwards. Whoever reads a guest's memory gets what
// the guest sees as its memory, wherever the pass has put it.
//
// Concurrency: a World and its guests belong to one goroutine.
package bare
