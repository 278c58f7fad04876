package raft

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of Config, taken where a field is zero.
const (
	defaultHeartbeatInterval   = 100 * time.Millisecond
	defaultElectionTimeoutMin  = time.Second
	defaultElectionTimeoutMax  = 2 * time.Second
	defaultUncommittedBytesMax = 64 << 20
	defaultEntryBytesMax       = 8 << 20
	defaultAppendBytesMax      = 1 << 20
	defaultInflightAppendsMax  = 256
	defaultInflightBytesMax    = 64 << 20
	defaultCacheBytesMax       = 32 << 20
	defaultApplyBytesMax       = 16 << 20
	defaultLearnerLagBytesMax  = 1 << 20
	defaultRetainedEntriesMax  = 10_000
	defaultRetainedBytesMax    = 64 << 20
	defaultPinnedBytesMax      = 1 << 30
	defaultSnapshotSendsMax    = 2
	defaultPendingReadsMax     = 1 << 16
	defaultPendingProposalsMax = 1 << 16
	defaultDiskStallTimeout    = 5 * time.Second
	defaultClockDriftPerMille  = 50

	// PriorityMin is the lowest priority.
	PriorityMin = -4
)

// Config is what a core is told once. Zero fields take the default that the
// comment names; ID and Group have none. Every byte limit counts Entry.Size.
type Config struct {
	// ID is this node and Group the log it takes part in; neither may be 0.
	ID    NodeID
	Group GroupID
	// Incarnation is the life that this node is in, which a configuration must name
	// before the node votes. Default 1.
	Incarnation Incarnation
	// Seed feeds the election timeouts and the numbers of follower reads. It must
	// differ between nodes and between two starts of one node: equal seeds collide
	// in elections, and a repeated one could accept a read answer meant for the
	// previous life.
	Seed uint64

	// HeartbeatInterval is how often a leader speaks to an idle follower. Default 100 ms.
	HeartbeatInterval time.Duration
	// ElectionTimeoutMin and ElectionTimeoutMax bound the random time without a
	// leader before a voter campaigns. Default 1 s and 2 s. Min is also how long a
	// voter refuses votes after it heard a leader, and how long a leader goes
	// without a quorum before it steps down; it must be at least two heartbeats
	// and the same on all nodes.
	ElectionTimeoutMin time.Duration
	ElectionTimeoutMax time.Duration
	// DiskStallTimeout is how long a write may take before the disk counts as
	// stalled: see DiskSlow. Default 5 s.
	DiskStallTimeout time.Duration

	// Priority says how willing a node is to lead: 0 is normal, and each step below,
	// down to PriorityMin, makes it wait longer for a leader, by (Max - Min) or
	// the spread that fits the path to a quorum if that is more, so that a
	// node of higher priority that can win has begun before. It never prevents an
	// election. Give the nodes of far regions a lower one.
	Priority int

	// LeaseReads lets a leader answer reads of mode ReadLease without a round while
	// a quorum has promised to elect nobody else, and lets this node promise that.
	// Off by default: such reads are linearizable only while clocks keep to
	// ClockDriftPerMilleMax, and a promise also holds up the election that follows
	// on a leader's end. A node without it counts in no lease.
	LeaseReads bool
	// ClockDriftPerMilleMax is by how much the slowest clock of the group may lag
	// behind the fastest one, in thousandths of the time that passes on the latter;
	// it shortens leases. Default 50. Where a monotonic clock may stand still, as
	// in a virtual machine that is suspended, no bound is enough.
	ClockDriftPerMilleMax uint64

	// UncommittedBytesMax bounds what a leader accepts beyond its commit index.
	// Default 64 MiB. One proposal is always let in.
	UncommittedBytesMax uint64
	// EntryBytesMax bounds the data of one proposal. Default 8 MiB.
	EntryBytesMax uint64
	// AppendBytesMax bounds the entries of one Append. Default 1 MiB; one entry is
	// always let in.
	AppendBytesMax uint64
	// InflightAppendsMax and InflightBytesMax bound what is sent to one follower
	// and not acknowledged. Default 256 messages, 64 MiB. Below them the window
	// follows what PeerStats and acknowledgements show; while nothing is known of the
	// path it is 256 messages and at most 16 MiB.
	InflightAppendsMax int
	InflightBytesMax   uint64
	// CacheBytesMax is the tail of the log kept in memory. Default 32 MiB. Entries
	// that are not applied may take as much again; what is not persisted stays
	// whatever it says, and a leader with too much of that refuses proposals.
	CacheBytesMax uint64
	// ApplyBytesMax bounds what is handed out for apply and not reported by
	// Applied. Default 16 MiB; one range is always let out.
	ApplyBytesMax uint64
	// LearnerLagBytesMax bounds what a learner may lack of the log when it is
	// promoted. Default 1 MiB. What is not in the leader's cache is too much.
	LearnerLagBytesMax uint64
	// RetainedEntriesMax and RetainedBytesMax bound the tail of the log that is kept
	// behind a snapshot, for followers that are a little late. Default 10,000
	// entries, 64 MiB.
	RetainedEntriesMax int
	RetainedBytesMax   uint64
	// PinnedBytesMax bounds what a leader keeps besides that: the log behind a
	// snapshot that is being sent, or that a live follower is working through.
	// Default 1 GiB. A follower who needs more gets a newer snapshot afterwards.
	PinnedBytesMax uint64
	// SnapshotSendsMax bounds the snapshots sent at a time. Default 2; others wait.
	SnapshotSendsMax int
	// PendingReadsMax bounds reads that wait for a round or an answer. Default 65,536.
	PendingReadsMax int
	// PendingProposalsMax bounds proposals in the log without an outcome. Default 65,536.
	PendingProposalsMax int
}

// withDefaults returns c with every zero field set to its default.
func (c Config) withDefaults() Config {
	c.Incarnation = or(c.Incarnation, 1)
	c.HeartbeatInterval = or(c.HeartbeatInterval, defaultHeartbeatInterval)
	c.ElectionTimeoutMin = or(c.ElectionTimeoutMin, defaultElectionTimeoutMin)
	c.ElectionTimeoutMax = or(c.ElectionTimeoutMax, defaultElectionTimeoutMax)
	c.DiskStallTimeout = or(c.DiskStallTimeout, defaultDiskStallTimeout)
	c.UncommittedBytesMax = or(c.UncommittedBytesMax, defaultUncommittedBytesMax)
	c.EntryBytesMax = or(c.EntryBytesMax, defaultEntryBytesMax)
	c.AppendBytesMax = or(c.AppendBytesMax, defaultAppendBytesMax)
	c.InflightAppendsMax = or(c.InflightAppendsMax, defaultInflightAppendsMax)
	c.InflightBytesMax = or(c.InflightBytesMax, defaultInflightBytesMax)
	c.CacheBytesMax = or(c.CacheBytesMax, defaultCacheBytesMax)
	c.ApplyBytesMax = or(c.ApplyBytesMax, defaultApplyBytesMax)
	c.LearnerLagBytesMax = or(c.LearnerLagBytesMax, defaultLearnerLagBytesMax)
	c.RetainedEntriesMax = or(c.RetainedEntriesMax, defaultRetainedEntriesMax)
	c.RetainedBytesMax = or(c.RetainedBytesMax, defaultRetainedBytesMax)
	c.PinnedBytesMax = or(c.PinnedBytesMax, defaultPinnedBytesMax)
	c.SnapshotSendsMax = or(c.SnapshotSendsMax, defaultSnapshotSendsMax)
	c.PendingReadsMax = or(c.PendingReadsMax, defaultPendingReadsMax)
	c.PendingProposalsMax = or(c.PendingProposalsMax, defaultPendingProposalsMax)
	c.ClockDriftPerMilleMax = or(c.ClockDriftPerMilleMax, defaultClockDriftPerMille)
	return c
}

// Validate reports every field that cannot work, after defaults, and changes
// nothing.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("raft: configuration: "+format, args...))
	}
	if c.ID == 0 {
		wrong("ID must not be 0")
	}
	if c.Group == 0 {
		wrong("Group must not be 0")
	}
	if c.HeartbeatInterval < 0 {
		wrong("HeartbeatInterval must be positive: %v", c.HeartbeatInterval)
	}
	if c.ElectionTimeoutMin < 2*c.HeartbeatInterval {
		wrong("ElectionTimeoutMin (%v) must be at least two heartbeats (%v each)", c.ElectionTimeoutMin, c.HeartbeatInterval)
	}
	if c.ElectionTimeoutMax <= c.ElectionTimeoutMin {
		wrong("ElectionTimeoutMax (%v) must be above ElectionTimeoutMin (%v)", c.ElectionTimeoutMax, c.ElectionTimeoutMin)
	}
	if c.DiskStallTimeout < 0 {
		wrong("DiskStallTimeout must be positive: %v", c.DiskStallTimeout)
	}
	if c.Priority < PriorityMin || c.Priority > 0 {
		wrong("Priority (%d) must be from %d to 0", c.Priority, PriorityMin)
	}
	if c.ClockDriftPerMilleMax >= 1000 {
		wrong("ClockDriftPerMilleMax (%d) must be below 1000", c.ClockDriftPerMilleMax)
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"InflightAppendsMax", c.InflightAppendsMax},
		{"RetainedEntriesMax", c.RetainedEntriesMax},
		{"SnapshotSendsMax", c.SnapshotSendsMax},
		{"PendingReadsMax", c.PendingReadsMax},
		{"PendingProposalsMax", c.PendingProposalsMax},
	} {
		if f.value < 0 {
			wrong("%s must be positive: %d", f.name, f.value)
		}
	}
	return errors.Join(problems...)
}

// or returns v, or fallback when v is zero.
func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
