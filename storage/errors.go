package storage

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

var (
	// ErrInUse: another process, or another Store of this one, has the directory open. Stop that one first.
	ErrInUse = errors.New("storage: directory in use")
	// ErrFormat: the directory was written in another format; see FormatError. Use the version that wrote it.
	ErrFormat = errors.New("storage: unknown format")
	// ErrDamaged: the disk does not hold what was written; see DamagedError. Call a human.
	ErrDamaged = errors.New("storage: damaged")
	// ErrForeign: the directory belongs to another node or cluster; see ForeignError. Fix the configuration.
	ErrForeign = errors.New("storage: belongs to another node or cluster")
	// ErrFailed: an earlier write or sync failed and the store refuses everything. End the process.
	ErrFailed = errors.New("storage: failed earlier")
	// ErrDiskFull: there is too little space for this; see FullError. Nothing is harmed. Free some and try again.
	ErrDiskFull = errors.New("storage: disk full")
	// ErrClosed: the store was closed. Stop calling it.
	ErrClosed = errors.New("storage: closed")
	// ErrInvalid: an argument is outside its range; nothing was changed. Fix the input.
	ErrInvalid = errors.New("storage: invalid argument")
	// ErrUnknownGroup: the group was never created, or was deleted. Create it first.
	ErrUnknownGroup = errors.New("storage: unknown group")
	// ErrNotRestored: the group was neither restored nor created since Open. Restore it before writing to it.
	ErrNotRestored = errors.New("storage: group not restored")
	// ErrGroupExists: the group was created before, from another base. Choose another ID.
	ErrGroupExists = errors.New("storage: group exists with another base")
	// ErrBatchTooLarge: one Commit holds more than batchBytesMax; nothing was written. Split it.
	ErrBatchTooLarge = errors.New("storage: batch too large")
	// ErrCompacted: the entries lie at or below the group's base. Use a snapshot.
	ErrCompacted = errors.New("storage: entries compacted")
	// ErrOutOfRange: the log ends before the first entry asked for. Ask again when it was written.
	ErrOutOfRange = errors.New("storage: entries beyond the end of the log")
	// ErrModuleMissing: no module of this digest is stored. Fetch it from a peer.
	ErrModuleMissing = errors.New("storage: module missing")
	// ErrModuleTooLarge: the module exceeds the limit given; nothing was stored. Refuse it.
	ErrModuleTooLarge = errors.New("storage: module too large")
	// ErrModuleDigest: the bytes do not have the digest they were sent under; nothing was stored. Ask another sender.
	ErrModuleDigest = errors.New("storage: module does not match its digest")
	// ErrSnapshotMissing: no such snapshot file is stored, or one that it rests on. Use an older one or ask a peer.
	ErrSnapshotMissing = errors.New("storage: snapshot missing")
	// ErrSnapshotSpoiled: what was received does not make the file; all of it was dropped. Begin again.
	ErrSnapshotSpoiled = errors.New("storage: received snapshot is not what was announced")
)

// DamagedError is ErrDamaged with the place.
type DamagedError struct {
	Group raft.GroupID // 0: the damage is not within one group
	Index raft.Index   // the first entry that cannot be trusted; 0: not within the log
	Why   string
	Err   error // the cause, when another layer found it; may be nil
}

// Error names the place and what is wrong with it.
func (e *DamagedError) Error() string {
	s := "storage: damaged"
	if e.Group != 0 {
		s += fmt.Sprintf(": group %d", e.Group)
	}
	if e.Index != 0 {
		s += fmt.Sprintf(": index %d", e.Index)
	}
	s += ": " + e.Why
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// FormatError is ErrFormat with both formats.
type FormatError struct {
	Found string // what the directory says
	Want  string // what this version reads and writes
}

// Error names both formats.
func (e *FormatError) Error() string {
	return fmt.Sprintf("storage: unknown format: the directory is in format %q, this version reads %q", e.Found, e.Want)
}

// Is makes errors.Is(err, ErrFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// ForeignError is ErrForeign with both sides. When the identities are equal, the
// digests of the bootstrap descriptions differ.
type ForeignError struct {
	Have, Want             Identity // of the directory; of the caller
	HaveDigest, WantDigest string   // of the bootstrap descriptions
}

// Error names what differs.
func (e *ForeignError) Error() string {
	if e.Have == e.Want {
		return fmt.Sprintf("storage: %v was bootstrapped before from another description: %s, not %s",
			e.Have, e.HaveDigest, e.WantDigest)
	}
	return fmt.Sprintf("storage: the directory belongs to %v, not to %v", e.Have, e.Want)
}

// Is makes errors.Is(err, ErrForeign) true.
func (e *ForeignError) Is(target error) bool { return target == ErrForeign }

// SnapshotDamagedError is ErrDamaged of a snapshot file. Put it away with Condemn and
// use an older one, or one of a peer.
type SnapshotDamagedError struct {
	File SnapshotFile
	Err  error // what is wrong
}

// Error names the file and what is wrong with it.
func (e *SnapshotDamagedError) Error() string {
	return fmt.Sprintf("storage: damaged: snapshot of group %d at %d, %v: %v", e.File.Group, e.File.Index, e.File.Digest, e.Err)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *SnapshotDamagedError) Is(target error) bool { return target == ErrDamaged }

// Unwrap returns the cause.
func (e *SnapshotDamagedError) Unwrap() error { return e.Err }
