// Package offline looks into the data directory of a node that does not run: what
// its logs hold, entry by entry, and what of it is damaged.
//
// It is for people and changes nothing. It does not know what commands mean to
// their machines.
//
// The mental model: a Directory is opened, asked and closed; what it answers are
// values that become JSON as they are.
//
// Concurrency: a Directory belongs to one goroutine.
package offline
