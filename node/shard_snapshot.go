package node

import (
	"errors"

	"github.com/wraft/wraft/raft"
)

// GroupSnapshot is something to be done with a snapshot of a group.
type GroupSnapshot struct {
	Group   raft.GroupID
	Command raft.SnapshotCommand
}

// errReplaced: the log was replaced by a snapshot in which the command may be.
var errReplaced = errors.New("node: a snapshot took the place of the log")

// SnapshotAt describes a snapshot of the group's machine behind an applied index: what
// is to be stored with it. It is false when such a snapshot is of no use any more.
func (s *Shard) SnapshotAt(g raft.GroupID, index raft.Index) (raft.SnapshotMeta, bool) {
	r := s.replicas[g]
	if r == nil {
		return raft.SnapshotMeta{}, false
	}
	m, ok := r.core.SnapshotAt(index)
	return m, ok && index >= r.core.Status().SnapshotIndex // Why equal: its file may be gone
}

// SnapshotTaken says that a snapshot is durable which SnapshotAt described.
func (s *Shard) SnapshotTaken(g raft.GroupID, m raft.SnapshotMeta) {
	if r := s.replicas[g]; r != nil {
		if _, ok := s.SnapshotAt(g, m.Index); ok {
			r.core.SnapshotTaken(m)
			s.touch(r)
		}
	}
}

// SnapshotReceived says that all of a snapshot that was to be received is durable and
// sound. It reports whether it is needed.
func (s *Shard) SnapshotReceived(g raft.GroupID, m raft.SnapshotMeta) bool {
	r := s.replicas[g]
	if r == nil {
		return false
	}
	s.settle(r)
	defer s.touch(r)
	return r.core.SnapshotReceived(m)
}

// SnapshotProgress says how many bytes of a snapshot have reached a peer.
func (s *Shard) SnapshotProgress(g raft.GroupID, peer raft.NodeID, index raft.Index, bytes uint64) {
	if r := s.replicas[g]; r != nil {
		s.settle(r)
		r.core.SnapshotProgress(peer, index, bytes)
		s.touch(r)
	}
}

// SnapshotDone says how the sending of a snapshot to a peer has ended.
func (s *Shard) SnapshotDone(g raft.GroupID, peer raft.NodeID, index raft.Index, err error) {
	if r := s.replicas[g]; r != nil {
		s.settle(r)
		r.core.SnapshotDone(peer, index, err)
		s.touch(r)
	}
}

// translateSnapshots hands on what is to be done with snapshots.
func (r *replica) translateSnapshots(e *raft.Effects, out *ShardEffects) {
	for _, c := range e.Snapshots {
		out.Snapshots = append(out.Snapshots, GroupSnapshot{Group: r.group, Command: c})
		if c.Action != raft.SnapshotRestore {
			continue
		}
		for index, tickets := range r.committed {
			if index > c.Snapshot.Index {
				continue
			}
			delete(r.committed, index)
			for _, t := range tickets {
				out.Failures = append(out.Failures, Failure{Ticket: t, Outcome: raft.OutcomeUnknown, Index: index, Err: errReplaced})
			}
		}
	}
}
