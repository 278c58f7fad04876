package storage

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// Restore returns what a core starts from: the first time what Open found, later what
// the disk says now. A log that is not exactly what was written is a *DamagedError with
// the first index that cannot be trusted. The first Restore of a group must not run
// beside another call for the same group. Nor is the group unknown that the second copy of the
// votes alone knows: its log is lost with Pebble, which is a *DamagedError that says so.
func (s *Store) Restore(id raft.GroupID) (raft.Restored, error) {
	if err := s.usable(); err != nil {
		return raft.Restored{}, err
	}
	g, err := s.group(id)
	if v := s.votes.of(id); err != nil && v.term > 0 {
		return raft.Restored{}, &DamagedError{Group: id, Why: fmt.Sprintf("its log is lost with the store, what is left is the vote of term %d: create it anew, for the others to refill", v.term)}
	}
	if err != nil {
		return raft.Restored{}, err
	}
	if !g.ready.Load() {
		out := g.first
		g.load(g.tail, out.HardState)
		g.first = raft.Restored{}
		return out, nil
	}
	return s.restore(g)
}

// restore reads a group's whole log and checks every entry.
func (s *Store) restore(g *group) (raft.Restored, error) {
	hs, err := s.readHardState(g.id)
	if err != nil {
		return raft.Restored{}, err
	}
	mark, damaged, err := s.number(groupKey(keyPrefixDamage, g.id), "damage")
	if err != nil || damaged && mark != uint64(g.id) {
		return raft.Restored{}, &DamagedError{Group: g.id, Why: "the note of its damage", Err: err}
	}
	from := g.start.Load()
	w := walk{g: g, tail: from.purged, out: raft.Restored{
		HardState: hs, Snapshot: from.snapshot, Damaged: damaged,
		PurgedIndex: from.purged.last, PurgedTerm: from.purged.term,
	}}
	if err := s.walk(&w); err != nil {
		return raft.Restored{}, err
	}
	if err := w.finish(); err != nil {
		return raft.Restored{}, err
	}
	if !g.ready.Load() {
		g.tail = w.tail
	}
	return w.out, nil
}

func (s *Store) readHardState(id raft.GroupID) (raft.HardState, error) {
	value, err := s.get(groupKey(keyPrefixHardState, id))
	if err != nil || value == nil {
		return raft.HardState{}, err
	}
	hs, err := decodeHardState(value, id)
	if err != nil {
		return raft.HardState{}, &DamagedError{Group: id, Why: "hard state", Err: err}
	}
	return hs, nil
}

// walk follows a log from its base and gathers what Restore returns.
type walk struct {
	g    *group
	tail tail
	out  raft.Restored
}

// walk feeds every entry of the group to w.
func (s *Store) walk(w *walk) error {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: entryKey(w.g.id, w.tail.last+1), UpperBound: entryKeysEnd(w.g.id),
	})
	if err != nil {
		return readError(w.g.id, w.tail.last+1, err)
	}
	defer it.Close()
	it.First()
	return eachEntry(w.g.id, w.tail, it, w.take)
}

// take adds an entry that was found sound.
func (w *walk) take(stored *storedEntry) error {
	e := &stored.entry
	if len(w.out.TermRuns) == 0 || e.Term != w.tail.term {
		w.out.TermRuns = append(w.out.TermRuns, raft.TermRun{First: e.Index, Term: e.Term})
	}
	w.out.LogBytes += e.Size()
	if e.Type == raft.EntryConfig && e.Index > w.out.Snapshot.Index {
		c, err := confchange.Decode(e.Data)
		if err != nil {
			return &DamagedError{Group: w.g.id, Index: e.Index, Why: "configuration", Err: err}
		}
		w.out.Configs = append(w.out.Configs, raft.ConfigAt{Index: e.Index, Configuration: c})
	}
	w.tail = tail{last: e.Index, term: e.Term, chain: stored.chain}
	return nil
}

// finish compares the log with the hard state, which tells what was there before.
func (w *walk) finish() error {
	w.out.LastIndex = w.tail.last
	hs := w.out.HardState
	if hs.Commit < w.out.Snapshot.Index && w.out.Snapshot.Index > w.g.base.snapshot.Index {
		return &DamagedError{Group: w.g.id, Index: w.out.Snapshot.Index,
			Why: fmt.Sprintf("a snapshot at %d, but only %d was committed", w.out.Snapshot.Index, hs.Commit)}
	}
	if hs.Commit > w.tail.last {
		return &DamagedError{Group: w.g.id, Index: w.tail.last + 1,
			Why: fmt.Sprintf("the log ends at %d, but %d was committed", w.tail.last, hs.Commit)}
	}
	if n := len(w.out.TermRuns); n > 0 && w.tail.term > hs.Term {
		return &DamagedError{Group: w.g.id, Index: w.out.TermRuns[n-1].First,
			Why: fmt.Sprintf("an entry of term %d, but the hard state knows term %d only", w.tail.term, hs.Term)}
	}
	return nil
}

// nextEntry decodes the entry under the iterator and checks that it follows on
// prev: index, term and chain. What it returns lies in the iterator's memory.
func nextEntry(id raft.GroupID, prev tail, it *pebble.Iterator) (storedEntry, error) {
	want := prev.last + 1
	damaged := func(why string, err error) (storedEntry, error) {
		return storedEntry{}, &DamagedError{Group: id, Index: want, Why: why, Err: err}
	}
	index, ok := entryKeyIndex(it.Key())
	if !ok {
		return damaged(fmt.Sprintf("unknown key %x", it.Key()), nil)
	}
	if index != want {
		return damaged(fmt.Sprintf("the entry is missing, the next is %d", index), nil)
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return storedEntry{}, readError(id, want, err)
	}
	stored, err := decodeEntry(value)
	if err != nil {
		return damaged("entry", err)
	}
	switch e := &stored.entry; {
	case e.Index != want:
		return damaged(fmt.Sprintf("the value is that of entry %d", e.Index), nil)
	case !stored.follows(prev.chain):
		return damaged("the chain is broken: the entry was not written behind the one before it", nil)
	case e.Term < prev.term:
		return damaged(fmt.Sprintf("term %d behind term %d", e.Term, prev.term), nil)
	}
	return stored, nil
}
