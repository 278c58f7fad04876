package nodetest

import (
	"fmt"
	"slices"

	"github.com/wraft/wraft/internal/invariants"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// MemStore keeps logs in memory the way storage.Store keeps them on disk: what is
// written is visible at once and durable with the next sync, and a crash takes
// back what was not. It answers with the errors of package storage and stops at
// the same broken invariants.
//
// Invariant: durable is some earlier state of visible, and unsynced are the writes
// that lead from it to visible.
type MemStore struct {
	visible  memLogs
	durable  memLogs
	unsynced []storage.GroupWrite
	ready    map[raft.GroupID]bool // restored or created since the start
	failure  error
	crashed  bool
	syncs    uint64
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore {
	return &MemStore{visible: memLogs{}, durable: memLogs{}, ready: map[raft.GroupID]bool{}}
}

// CreateGroup makes an empty log that starts from base, durably. The same again
// changes nothing.
func (m *MemStore) CreateGroup(id raft.GroupID, base raft.SnapshotMeta) error {
	if err := m.usable(); err != nil {
		return err
	}
	if id == 0 {
		return fmt.Errorf("%w: the group's ID must not be 0", storage.ErrInvalid)
	}
	if err := base.Configuration.Validate(); err != nil {
		return fmt.Errorf("%w: group %d: %w", storage.ErrInvalid, id, err)
	}
	if l := m.visible[id]; l != nil {
		if !l.startsFrom(base) {
			return fmt.Errorf("%w: group %d", storage.ErrGroupExists, id)
		}
		return nil
	}
	m.visible[id], m.durable[id] = newMemLog(base), newMemLog(base)
	m.ready[id] = true
	m.Sync()
	return nil
}

// DeleteGroup removes a group and its log, durably, and what else was written is durable
// with it. One that does not exist is removed already.
func (m *MemStore) DeleteGroup(id raft.GroupID) error {
	if err := m.usable(); err != nil {
		return err
	}
	m.unsynced = slices.DeleteFunc(m.unsynced, func(w storage.GroupWrite) bool { return w.Group == id })
	delete(m.visible, id)
	delete(m.durable, id)
	delete(m.ready, id)
	m.Sync()
	return nil
}

// Groups returns the IDs of all groups, ascending.
func (m *MemStore) Groups() ([]raft.GroupID, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	return m.visible.groups(), nil
}

// Restore returns what a core starts from.
func (m *MemStore) Restore(id raft.GroupID) (raft.Restored, error) {
	l, err := m.log(id)
	if err != nil {
		return raft.Restored{}, err
	}
	r := raft.Restored{
		HardState: l.hardState, Snapshot: l.snapshot,
		PurgedIndex: l.purged, PurgedTerm: l.purgedTerm, LastIndex: l.last(),
	}
	term := l.purgedTerm
	for _, e := range l.entries {
		r.LogBytes += e.Size()
		if len(r.TermRuns) == 0 || e.Term != term {
			r.TermRuns = append(r.TermRuns, raft.TermRun{First: e.Index, Term: e.Term})
			term = e.Term
		}
		if e.Type != raft.EntryConfig || e.Index <= l.snapshot.Index {
			continue
		}
		c, err := confchange.Decode(e.Data)
		if err != nil {
			return raft.Restored{}, &storage.DamagedError{Group: id, Index: e.Index, Why: "configuration", Err: err}
		}
		r.Configs = append(r.Configs, raft.ConfigAt{Index: e.Index, Configuration: c})
	}
	m.ready[id] = true
	return r, nil
}

// Entries returns entries [lo, hi), at least one, at most bytesMax beyond that.
func (m *MemStore) Entries(id raft.GroupID, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error) {
	l, err := m.log(id)
	if err != nil {
		return nil, err
	}
	switch {
	case lo >= hi:
		return nil, fmt.Errorf("%w: no entries in [%d, %d)", storage.ErrInvalid, lo, hi)
	case lo <= l.purged:
		return nil, fmt.Errorf("%w: group %d: %d is not behind %d", storage.ErrCompacted, id, lo, l.purged)
	case lo > l.last():
		return nil, fmt.Errorf("%w: group %d has no entry %d", storage.ErrOutOfRange, id, lo)
	}
	var size uint64
	n := 0
	found := l.entries[lo-l.purged-1 : min(hi-1, l.last())-l.purged]
	for ; n < len(found); n++ {
		if size += found[n].Size(); size > bytesMax && n > 0 {
			break
		}
	}
	return slices.Clone(found[:n]), nil
}

// Commit performs writes in order, all or nothing, and syncs when any asks for it.
func (m *MemStore) Commit(ws []storage.GroupWrite) error {
	if err := m.Write(ws); err != nil {
		return err
	}
	if slices.ContainsFunc(ws, func(w storage.GroupWrite) bool { return w.Write.Sync }) {
		m.Sync()
	}
	return nil
}

// Write is Commit without the sync: the writes are visible and a crash may take
// them back. A simulator that lets a sync take time calls Write when it starts and
// Sync when it ends.
func (m *MemStore) Write(ws []storage.GroupWrite) error {
	for i := range ws {
		if _, err := m.log(ws[i].Group); err != nil {
			return err
		}
		if !m.ready[ws[i].Group] {
			return fmt.Errorf("%w: %d", storage.ErrNotRestored, ws[i].Group)
		}
	}
	for _, w := range ws {
		m.visible[w.Group].write(w)
		// Why the clone: whoever writes may use the slice again after the return.
		w.Write.Entries = slices.Clone(w.Write.Entries)
		if hs := w.Write.HardState; hs != nil {
			w.Write.HardState = &raft.HardState{Term: hs.Term, Vote: hs.Vote, Commit: hs.Commit}
		}
		m.unsynced = append(m.unsynced, w)
	}
	return nil
}

// Sync makes everything durable that was written so far.
func (m *MemStore) Sync() {
	for _, w := range m.unsynced {
		m.durable[w.Group].write(w)
	}
	clear(m.unsynced)
	m.unsynced = m.unsynced[:0]
	m.syncs++
}

// Syncs counts the syncs since the start.
func (m *MemStore) Syncs() uint64 { return m.syncs }

// Fail makes every later call fail, as a disk does that failed a write.
func (m *MemStore) Fail(cause error) { m.failure = cause }

// Crash ends this store and returns what a restart finds: all that was written,
// or only what was synced. Every later call to the old store fails.
func (m *MemStore) Crash(keepUnsynced bool) *MemStore {
	invariants.Check(!m.crashed, "nodetest: a store crashed twice")
	m.crashed = true
	if keepUnsynced {
		m.Sync() // replay makes it durable before anybody sees it
	}
	return &MemStore{visible: m.durable.clone(), durable: m.durable, ready: map[raft.GroupID]bool{}}
}

// log returns the group's log as it is visible.
func (m *MemStore) log(id raft.GroupID) (*memLog, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	l := m.visible[id]
	if l == nil {
		return nil, fmt.Errorf("%w: %d", storage.ErrUnknownGroup, id)
	}
	return l, nil
}

func (m *MemStore) usable() error {
	if m.crashed {
		return storage.ErrClosed
	}
	if m.failure != nil {
		return fmt.Errorf("%w: %w", storage.ErrFailed, m.failure)
	}
	return nil
}
