package storage

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/wraft/wraft/internal/invariants"
	"github.com/wraft/wraft/raft"
)

// GroupWrite is a write of one group.
type GroupWrite struct {
	Group raft.GroupID
	Write raft.Write
}

// batchBytesMax bounds one Commit, well below what Pebble can take in one batch.
const batchBytesMax = 512 << 20

// Commit makes writes of any number of groups durable, in their order, all or
// nothing, with one sync when any of them asks for one; without that they are
// written and become durable with the next sync. Nothing of ws is kept.
//
// ErrUnknownGroup, ErrNotRestored and ErrBatchTooLarge change nothing. Every
// other error is final: Options.Fatal has been called and whether the writes are
// durable is unknown. Writes that no correct core emits panic.
func (s *Store) Commit(ws []GroupWrite) error {
	if err := s.usable(); err != nil {
		return err
	}
	size, sync, err := s.weigh(ws)
	if err != nil || size == 0 && !sync {
		return err
	}
	c := commit{id: s.commits.Add(1), store: s, batch: s.db.NewBatchWithSize(size)}
	defer c.batch.Close()
	if err := c.take(ws); err != nil {
		return err
	}
	defer c.release(ws)
	if err := c.build(ws); err != nil {
		s.fail(err)
		return err
	}
	start := s.clock.Now()
	if len(c.votes) > 0 {
		if err := s.votes.add(c.votes); err != nil {
			s.fail(err)
			return err
		}
	}
	bytes := c.batch.Len()
	if err := s.apply(c.batch, sync); err != nil {
		return err
	}
	s.meter.batch(bytes, c.entries, c.truncations, sync, s.clock.Now()-start)
	return nil
}

// Bytes a key and a value need in a batch beyond their own: a kind and two
// lengths. Only a first guess at the batch's size rests on them.
const (
	framingBytes   = 1 + 2 + 4
	recordBytesMax = recordHeaderBytes + 4*10
	startBytesMax  = 256 // a guess
)

// weigh returns how large the batch will be, about, and whether it needs a sync.
func (s *Store) weigh(ws []GroupWrite) (size int, sync bool, err error) {
	for i := range ws {
		w := &ws[i].Write
		sync = sync || w.Sync
		for j := range w.Entries {
			size += framingBytes + entryKeyBytes + entryHeaderBytes + 22 + len(w.Entries[j].Data)
		}
		if w.HardState != nil {
			size += framingBytes + groupKeyBytes + recordBytesMax
		}
		if w.Truncate {
			size += framingBytes + 2*entryKeyBytes
		}
		if w.Snapshot != nil || w.CompactTo != 0 {
			size += 2 * (framingBytes + 2*entryKeyBytes + startBytesMax)
		}
		if size > batchBytesMax {
			return 0, false, fmt.Errorf("%w: at most %d bytes", ErrBatchTooLarge, batchBytesMax)
		}
	}
	return size, sync, nil
}

// commit is one Commit under way.
type commit struct {
	id                   uint64
	store                *Store
	batch                *pebble.Batch
	entries, truncations uint64
	votes                []voteRecord // that the batch changes

	// Scratch for a hard state, here so that it need not be allocated for each.
	key   [groupKeyBytes]byte
	value [recordBytesMax]byte
}

// take makes the commit the owner of every group in ws, or of none.
func (c *commit) take(ws []GroupWrite) error {
	for i := range ws {
		g, err := c.store.group(ws[i].Group)
		if err == nil && !g.ready.Load() {
			err = fmt.Errorf("%w: %d", ErrNotRestored, ws[i].Group)
		}
		if err != nil {
			c.release(ws[:i])
			return err
		}
		if !g.owner.CompareAndSwap(0, c.id) && g.owner.Load() != c.id {
			invariants.Violated("storage: two Commits of group %d overlap", g.id)
		}
	}
	return nil
}

func (c *commit) release(ws []GroupWrite) {
	for i := range ws {
		if g, err := c.store.group(ws[i].Group); err == nil && g.owner.Load() == c.id {
			g.recent = g.recent[:0]
			if g.moving() {
				g.moves.Add(1)
			}
			g.owner.Store(0)
		}
	}
}

// build puts the writes into the batch and moves the groups' tails along. When it
// or the batch fails, the tails are wrong, and nobody will ask for them again.
func (c *commit) build(ws []GroupWrite) error {
	for i := range ws {
		g, err := c.store.group(ws[i].Group)
		if err != nil {
			return err
		}
		if err := c.add(g, &ws[i].Write); err != nil {
			return err
		}
	}
	return nil
}

func (c *commit) add(g *group, w *raft.Write) error {
	if w.Truncate {
		if err := c.truncate(g, w.TruncateAfter); err != nil {
			return err
		}
	}
	if w.Snapshot != nil {
		if err := c.publish(g, w); err != nil {
			return err
		}
	}
	if hs := w.HardState; hs != nil {
		if err := c.setHardState(g, *hs); err != nil {
			return err
		}
	}
	for i := range w.Entries {
		c.append(g, &w.Entries[i])
	}
	if w.Healed {
		if err := c.batch.Delete(groupKey(keyPrefixDamage, g.id), nil); err != nil {
			return fmt.Errorf("storage: heal group %d: %w", g.id, err)
		}
	}
	if from := g.start.Load(); g.hardState.Commit > g.tail.last || w.Snapshot != nil && g.hardState.Commit < from.snapshot.Index {
		invariants.Violated("storage: group %d: commit %d with a snapshot at %d and the last index %d",
			g.id, g.hardState.Commit, from.snapshot.Index, g.tail.last)
	}
	if w.CompactTo != 0 {
		return c.compact(g, w.CompactTo)
	}
	return nil
}

// truncate removes the entries behind after.
func (c *commit) truncate(g *group, after raft.Index) error {
	if from := g.start.Load(); after < from.purged.last || after > g.tail.last || after < g.hardState.Commit {
		invariants.Violated("storage: group %d: truncation behind %d with a log from %d, commit %d, last %d",
			g.id, after, from.purged.last, g.hardState.Commit, g.tail.last)
	}
	if after == g.tail.last {
		return nil
	}
	t, err := c.store.tailAt(g, after)
	if err != nil {
		return err
	}
	if err := c.remove(g, after+1, g.tail.last+1); err != nil {
		return err
	}
	g.tail = t
	c.truncations++
	return nil
}

// tailAt returns the place of an entry that is not the last: from the batch being
// built, the log's start or the disk.
func (s *Store) tailAt(g *group, at raft.Index) (tail, error) {
	for i := len(g.recent) - 1; i >= 0; i-- {
		if g.recent[i].last == at {
			return g.recent[i], nil
		}
	}
	if t := g.start.Load().purged; t.last == at {
		return t, nil
	}
	value, closer, err := s.db.Get(entryKey(g.id, at))
	if err != nil {
		return tail{}, &DamagedError{Group: g.id, Index: at, Why: "the entry cannot be read", Err: err}
	}
	defer closer.Close()
	stored, err := decodeEntry(value)
	if err != nil || stored.entry.Index != at {
		return tail{}, &DamagedError{Group: g.id, Index: at, Why: "entry", Err: err}
	}
	return tail{last: at, term: stored.entry.Term, chain: stored.chain}, nil
}

func (c *commit) setHardState(g *group, hs raft.HardState) error {
	old := g.hardState
	if hs.Term < old.Term || hs.Commit < old.Commit ||
		hs.Term == old.Term && old.Vote != 0 && hs.Vote != old.Vote {
		invariants.Violated("storage: group %d: hard state goes back from %+v to %+v", g.id, old, hs)
	}
	if err := c.batch.Set(appendGroupKey(c.key[:0], keyPrefixHardState, g.id),
		appendHardState(c.value[:0], g.id, hs), nil); err != nil {
		return fmt.Errorf("storage: hard state of group %d: %w", g.id, err)
	}
	if hs.Term != old.Term || hs.Vote != old.Vote {
		c.votes = append(c.votes, voteRecord{g.id, vote{hs.Term, hs.Vote}})
	}
	g.hardState = hs
	return nil
}

// append adds one entry. It is encoded straight into the batch.
func (c *commit) append(g *group, e *raft.Entry) {
	if e.Index != g.tail.last+1 || e.Term < g.tail.term || e.Term > g.hardState.Term || !e.Type.Valid() {
		invariants.Violated("storage: group %d: entry %d of term %d, type %v, behind %d of term %d in term %d",
			g.id, e.Index, e.Term, e.Type, g.tail.last, g.tail.term, g.hardState.Term)
	}
	op := c.batch.SetDeferred(entryKeyBytes, entryValueBytes(e))
	putEntryKey(op.Key, g.id, e.Index)
	g.tail = tail{last: e.Index, term: e.Term, chain: putEntry(op.Value, e, g.tail.chain)}
	g.recent = append(g.recent, g.tail)
	c.entries++
	_ = op.Finish() // it fails for indexed batches only
}
