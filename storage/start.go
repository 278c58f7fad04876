package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wraft/wraft/internal/invariants"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// start is where a group's log starts by now: behind the last entry that was
// purged, with the newest snapshot that was published. It never changes; Commit
// puts another one in its place.
//
// How it gets to disk: in the same batch as the removal of the entries before it.
// A crash leaves the old start with its entries or the new one with its own.
type start struct {
	purged   tail
	snapshot raft.SnapshotMeta
}

// start returns where a log begins that was never compacted.
func (b base) start() *start {
	m := b.snapshot
	return &start{purged: tail{last: m.Index, term: m.Term, chain: b.chain}, snapshot: m}
}

// encodeStart writes the start of g as a record.
func encodeStart(g raft.GroupID, s *start) []byte {
	b := newRecord(nil)
	for _, v := range [...]uint64{uint64(g), uint64(s.purged.last), uint64(s.purged.term), uint64(s.purged.chain)} {
		b = binary.AppendUvarint(b, v)
	}
	return sealRecord(appendMeta(b, s.snapshot))
}

func decodeStart(b []byte, g raft.GroupID) (*start, error) {
	r, err := openRecord(b)
	if err != nil {
		return nil, err
	}
	r.expect(uint64(g), "group")
	s := &start{purged: tail{last: raft.Index(r.uvarint()), term: raft.Term(r.uvarint()), chain: chain(r.uvarint())}}
	if s.snapshot, err = r.meta(); err != nil {
		return nil, err
	}
	if s.purged.last > s.snapshot.Index {
		return nil, errors.New("the log starts behind its snapshot")
	}
	return s, nil
}

// appendMeta writes a snapshot's description, the last field of a record.
func appendMeta(b []byte, m raft.SnapshotMeta) []byte {
	b = binary.AppendUvarint(b, uint64(m.Index))
	b = binary.AppendUvarint(b, uint64(m.Term))
	b = binary.AppendUvarint(b, uint64(m.ConfigIndex))
	return append(b, m.Configuration.Encode()...)
}

// meta reads what appendMeta wrote, up to the record's end.
func (r *reader) meta() (raft.SnapshotMeta, error) {
	m := raft.SnapshotMeta{
		Index: raft.Index(r.uvarint()), Term: raft.Term(r.uvarint()), ConfigIndex: raft.Index(r.uvarint()),
	}
	if r.err != nil {
		return m, r.err
	}
	var err error
	m.Configuration, err = confchange.Decode(r.b)
	return m, err
}

// loadStart reads where the group's log starts, unless that is where it was
// created.
func (s *Store) loadStart(g *group) error {
	g.start.Store(g.base.start())
	value, err := s.get(groupKey(keyPrefixStart, g.id))
	if err != nil || value == nil {
		return err
	}
	st, err := decodeStart(value, g.id)
	if err != nil {
		return &DamagedError{Group: g.id, Why: "start of the log", Err: err}
	}
	g.start.Store(st)
	return nil
}

// publish makes w's snapshot the newest, and the log begin anew behind it when w
// asks for that.
func (c *commit) publish(g *group, w *raft.Write) error {
	m, old := *w.Snapshot, g.start.Load()
	if m.Index <= old.snapshot.Index || w.Truncate && w.Reset || !w.Reset && m.Index > g.tail.last {
		invariants.Violated("storage: group %d: snapshot at %d behind one at %d, reset %v, last %d",
			g.id, m.Index, old.snapshot.Index, w.Reset, g.tail.last)
	}
	st := &start{purged: old.purged, snapshot: m}
	if w.Reset {
		// Why a chain of its own: the entry at m.Index is not known here, and no entry
		// of the old log may chain up with the new one.
		st.purged = newBase(g.id, m).start().purged
		if err := c.remove(g, old.purged.last+1, g.tail.last+1); err != nil {
			return err
		}
		g.tail, g.recent = st.purged, g.recent[:0]
	}
	return c.setStart(g, st)
}

// compact removes the entries up to upTo.
func (c *commit) compact(g *group, upTo raft.Index) error {
	old := g.start.Load()
	if upTo <= old.purged.last || upTo > old.snapshot.Index {
		invariants.Violated("storage: group %d: compaction of (%d, %d] with a snapshot at %d",
			g.id, old.purged.last, upTo, old.snapshot.Index)
	}
	purged := g.tail
	if upTo != g.tail.last {
		var err error
		if purged, err = c.store.tailAt(g, upTo); err != nil {
			return err
		}
	}
	if err := c.remove(g, old.purged.last+1, upTo+1); err != nil {
		return err
	}
	return c.setStart(g, &start{purged: purged, snapshot: old.snapshot})
}

// remove deletes the entries [lo, hi).
func (c *commit) remove(g *group, lo, hi raft.Index) error {
	if lo >= hi {
		return nil
	}
	op := c.batch.DeleteRangeDeferred(entryKeyBytes, entryKeyBytes)
	putEntryKey(op.Key, g.id, lo)
	putEntryKey(op.Value, g.id, hi)
	if err := op.Finish(); err != nil {
		return fmt.Errorf("storage: remove entries of group %d: %w", g.id, err)
	}
	return nil
}

// setStart writes st into the batch and shows it to readers. Readers that come
// between that and the end of the batch see a start that the disk does not have
// yet: Entries knows how to tell.
func (c *commit) setStart(g *group, st *start) error {
	if err := c.batch.Set(groupKey(keyPrefixStart, g.id), encodeStart(g.id, st), nil); err != nil {
		return fmt.Errorf("storage: start of group %d: %w", g.id, err)
	}
	if !g.moving() {
		g.moves.Add(1)
	}
	g.start.Store(st)
	return nil
}

// moving reports whether a Commit is changing where the log starts.
func (g *group) moving() bool { return g.moves.Load()%2 == 1 }
