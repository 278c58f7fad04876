package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// sources are the peers from which a snapshot of a group is fetched that a leader offers,
// in order: the nearest first, since equal logs make equal snapshots. What came last time
// was damaged: then the leader first, who takes a new one when it hears of damage.
func (s *snapshots) sources(g raft.GroupID, leader raft.NodeID) []raft.NodeID {
	s.mu.Lock()
	defer s.mu.Unlock()
	near := s.node.others()
	if s.damaged[g] || !slices.Contains(near, leader) {
		return firstOf(leader, near)
	}
	return near
}

// received notes how the fetching of a group's snapshot ended.
func (s *snapshots) received(g raft.GroupID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.damaged, g)
	case errors.Is(err, storage.ErrDamaged):
		s.damaged[g] = true
	}
}

// firstOf is a list with a peer moved to its front, or put there.
func firstOf(peer raft.NodeID, list []raft.NodeID) []raft.NodeID {
	rest := slices.DeleteFunc(slices.Clone(list), func(id raft.NodeID) bool { return id == peer })
	return append([]raft.NodeID{peer}, rest...)
}

// listAny asks for the files of a snapshot at an index, until a peer has it. When nobody
// does the error is what the leader says: whether it has to take another one.
func (s *snapshots) listAny(ctx context.Context, peers []raft.NodeID, g raft.GroupID, index raft.Index, leader raft.NodeID) ([]storage.SnapshotFile, error) {
	var decisive error
	var others []error
	for _, peer := range peers {
		files, err := s.list(ctx, peer, g, snapshotAtName, index)
		switch {
		case err == nil:
			return files, nil
		case peer == leader:
			decisive = err
		default:
			others = append(others, fmt.Errorf("%v: %w", peer, err))
		}
	}
	return nil, fmt.Errorf("%w (others: %v)", decisive, errors.Join(others...))
}
