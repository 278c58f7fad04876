// Package quorum is the arithmetic of majorities: who has to agree before an
// index is committed or a vote is won, in a plain and in a joint configuration
// (Raft paper §6). It knows nothing of messages, terms or time.
//
// Values are immutable once built; everything here is safe for concurrent use.
package quorum
