package raft

// Message is what cores say to each other: one struct per kind, below. Every
// message names its sender's term (PreVote the term it would campaign in).
type Message interface {
	// MessageTerm is the term the receiver compares with its own.
	MessageTerm() Term
}

// Append replicates entries (AppendEntries of the Raft paper). Entries follow
// directly on PrevIndex. An Append without entries is a probe.
type Append struct {
	Term      Term
	PrevIndex Index
	PrevTerm  Term
	Commit    Index // the leader's commit index; the receiver caps it by what it verified
	Round     uint64
	Entries   []Entry
}

// AppendReply answers an Append. Accepted: Match is the last index this append
// verified, durable at the sender. Rejected: PrevIndex names the append that did
// not fit, and (HintIndex, HintTerm) is the newest place where the logs may agree.
type AppendReply struct {
	Term      Term
	Rejected  bool
	Match     Index
	PrevIndex Index
	HintIndex Index
	HintTerm  Term
	Round     uint64
	// Promise: the sender grants no vote for an ElectionTimeoutMin after it heard
	// Round, unless the leader asked for one. Leases count on it.
	Promise  bool
	DiskSlow bool // the sender's disk has stalled
	DiskFull bool // the sender's disk takes no more commands
	Damaged  bool // the sender lacks entries that it acknowledged once: it counts for nothing
}

// Heartbeat keeps followers from campaigning and carries read rounds. Commit is
// capped by the receiver's match index.
type Heartbeat struct {
	Term   Term
	Commit Index
	Round  uint64
}

// HeartbeatReply answers a Heartbeat.
type HeartbeatReply struct {
	Term     Term
	Round    uint64
	Promise  bool // see AppendReply
	DiskSlow bool // see AppendReply
	DiskFull bool // see AppendReply
	Damaged  bool // see AppendReply
}

// Vote asks for a vote in Term (RequestVote of the Raft paper).
type Vote struct {
	Term      Term
	LastIndex Index
	LastTerm  Term
	Transfer  bool // campaign on the old leader's behalf: refusal does not apply
	// Gone is the last leader when its process, number GoneBoot, has ended: who was
	// told the same refuses nothing on its account. 0: no such word.
	Gone     NodeID
	GoneBoot uint64
}

// VoteReply answers every Vote.
type VoteReply struct {
	Term    Term
	Granted bool
	Reason  RefusalReason // when not granted
}

// PreVote asks whether a vote in Term, one above the sender's own, would be
// granted (Raft thesis §9.6). It changes neither term nor vote at the receiver.
type PreVote struct {
	Term      Term
	LastIndex Index
	LastTerm  Term
	Gone      NodeID // see Vote
	GoneBoot  uint64
}

// PreVoteReply answers every PreVote. Granted: Term is the term asked about.
// Refused: Term is the sender's own.
type PreVoteReply struct {
	Term    Term
	Granted bool
	Reason  RefusalReason
}

// TimeoutNow asks the receiver to campaign at once (Raft thesis §3.10).
type TimeoutNow struct {
	Term Term
}

// ReadIndex asks the leader for an index from which a follower may answer a
// linearizable read (Raft thesis §6.4). ID is the follower's.
type ReadIndex struct {
	Term Term
	ID   ReadID
}

// ReadIndexReply answers every ReadIndex; a refused one has Index 0. Last is where the
// leader's log ends.
type ReadIndexReply struct {
	Term    Term
	ID      ReadID
	Index   Index
	Last    Index
	Refused bool
}

// InstallSnapshot offers a follower a snapshot, because the leader's log does not
// go back to what the follower lacks (Raft paper §7). The bytes travel outside
// messages, once they are asked for. It is repeated until it is answered: by an
// InstallSnapshotReply, or by an AppendReply when the follower needs no snapshot.
type InstallSnapshot struct {
	Term     Term
	Snapshot SnapshotMeta
}

// InstallSnapshotReply asks for the bytes of the snapshot at Index that was
// offered. With a Term above the offer's it only says so, and Index is 0.
type InstallSnapshotReply struct {
	Term  Term
	Index Index
}

// RefusalReason says why a vote or pre-vote was not granted.
type RefusalReason uint8

const (
	// RefusedNone is the zero value, of a granted vote.
	RefusedNone RefusalReason = iota
	// RefusedTerm: the request's term is behind the voter's.
	RefusedTerm
	// RefusedVoted: the vote of this term went to another candidate.
	RefusedVoted
	// RefusedLog: the candidate's log is behind the voter's.
	RefusedLog
	// RefusedLeader: the voter hears a leader, or started less than an election
	// timeout ago and may have heard one before (Raft thesis §4.2.3, §6.4.1).
	RefusedLeader
	// RefusedDamaged: the voter's log lacks entries that it acknowledged.
	RefusedDamaged
)

// String names the reason in the words of the logs.
func (r RefusalReason) String() string {
	names := [...]string{"none", "term", "voted", "log", "leader", "damaged"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

func (m Append) MessageTerm() Term               { return m.Term }
func (m AppendReply) MessageTerm() Term          { return m.Term }
func (m Heartbeat) MessageTerm() Term            { return m.Term }
func (m HeartbeatReply) MessageTerm() Term       { return m.Term }
func (m Vote) MessageTerm() Term                 { return m.Term }
func (m VoteReply) MessageTerm() Term            { return m.Term }
func (m PreVote) MessageTerm() Term              { return m.Term }
func (m PreVoteReply) MessageTerm() Term         { return m.Term }
func (m TimeoutNow) MessageTerm() Term           { return m.Term }
func (m ReadIndex) MessageTerm() Term            { return m.Term }
func (m ReadIndexReply) MessageTerm() Term       { return m.Term }
func (m InstallSnapshot) MessageTerm() Term      { return m.Term }
func (m InstallSnapshotReply) MessageTerm() Term { return m.Term }
