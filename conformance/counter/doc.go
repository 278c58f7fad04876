// Package counter keeps a counter machine busy and holds it to its promise: each
// acknowledged increment is there, and there once.
//
// It is not a benchmark. It knows the commands of examples/wasm-counter and the
// public client, and nothing else of wraft.
//
// Mental model: a Load is a number of workers, each with a session of its own.
// An increment answers with the count it made, so that no two answers may be
// equal and, once nobody waits any more, the answers are exactly 1 to the count.
// A worker repeats an increment under its sequence until it is answered, through
// whatever happens to the cluster meanwhile.
//
// Concurrency: a Load is safe for concurrent use.
package counter
