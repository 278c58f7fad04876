package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/wraft/wraft/raft"
)

// Entries returns the entries [lo, hi) of a group, each checked like Restore
// does; fewer when the log ends before hi or when more than bytesMax (by
// Entry.Size) would come together, but at least one. The data is the caller's.
// ErrCompacted and ErrOutOfRange say that lo lies before or behind the log.
//
// Entries of a Commit that has not returned yet may be among them.
func (s *Store) Entries(id raft.GroupID, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if lo >= hi {
		return nil, fmt.Errorf("%w: no entries in [%d, %d)", ErrInvalid, lo, hi)
	}
	g, err := s.group(id)
	if err != nil {
		return nil, err
	}
	// Why twice: where the log starts may move between the look at it and the look
	// at the disk. What seems damaged then is not.
	moves := g.moves.Load()
	entries, err := s.entries(g, lo, hi, bytesMax)
	if errors.Is(err, ErrDamaged) && (moves%2 == 1 || g.moves.Load() != moves) {
		moves = g.moves.Load()
		entries, err = s.entries(g, lo, hi, bytesMax)
		if errors.Is(err, ErrDamaged) && (moves%2 == 1 || g.moves.Load() != moves) {
			return nil, fmt.Errorf("%w: group %d: the log starts elsewhere by now", ErrCompacted, id)
		}
	}
	return entries, err
}

// entries is Entries while nothing moves.
func (s *Store) entries(g *group, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error) {
	id, start := g.id, g.start.Load().purged
	if lo <= start.last {
		return nil, fmt.Errorf("%w: group %d: %d is not behind %d", ErrCompacted, id, lo, start.last)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(id, lo-1), UpperBound: entryKey(id, hi)})
	if err != nil {
		return nil, readError(id, lo, err)
	}
	defer it.Close()
	prev, err := g.seek(it, lo, start)
	if err != nil {
		return nil, err
	}
	return readEntries(id, prev, it, bytesMax)
}

// seek puts the iterator on entry lo and returns what lies before it, in a log
// that starts behind start.
func (g *group) seek(it *pebble.Iterator, lo raft.Index, start tail) (tail, error) {
	found := it.First()
	prev := start
	if lo-1 > prev.last {
		if !found {
			return tail{}, endError(g.id, lo, it)
		}
		if index, ok := entryKeyIndex(it.Key()); !ok || index != lo-1 {
			return tail{}, &DamagedError{Group: g.id, Index: lo - 1, Why: "the entry is missing"}
		}
		stored, err := decodeEntry(it.Value())
		if err != nil {
			return tail{}, &DamagedError{Group: g.id, Index: lo - 1, Why: "entry", Err: err}
		}
		prev = tail{last: lo - 1, term: stored.entry.Term, chain: stored.chain}
		found = it.Next()
	}
	if !found {
		return tail{}, endError(g.id, lo, it)
	}
	return prev, nil
}

// endError says why the iterator has nothing more.
func endError(id raft.GroupID, lo raft.Index, it *pebble.Iterator) error {
	if err := it.Error(); err != nil {
		return readError(id, lo, err)
	}
	return fmt.Errorf("%w: group %d has no entry %d", ErrOutOfRange, id, lo)
}

// errEnough ends a walk over entries before the end of the log.
var errEnough = errors.New("storage: enough entries")

// readEntries copies out what follows on prev, from the iterator's place on.
func readEntries(id raft.GroupID, prev tail, it *pebble.Iterator, bytesMax uint64) ([]raft.Entry, error) {
	var out []raft.Entry
	var size uint64
	err := eachEntry(id, prev, it, func(stored *storedEntry) error {
		e := stored.entry
		if size += e.Size(); size > bytesMax && len(out) > 0 {
			return errEnough
		}
		e.Data = bytes.Clone(e.Data)
		out = append(out, e)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return out, nil
}

// eachEntry hands what follows on prev to take, from the iterator's place on, each
// entry checked. What take gets lies in the iterator's memory.
func eachEntry(id raft.GroupID, prev tail, it *pebble.Iterator, take func(*storedEntry) error) error {
	for ok := it.Valid(); ok; ok = it.Next() {
		stored, err := nextEntry(id, prev, it)
		if err != nil {
			return err
		}
		if err := take(&stored); err != nil {
			return err
		}
		prev = tail{last: stored.entry.Index, term: stored.entry.Term, chain: stored.chain}
	}
	if err := it.Error(); err != nil {
		return readError(id, prev.last+1, err)
	}
	return nil
}
