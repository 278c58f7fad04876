package raft

// EntryType says what an entry's data means.
type EntryType uint8

const (
	// EntryNoop is the empty entry a new leader appends first (Raft paper §8).
	EntryNoop EntryType = 1
	// EntryCommand carries opaque bytes for the machine.
	EntryCommand EntryType = 2
	// EntryConfig carries an encoded Configuration; it takes effect on append.
	EntryConfig EntryType = 3
)

// Valid reports whether t is a type this version knows.
func (t EntryType) Valid() bool { return t >= EntryNoop && t <= EntryConfig }

// String returns noop, command or config.
func (t EntryType) String() string {
	switch t {
	case EntryNoop:
		return "noop"
	case EntryCommand:
		return "command"
	case EntryConfig:
		return "config"
	}
	return "unknown"
}

// Entry is one record of the log. Data is never changed after the entry was
// handed to or out of a core: it is shared, not copied.
type Entry struct {
	Index Index
	Term  Term
	Type  EntryType
	Data  []byte
}

// entryOverheadBytes is what an entry counts besides its data against every
// limit in bytes, so that empty entries are not free.
const entryOverheadBytes = 32

// Size is what the entry counts against limits in bytes.
func (e Entry) Size() uint64 { return uint64(len(e.Data)) + entryOverheadBytes }

// HardState is what a replica must not forget (Raft paper, figure 2), plus the
// commit index as a hint that spares work after a restart.
type HardState struct {
	Term   Term
	Vote   NodeID // 0: none in this term
	Commit Index  // never beyond the last index of the same or an earlier durable batch
}

// SnapshotMeta describes a state of the machine: after everything up to Index.
// A fresh group starts from {0, 0, 0, bootstrap configuration}. Index, term and
// configuration belong together; Core.SnapshotAt returns them.
type SnapshotMeta struct {
	Index         Index
	Term          Term          // of the entry at Index
	ConfigIndex   Index         // of the entry that carries Configuration; 0: the group's first
	Configuration Configuration // in force at Index
}

// TermRun is a maximal stretch of entries of one term: it starts at First and
// ends before the next run's First, or at the log's last index.
type TermRun struct {
	First Index
	Term  Term
}

// ConfigAt is a configuration and the index of the entry that carries it.
type ConfigAt struct {
	Index         Index
	Configuration Configuration
}

// Restored is what a core starts from: the durable state of a replica.
type Restored struct {
	HardState HardState
	// Snapshot is the newest one published; the machine starts from it.
	Snapshot SnapshotMeta
	// PurgedIndex and PurgedTerm name the last entry that the log does not have any
	// more. It is never behind the snapshot.
	PurgedIndex Index
	PurgedTerm  Term
	LastIndex   Index      // PurgedIndex when the log is empty
	LogBytes    uint64     // about the Entry.Size of all entries together
	TermRuns    []TermRun  // of (PurgedIndex, LastIndex], ascending
	Configs     []ConfigAt // configuration entries of (Snapshot.Index, LastIndex], ascending
	// Damaged says that entries may be missing which the replica has acknowledged; the
	// term and the vote of HardState are intact all the same. It neither votes nor counts
	// until a leader has refilled its log. It stays so over starts until a Write says
	// Healed.
	Damaged bool
}
