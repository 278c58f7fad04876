package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/wraft/wraft/raft"
)

// Inspector reads a data directory that no node uses, and changes nothing in it. It
// is for people who look for the cause of something: what is damaged is told and
// everything else is shown all the same. Its methods may be called at the same
// time, but for Close.
type Inspector struct {
	store *Store
}

// Overview is what a data directory says of itself.
type Overview struct {
	// Identity is whose directory it is; zero before Bootstrap, or when it is damaged.
	Identity Identity
	// Description stands for the description that the cluster was started from.
	Description string
	// Boot is the newest boot; 0 when it is damaged.
	Boot uint64
	// Batch is the newest synced batch in the store, MarkedBatch the newest that the
	// mark says was acknowledged. The second is never above the first in a directory
	// that lost nothing.
	Batch, MarkedBatch uint64
	// Groups are in ascending order.
	Groups []raft.GroupID
	// Damage is everything that is not as it was written, but for the groups' logs.
	Damage []error
}

// LogOverview is what a data directory holds of a group's log.
type LogOverview struct {
	Group raft.GroupID
	// HardState is what the store holds; Voted is the second copy of its term and vote.
	HardState raft.HardState
	Voted     raft.HardState
	// Created is the snapshot that the log began with, Snapshot the newest.
	Created, Snapshot raft.SnapshotMeta
	// Purged is the last entry that was removed from the front; 0 when none was.
	Purged raft.Index
	// Last is the last sound entry, or Purged. Entries and Bytes (by Entry.Size) count
	// those behind Purged up to it.
	Last    raft.Index
	Entries uint64
	Bytes   uint64
	// TermRuns are where each term begins.
	TermRuns []raft.TermRun
	// Configurations are those of the sound entries, ascending.
	Configurations []raft.ConfigAt
	// Damage says what is wrong with it; nil when all of it is as it was written.
	Damage error
}

// Inspect opens a data directory for reading. ErrInUse while a node runs on it,
// ErrFormat when another release wrote it, fs.ErrNotExist when it is none,
// ErrDamaged when nothing of it can be read.
func Inspect(dir string, o Options) (*Inspector, error) {
	o = o.withDefaults()
	if _, err := o.FS.Stat(o.FS.PathJoin(dir, formatName)); err != nil {
		return nil, fmt.Errorf("storage: inspect %s: %w", dir, err)
	}
	d, lock, err := openDirectory(dir, o.FS)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: d, lock: lock, fatal: o.Fatal, clock: o.Clock, groups: map[raft.GroupID]*group{}}
	if err := s.openToRead(o); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Inspector{store: s}, nil
}

func (s *Store) openToRead(o Options) error {
	if err := s.dir.checkFormat(); err != nil {
		return err
	}
	desc, err := peekPebble(s.dir, s.dir.join(pebbleName))
	if err != nil {
		return err
	}
	if desc == nil {
		if c, _ := readCopies(s.dir); c.mark.sequence > 0 { // what cannot be read was told of nothing
			return &DamagedError{Why: fmt.Sprintf("the store is lost, in which batch %d was acknowledged", c.mark.sequence)}
		}
	} else if err := checkManifest(s.dir, desc); err != nil {
		return err
	}
	options := pebbleOptions(s.dir, o, s.fail)
	options.ReadOnly = true
	if s.db, err = pebble.Open(s.dir.join(pebbleName), options); err != nil {
		return openError(err)
	}
	s.modules = &Modules{store: s, path: s.dir.join(modulesName)}
	s.snapshots = &Snapshots{store: s, root: s.dir.join(snapshotsName), receiving: map[string]bool{}}
	return nil
}

// Close gives the directory free.
func (i *Inspector) Close() error {
	if i.store.closed.Swap(true) {
		return ErrClosed
	}
	if err := errors.Join(i.store.db.Close(), i.store.lock.Close()); err != nil {
		return fmt.Errorf("storage: close: %w", err)
	}
	return nil
}

// Snapshots is where the groups' snapshot files are; only what reads may be called.
func (i *Inspector) Snapshots() *Snapshots { return i.store.snapshots }

// Modules is where the modules are; only what reads may be called.
func (i *Inspector) Modules() *Modules { return i.store.modules }

// Overview looks at everything but the logs.
func (i *Inspector) Overview() Overview {
	var o Overview
	damage := func(err error) {
		if err != nil {
			o.Damage = append(o.Damage, err)
		}
	}
	s := i.store
	stored, err := s.readStoredIdentity()
	damage(err)
	file, err := readIdentityFile(s.dir)
	damage(err)
	switch {
	case stored != nil && file != nil && *stored != *file:
		damage(&DamagedError{Why: fmt.Sprintf("the store belongs to %v, the identity file to %v", stored.identity, file.identity)})
	case stored == nil:
		stored = file
	}
	if stored != nil {
		o.Identity, o.Description = stored.identity, stored.digest
	}
	o.Boot, _, err = s.number(keyBoot, "boot counter")
	damage(err)
	o.Batch, _, err = s.number(keySequence, "batch number")
	damage(err)
	c, err := readCopies(s.dir)
	damage(err)
	if o.MarkedBatch = c.mark.sequence; o.MarkedBatch > o.Batch {
		damage(&DamagedError{Why: fmt.Sprintf("the store ends with batch %d, but batch %d was acknowledged", o.Batch, o.MarkedBatch)})
	}
	damage(s.loadGroups())
	if o.Groups, err = s.Groups(); err != nil {
		damage(err)
	}
	return o
}

// Log reads a group's log from its start and checks every entry, as Restore does.
// ErrUnknownGroup; call Overview first.
func (i *Inspector) Log(id raft.GroupID) (LogOverview, error) {
	s := i.store
	g, err := s.group(id)
	if err != nil {
		return LogOverview{}, err
	}
	from := g.start.Load()
	o := LogOverview{Group: id, Created: g.base.snapshot, Snapshot: from.snapshot, Purged: from.purged.last}
	hs, err := s.readHardState(id)
	if err != nil {
		o.Damage = err
	}
	c, err := readCopies(s.dir)
	if err != nil && o.Damage == nil {
		o.Damage = err
	}
	o.HardState, o.Voted = hs, raft.HardState{Term: c.votes[id].term, Vote: c.votes[id].node}
	w := walk{g: g, tail: from.purged, out: raft.Restored{HardState: hs, Snapshot: from.snapshot}}
	if err = s.walk(&w); err == nil {
		err = w.finish()
	}
	if o.Damage == nil {
		o.Damage = err
	}
	o.Last, o.Bytes, o.TermRuns, o.Configurations = w.tail.last, w.out.LogBytes, w.out.TermRuns, w.out.Configs
	o.Entries = uint64(o.Last - o.Purged)
	return o, nil
}

// Entries hands the entries [lo, hi) of a group to take, each checked, and ends with
// its first error or the first damage. The data is valid during the call only. An
// index before the log is ErrCompacted; the end of the log is no error.
func (i *Inspector) Entries(id raft.GroupID, lo, hi raft.Index, take func(raft.Entry) error) error {
	s := i.store
	g, err := s.group(id)
	if err != nil {
		return err
	}
	start := g.start.Load().purged
	if lo <= start.last {
		return fmt.Errorf("%w: group %d: %d is not behind %d", ErrCompacted, id, lo, start.last)
	}
	if lo >= hi {
		return nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(id, lo-1), UpperBound: entryKey(id, hi)})
	if err != nil {
		return readError(id, lo, err)
	}
	defer it.Close()
	prev, err := g.seek(it, lo, start)
	if errors.Is(err, ErrOutOfRange) {
		return nil
	}
	if err != nil {
		return err
	}
	return eachEntry(id, prev, it, func(stored *storedEntry) error { return take(stored.entry) })
}
