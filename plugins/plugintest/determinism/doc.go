// Package determinism plays one log of random commands on instances that are
// treated differently, and wants them to be the same to the bit.
//
// It is not a test of replication: there are no nodes here, only what each of them
// does with a committed log.
//
// The mental model: a Log is a list of entries that follows from a seed; with each
// command comes what the model of the machine (package kvmodel) answers, and with
// guilty ones what the host does. A Life is a way of living through that log:
// uninterrupted, asked in between, restarted, full of trapped commands, restored from
// images, transferred by export and import. Each life must give the model's answers; the fuel of every
// entry, and the state hash (memory, globals, clock) at every mark must be those of
// the first life. A machine that imported goes on with another layout of its memory,
// so two of those are held against each other.
//
// Concurrency: a Run belongs to one goroutine.
package determinism
