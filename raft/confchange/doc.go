// Package confchange holds configurations of a Raft group as plain values: who
// votes, who listens, how that is written into a log entry, and which
// configurations a change goes through. It decides nothing about when a change
// may happen; that is the core's.
//
// Values are immutable once built; everything here is safe for concurrent use.
package confchange
