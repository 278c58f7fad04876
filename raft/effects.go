package raft

import "time"

// Write is one step of a replica's durable state. Writes are made durable in
// the order of their IDs: first the reset or the truncation, then the snapshot,
// entries and hard state, then the compaction, all or nothing.
type Write struct {
	ID WriteID
	// Snapshot is from now on the snapshot that the replica starts from, nil when it
	// stays the same. Its bytes are durable already. Those of an older one may go
	// once the write is durable and nobody is being sent them.
	Snapshot *SnapshotMeta
	// Reset says that the whole log is to be removed first: it begins anew behind
	// Snapshot. Ranges for apply that were handed out before are void, and what they
	// have no Entries of is gone with the log: drop them before this write begins.
	// SnapshotRestore takes their place.
	Reset bool
	// HardState is the new hard state, nil when it did not change.
	HardState *HardState
	// Truncate says that every entry behind TruncateAfter is to be removed first.
	Truncate      bool
	TruncateAfter Index
	// Entries are contiguous and follow on the log's last index after truncation.
	Entries []Entry
	// CompactTo says that no entry at or before it is needed any more; 0: no news.
	CompactTo Index
	// Healed says that the replica has again what it acknowledged: a restart after this
	// write is no longer Restored.Damaged.
	Healed bool
	// Sync is false only for a write whose loss is harmless (a commit index or a
	// compaction alone).
	Sync bool
}

// Envelope is a message and where it goes.
type Envelope struct {
	To      NodeID
	Message Message
}

// GatedEnvelope must not leave before write After is durable: it shows a term, a
// vote or entries that are in it. A failed write drops it.
type GatedEnvelope struct {
	After WriteID
	Envelope
}

// ApplyRange is a stretch [First, Last] of committed entries, in order and
// without gaps from one range to the next. Entries holds them, or is nil when
// they are no longer in the core's memory and must be read from storage.
type ApplyRange struct {
	First, Last Index
	Entries     []Entry
}

// Fetch asks for entries [Lo, Hi) from storage, to be sent to Peer; the answer
// is Core.Fetched. The driver may answer with fewer than asked, from Lo on.
type Fetch struct {
	Peer   NodeID
	Lo, Hi Index
}

// ReadReady says that a read may be answered once Index has been applied, or
// that it was refused.
type ReadReady struct {
	ID    ReadID
	Index Index
	// Age is how long ago, at most, Index covered everything that was acknowledged: 0
	// unless the mode is ReadBounded, and of no meaning unless the read is ready.
	Age time.Duration
	// Err is nil when ready, else ErrNotLeader, ErrLeadershipLost, ErrTooManyReads,
	// ErrTooStale, ErrBadRead or ErrDiskFailed.
	Err error
}

// SnapshotAction is what a SnapshotCommand asks for.
type SnapshotAction uint8

const (
	// SnapshotSend: send the bytes of Snapshot to Peer. Core.SnapshotProgress tells
	// how far that is and Core.SnapshotDone how it ended. It may be one that an earlier
	// leader offered and Peer has a part of: then its configuration is not known,
	// and its bytes may be elsewhere.
	SnapshotSend SnapshotAction = iota + 1
	// SnapshotStopSend: nobody waits for the end of that any more.
	SnapshotStopSend
	// SnapshotReceive: take the bytes of Snapshot from Peer and from nobody else, and
	// call Core.SnapshotReceived when all are durable and verified. It ends every
	// earlier SnapshotReceive, but one of the same snapshot goes on: Peer is who leads now.
	SnapshotReceive
	// SnapshotStopReceive: it is not needed any more.
	SnapshotStopReceive
	// SnapshotRestore: the replica's log begins behind Snapshot now, whose bytes are
	// here. The machine takes its state from it before anything later is applied.
	// Ranges handed out before are void, and need not be reported as applied.
	SnapshotRestore
)

// String returns send, stop-send, receive, stop-receive or restore.
func (a SnapshotAction) String() string {
	names := [...]string{"none", "send", "stop-send", "receive", "stop-receive", "restore"}
	if int(a) < len(names) {
		return names[a]
	}
	return "invalid"
}

// SnapshotCommand asks for something to be done with a snapshot. Peer is 0 for a
// restore.
type SnapshotCommand struct {
	Action   SnapshotAction
	Peer     NodeID
	Snapshot SnapshotMeta
}

// Outcome is what became of a proposal.
type Outcome uint8

const (
	// OutcomeCommitted: committed at Index in Term; the result follows from apply.
	OutcomeCommitted Outcome = iota + 1
	// OutcomeDropped: certainly not in the log and never will be; safe to retry.
	OutcomeDropped
	// OutcomeUnknown: leadership was lost first; it may still commit or be overwritten.
	OutcomeUnknown
)

// String returns committed, dropped or unknown.
func (o Outcome) String() string {
	names := [...]string{"none", "committed", "dropped", "unknown"}
	if int(o) < len(names) {
		return names[o]
	}
	return "invalid"
}

// ProposalResult is the outcome of a proposal. Index and Term are 0 when it
// never entered the log.
type ProposalResult struct {
	ID      ProposalID
	Outcome Outcome
	Index   Index
	Term    Term
	Err     error // why it was dropped, see Core.Propose; ErrLeadershipLost when unknown
}

// ProposalAccepted says where in the leader's log a proposal stands; its
// ProposalResult follows.
type ProposalAccepted struct {
	ID    ProposalID
	Index Index
	Term  Term
}

// Effects is what a core wants done, accumulated over the inputs since the last
// Drain. The driver performs Writes in order; SendNow and Apply may start at the
// same time as the writes. Slices are owned by the driver until its next Drain
// into the same Effects; entry data is shared and immutable.
type Effects struct {
	Writes    []Write
	SendNow   []Envelope
	SendAfter []GatedEnvelope
	// Snapshots come before Apply, in order.
	Snapshots []SnapshotCommand
	Apply     []ApplyRange
	Fetches   []Fetch
	Reads     []ReadReady
	Accepted  []ProposalAccepted
	Results   []ProposalResult
	Events    []Event
	// Configuration is the one now in force, when it changed (on append or
	// truncation) or at the start; nil otherwise.
	Configuration *ConfigAt
}

// Reset empties e and keeps its memory.
func (e *Effects) Reset() {
	clear(e.Writes)
	clear(e.SendNow)
	clear(e.SendAfter)
	clear(e.Snapshots)
	clear(e.Apply)
	*e = Effects{
		Writes: e.Writes[:0], SendNow: e.SendNow[:0], SendAfter: e.SendAfter[:0],
		Snapshots: e.Snapshots[:0], Apply: e.Apply[:0], Fetches: e.Fetches[:0], Reads: e.Reads[:0],
		Accepted: e.Accepted[:0], Results: e.Results[:0], Events: e.Events[:0],
	}
}

// Empty reports whether there is nothing to do.
func (e *Effects) Empty() bool {
	return len(e.Writes) == 0 && len(e.SendNow) == 0 && len(e.SendAfter) == 0 &&
		len(e.Apply) == 0 && len(e.Fetches) == 0 && len(e.Reads) == 0 &&
		len(e.Accepted) == 0 && len(e.Results) == 0 && len(e.Events) == 0 &&
		len(e.Snapshots) == 0 && e.Configuration == nil
}
