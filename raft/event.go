package raft

import "time"

// Role is what a replica is to its group right now.
type Role uint8

// The roles, in the order a replica walks through them on its way to lead.
const (
	Follower Role = iota + 1
	PreCandidate
	Candidate
	Leader
)

// String returns follower, pre-candidate, candidate or leader.
func (r Role) String() string {
	names := [...]string{"none", "follower", "pre-candidate", "candidate", "leader"}
	if int(r) < len(names) {
		return names[r]
	}
	return "invalid"
}

// Event is something an operator, a metric or a test may want to know. Events
// are typed; each is one of the structs below.
type Event interface{ event() }

// RoleChanged: the replica's role, term or known leader changed.
type RoleChanged struct {
	Term   Term
	Role   Role
	Leader NodeID // 0: not known
	Cause  string // a constant phrase, e.g. "election timeout", "higher term"
}

// TermJumped: a message of a peer raised the term by more than TermJumpMax at once. No
// cluster campaigns that often unheard, so somebody's numbers are wrong.
type TermJumped struct {
	Peer   NodeID
	Before Term
	After  Term
}

// VoteDecided: a vote or pre-vote request was answered.
type VoteDecided struct {
	Candidate NodeID
	Term      Term
	Pre       bool
	Granted   bool
	Reason    RefusalReason
}

// LogTruncated: entries behind After conflicted with the leader's and were cut.
type LogTruncated struct {
	After Index
	Last  Index // the last index before the cut
}

// DiskFailed: a write failed; the replica refuses everything from now on.
type DiskFailed struct{ Err error }

// TransferBegan: leadership is on its way to a voter; proposals are dropped.
type TransferBegan struct{ To NodeID }

// TransferAborted: a transfer took an election timeout and was given up, and
// proposals are taken again. One that succeeds ends in a RoleChanged.
type TransferAborted struct{ To NodeID }

// DiskSlow: a write is on its way to the disk for longer than
// Config.DiskStallTimeout. A leader hands over or steps down, nobody campaigns.
type DiskSlow struct {
	Since  time.Duration // when the oldest write left, on the driver's clock
	Writes int           // on their way
}

// DiskRecovered: the stall that DiskSlow told of has ended.
type DiskRecovered struct{ Since time.Duration }

// FollowerDisk: a follower says that its disk has stalled, or works again.
type FollowerDisk struct {
	Peer NodeID
	Slow bool
}

// DiskRoom: the disk takes no more commands, or takes them again; see Core.DiskFull.
type DiskRoom struct{ Full bool }

// FollowerRoom: a follower says that its disk takes no more commands, or takes them again.
type FollowerRoom struct {
	Peer NodeID
	Full bool
}

// FollowerDamaged: a follower says that it lacks entries which it acknowledged, or that
// it has them again.
type FollowerDamaged struct {
	Peer    NodeID
	Damaged bool
}

// ReplicaHealed: the log, which was Restored.Damaged, has again what was acknowledged:
// it is whole up to Last. The replica votes and counts from now on.
type ReplicaHealed struct{ Last Index }

// ProgressStalled: a follower answers, but has acknowledged nothing for an
// election timeout though something is on its way; it is being probed again.
type ProgressStalled struct {
	Peer            NodeID
	Match           Index
	InflightAppends int
	InflightBytes   uint64
}

// RepliesDropped: so many messages wait for the disk that further ones are
// dropped until it moves; their senders ask again.
type RepliesDropped struct{ Waiting int }

// LogCompacted: everything up to UpTo was dropped from the log.
type LogCompacted struct{ UpTo Index }

// SnapshotInstalled: the log was dropped, it ended at Last, and begins anew
// behind the snapshot at Index.
type SnapshotInstalled struct {
	Index Index
	Last  Index
}

// SnapshotSent: the bytes of a snapshot reached a follower, or did not.
type SnapshotSent struct {
	Peer  NodeID
	Index Index
	Err   error // nil: they did
}

func (RoleChanged) event()       {}
func (TermJumped) event()        {}
func (VoteDecided) event()       {}
func (LogTruncated) event()      {}
func (DiskFailed) event()        {}
func (TransferBegan) event()     {}
func (TransferAborted) event()   {}
func (DiskSlow) event()          {}
func (DiskRecovered) event()     {}
func (FollowerDisk) event()      {}
func (DiskRoom) event()          {}
func (FollowerRoom) event()      {}
func (FollowerDamaged) event()   {}
func (ReplicaHealed) event()     {}
func (ProgressStalled) event()   {}
func (RepliesDropped) event()    {}
func (LogCompacted) event()      {}
func (SnapshotInstalled) event() {}
func (SnapshotSent) event()      {}
