package raft

import "time"

// Status is a picture of a core, for operators, metrics and tests. It shares
// nothing with the core.
type Status struct {
	ID     NodeID
	Group  GroupID
	Role   Role
	Term   Term
	Vote   NodeID // 0: none in this term
	Leader NodeID // 0: not known

	SnapshotIndex Index // the log starts behind it
	LastIndex     Index
	LastTerm      Term
	Commit        Index
	Persisted     Index // durable here, of the log as it is now
	Handed        Index // given out for apply
	Applied       Index // reported by Core.Applied

	Configuration ConfigAt
	// Followers is the leader's view of the others, ascending; nil elsewhere.
	Followers []FollowerStatus

	PendingProposals int
	PendingReads     int
	UncommittedBytes uint64
	CacheBytes       uint64
	DiskFailed       bool
}

// FollowerStatus is what a leader knows of a follower.
type FollowerStatus struct {
	ID              NodeID
	State           string // probe or replicate
	Match           Index  // durable there, of the leader's log
	Next            Index  // the next entry to send
	InflightAppends int
	InflightBytes   uint64
	Heard           time.Duration // when it last answered, on the driver's clock
}
