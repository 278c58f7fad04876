// Package nodetest simulates whole nodes: the step machines of package node, over
// real cores, on a store that loses what was not synced, a network that loses,
// doubles, delays and reorders, and nodes that crash and come back. One goroutine
// and one event heap drive everything, so a seed decides every detail of a run and
// the same seed gives the same run.
//
// It is no test of goroutines, sockets or files: those are tested where they are.
// The store, though, may be the real one on a crashable file system.
//
// Concurrency: a Sim belongs to one goroutine.
package nodetest
