package storage

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/wraft/wraft/raft"
)

// tail is the last entry of a log, or its base when the log is empty.
type tail struct {
	last  raft.Index
	term  raft.Term
	chain chain
}

// group is what the store knows of a group without asking the disk.
type group struct {
	id   raft.GroupID
	base base

	start atomic.Pointer[start]
	moves atomic.Uint64 // of start, odd while one is on its way to the disk
	first raft.Restored // what Open found, for the first Restore

	ready atomic.Bool   // the fields below are loaded
	owner atomic.Uint64 // the Commit that is at work on them; 0: none

	// Only the owner touches these.
	tail      tail
	hardState raft.HardState
	// recent holds the tails behind each entry of the batch being built, so that a
	// truncation within the batch finds its chain.
	recent []tail
}

// load fills in what Commit needs; afterwards Commits are welcome.
func (g *group) load(t tail, hs raft.HardState) {
	g.tail, g.hardState = t, hs
	g.ready.Store(true)
}

// CreateGroup makes an empty log that starts from meta, durably, whose
// configuration is the group's first. The same again changes nothing, however far
// the log has come; another one is ErrGroupExists.
func (s *Store) CreateGroup(id raft.GroupID, meta raft.SnapshotMeta) error {
	if err := s.usable(); err != nil {
		return err
	}
	if id == 0 {
		return fmt.Errorf("%w: the group's ID must not be 0", ErrInvalid)
	}
	if err := meta.Configuration.Validate(); err != nil {
		return fmt.Errorf("%w: group %d: %w", ErrInvalid, id, err)
	}
	if meta.ConfigIndex != 0 {
		return fmt.Errorf("%w: group %d: its first configuration is that of entry %d", ErrInvalid, id, meta.ConfigIndex)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[id]; g != nil {
		if reflect.DeepEqual(g.base.snapshot, meta) {
			return nil
		}
		return fmt.Errorf("%w: group %d", ErrGroupExists, id)
	}
	g := &group{id: id, base: newBase(id, meta)}
	hs, err := s.writeGroup(g)
	if err != nil {
		return err
	}
	g.start.Store(g.base.start())
	g.load(g.base.start().purged, hs)
	s.groups[id] = g
	return nil
}

// writeGroup makes a new group durable and returns its hard state. Of a group that
// the second copy of the votes knows, Pebble has lost the log: its replica is
// damaged and keeps what it promised.
func (s *Store) writeGroup(g *group) (hs raft.HardState, err error) {
	b := s.db.NewBatch()
	defer b.Close()
	err = b.Set(groupKey(keyPrefixGroup, g.id), encodeBase(g.id, g.base), nil)
	if v := s.votes.of(g.id); v.term > 0 {
		hs.Term, hs.Vote = v.term, v.node
		err = errors.Join(err,
			b.DeleteRange(entryKey(g.id, 0), entryKeysEnd(g.id), nil), // what is left of the old log
			b.Delete(groupKey(keyPrefixStart, g.id), nil),
			b.Set(groupKey(keyPrefixHardState, g.id), appendHardState(nil, g.id, hs), nil),
			b.Set(groupKey(keyPrefixDamage, g.id), numberRecord(uint64(g.id)), nil))
	}
	if err != nil {
		return hs, fmt.Errorf("storage: create group %d: %w", g.id, err)
	}
	return hs, s.apply(b, true)
}

// DeleteGroup removes a group and its log, durably. A group that does not exist
// is already removed. No Commit of the group may be under way.
func (s *Store) DeleteGroup(id raft.GroupID) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups[id] == nil {
		return nil
	}
	// Why first: a group that this copy alone knows is one that Pebble lost.
	if err := s.votes.add([]voteRecord{{group: id}}); err != nil {
		s.fail(err)
		return err
	}
	b := s.db.NewBatch()
	defer b.Close()
	err := errors.Join(
		b.DeleteRange(entryKey(id, 0), entryKeysEnd(id), nil),
		b.Delete(groupKey(keyPrefixHardState, id), nil),
		b.Delete(groupKey(keyPrefixStart, id), nil),
		b.Delete(groupKey(keyPrefixDamage, id), nil),
		b.Delete(groupKey(keyPrefixGroup, id), nil),
	)
	if err != nil {
		return fmt.Errorf("storage: delete group %d: %w", id, err)
	}
	if err := s.apply(b, true); err != nil {
		return err
	}
	delete(s.groups, id)
	return nil
}

// Groups returns the IDs of all groups, ascending.
func (s *Store) Groups() ([]raft.GroupID, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]raft.GroupID, 0, len(s.groups))
	for id := range s.groups {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

func (s *Store) group(id raft.GroupID) (*group, error) {
	s.mu.RLock()
	g := s.groups[id]
	s.mu.RUnlock()
	if g == nil {
		return nil, fmt.Errorf("%w: %d", ErrUnknownGroup, id)
	}
	return g, nil
}

// loadGroups reads the base of every group.
func (s *Store) loadGroups() error {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{keyPrefixGroup}, UpperBound: []byte{keyPrefixGroup + 1},
	})
	if err != nil {
		return readError(0, 0, err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		id, known := groupKeyID(it.Key())
		if !known || id == 0 {
			return &DamagedError{Why: fmt.Sprintf("unknown key %x", it.Key())}
		}
		b, err := decodeBase(it.Value(), id)
		if err != nil {
			return &DamagedError{Group: id, Why: "base", Err: err}
		}
		g := &group{id: id, base: b}
		if err := s.loadStart(g); err != nil {
			return err
		}
		s.groups[id] = g
	}
	if err := it.Error(); err != nil {
		return readError(0, 0, err)
	}
	return nil
}
