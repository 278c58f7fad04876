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

	PurgedIndex   Index // the log starts behind it
	SnapshotIndex Index // of the newest snapshot published
	Installing    Index // of the snapshot that the log is about to begin from; 0: none
	LastIndex     Index
	LastTerm      Term
	Commit        Index
	Persisted     Index // durable here, of the log as it is now
	Handed        Index // given out for apply
	Applied       Index // reported by Core.Applied

	Configuration ConfigAt
	// Followers is the leader's view of the others, ascending; nil elsewhere.
	Followers []FollowerStatus

	// LeaseUntil is when the leader's lease ends unless it is renewed, on the
	// driver's clock; 0 when there is none.
	LeaseUntil time.Duration
	// KnownAge is how old, at most, everything acknowledged is that this node knows of for
	// certain: the least MaxStaleness at which a read needs no question now; -1: nothing is known.
	KnownAge time.Duration

	PendingProposals int
	PendingReads     int
	UncommittedBytes uint64
	CacheBytes       uint64
	Isolated         bool // see Core.Isolated
	DiskFailed       bool
	DiskSlow         bool          // a write takes longer than Config.DiskStallTimeout
	DiskFull         bool          // the disk takes no more commands
	Damaged          bool          // entries that were acknowledged are missing: see Restored
	QuorumRTT        time.Duration // within which a quorum answers this node; 0 when not known
}

// FollowerStatus is what a leader knows of a follower.
type FollowerStatus struct {
	ID              NodeID
	State           string // probe, replicate or snapshot
	Match           Index  // durable there, of the leader's log
	Next            Index  // the next entry to send
	InflightAppends int
	InflightBytes   uint64
	WindowAppends   int // what may be on its way
	WindowBytes     uint64
	RTT             time.Duration // of the path, 0 when not known
	PersistLag      time.Duration // what its disk takes, measured by the leader; 0 when not known
	DiskSlow        bool          // it says that its disk has stalled
	DiskFull        bool          // it says that its disk takes no more commands
	Damaged         bool          // it says that it lacks entries which it acknowledged
	Heard           time.Duration // when it last answered, on the driver's clock
}

// Leads reports whether this replica leads, and in which term it is. It is Status
// for those who ask often.
func (c *Core) Leads() (Term, bool) { return c.term, c.role == Leader }

// KnownLeader returns the leader of the current term, 0 while it is not known.
func (c *Core) KnownLeader() NodeID { return c.leader }

// Status describes the core as it is now.
func (c *Core) Status() Status {
	s := Status{
		ID: c.cfg.ID, Group: c.cfg.Group,
		Role: c.role, Term: c.term, Vote: c.vote, Leader: c.leader,
		PurgedIndex: c.log.base, SnapshotIndex: c.snapshot.Index, Installing: c.installing.index(),
		LastIndex: c.log.last, LastTerm: c.log.lastTerm(),
		Commit: c.commit, Persisted: c.w.durable, Handed: c.handed, Applied: c.applied,
		Configuration:    c.configs[len(c.configs)-1],
		PendingProposals: c.proposals.len(), PendingReads: c.reads.count,
		UncommittedBytes: c.uncommitted, CacheBytes: c.log.bytes,
		Isolated: c.isolation.on, DiskFailed: c.failed != nil, DiskSlow: c.disk.slow, DiskFull: c.room.none, Damaged: c.damage.on, QuorumRTT: c.electionRTT, LeaseUntil: c.leaseUntil(),
		KnownAge: c.knownAge(),
	}
	for _, p := range c.followers {
		appends, bytes := p.Inflight()
		window, flow := p.Window()
		s.Followers = append(s.Followers, FollowerStatus{
			ID: p.ID, State: p.State.String(), Match: p.Match, Next: p.Next,
			InflightAppends: appends, InflightBytes: bytes, Heard: p.Heard,
			WindowAppends: window.Appends, WindowBytes: window.Bytes,
			RTT: c.paths[p.ID].RTT, PersistLag: flow.Lag, DiskSlow: p.DiskSlow, DiskFull: p.DiskFull, Damaged: p.Damaged,
		})
	}
	return s
}
