// Package nemesis runs a cluster of real processes while a seed chooses what
// goes wrong: processes are killed and frozen, links lose, damage, delay and
// reorder, directions are cut, ports change. Clients count all the while, and at
// the end every acknowledged increment must be there, each once, and the nodes
// must hold the same.
//
// It is a test suite only. The seed fixes the faults and their order; what they
// meet is the machine's, so a run is repeated in kind and not in detail.
//
// Concurrency: one goroutine causes trouble, the load has its own.
package nemesis
