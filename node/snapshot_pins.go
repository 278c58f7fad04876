package node

import (
	"time"

	"github.com/wraft/wraft/raft"
)

// holdSnapshotFor is how many election timeouts a snapshot stays that a peer is being
// brought, since it last said how far it is: as long as a leader offers that one again.
const holdSnapshotFor = 30

// sendingTo is a follower that is being sent a snapshot of a group.
type sendingTo struct {
	group raft.GroupID
	peer  raft.NodeID
}

// heldSnapshot is one that a peer is being brought, whoever leads.
type heldSnapshot struct {
	index raft.Index
	until time.Duration // as the node's clock counts
}

// pinned are the indexes of the snapshots of a group that are being sent, by whomever.
func (s *snapshots) pinned(g raft.GroupID) map[raft.Index]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[raft.Index]bool{}
	for to, index := range s.sending {
		if to.group == g {
			out[index] = true
		}
	}
	now := s.node.clock.Now()
	for to, h := range s.held {
		switch {
		case now > h.until:
			delete(s.held, to)
		case to.group == g:
			out[h.index] = true
		}
	}
	return out
}

// send lets a peer have a snapshot, which it fetches by itself.
func (s *snapshots) send(g *group, c raft.SnapshotCommand) {
	s.mu.Lock()
	s.sending[sendingTo{g.id, c.Peer}] = c.Snapshot.Index
	s.mu.Unlock()
	s.node.spawn(func() {
		if newest, err := s.node.newestSnapshot(g.id); err == nil && newest.Index > c.Snapshot.Index {
			return // Why unchecked: somebody else may have it, and if nobody has the peer says so
		}
		if _, err := s.at(g.id, c.Snapshot.Index); err != nil {
			s.sent(g, c.Peer, c.Snapshot.Index, err)
			s.renew(g, c.Snapshot.Index)
		}
	})
}

func (s *snapshots) unpin(g raft.GroupID, peer raft.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sending, sendingTo{g, peer})
}

// hold keeps a snapshot that a peer is being brought, if it is here, though newer ones are
// taken: who leads next sends that one.
func (s *snapshots) hold(g raft.GroupID, peer raft.NodeID, index raft.Index) {
	until := s.node.clock.Now() + holdSnapshotFor*s.node.cfg.ElectionTimeout
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[sendingTo{g, peer}] = heldSnapshot{index, until}
}

// let ends that: the peer has it.
func (s *snapshots) let(g raft.GroupID, peer raft.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, sendingTo{g, peer})
}
