package rafttest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/wraft/wraft/raft"
)

// TakeSnapshot makes a snapshot of the machine as it is, durably, and tells the
// core; state is what the owner wants to have back. It reports false when there is
// nothing newer than the last one.
func (n *Node) TakeSnapshot(state []byte) bool {
	index := raft.Index(len(n.Applied))
	meta, ok := n.Core.SnapshotAt(index)
	chain, here := n.Disk.memory.at(index)
	if !ok || !here || index <= n.Core.Status().SnapshotIndex {
		return false
	}
	n.Disk.Save(Snapshot{Meta: meta, Chain: chain, Machine: slices.Clip(n.Applied), State: state})
	n.Core.SnapshotTaken(meta)
	return true
}

// obey does what a node does by itself about snapshots. To send them is for who
// owns the network.
func (n *Node) obey(commands []raft.SnapshotCommand) error {
	for _, c := range commands {
		switch c.Action {
		case raft.SnapshotReceive:
			n.receiving = &c.Snapshot
		case raft.SnapshotStopReceive:
			n.receiving = nil
		case raft.SnapshotRestore:
			if err := n.restore(); err != nil {
				return err
			}
		}
	}
	return nil
}

// restore makes the machine what it is in the published snapshot.
func (n *Node) restore() error {
	meta := n.Disk.synced.snapshot
	s, here := n.Disk.snapshots[meta.Index]
	if meta.Index > 0 && !here {
		return fmt.Errorf("rafttest: %v has published a snapshot at %d and not its bytes", n.ID, meta.Index)
	}
	n.restores++
	n.Applied, n.State = s.Machine, s.State
	return nil
}

// errNotWanted: the receiver of a snapshot waits for another one or for none.
var errNotWanted = errors.New("the receiver does not want it")

// ReceiveSnapshot hands over all bytes of a snapshot, whether the node wants them
// or not.
func (n *Node) ReceiveSnapshot(s Snapshot) error {
	if n.receiving == nil || !reflect.DeepEqual(*n.receiving, s.Meta) {
		return errNotWanted
	}
	n.receiving = nil
	n.Disk.Save(s)
	n.Core.SnapshotReceived(s.Meta)
	return nil
}

// Receiving returns the snapshot that the node waits for; false when there is none.
func (n *Node) Receiving() (raft.SnapshotMeta, bool) {
	if n.receiving == nil {
		return raft.SnapshotMeta{}, false
	}
	return *n.receiving, true
}

// at returns the chain value of a log at an index that may be purged: then it is
// what was committed there, which checkSnapshot makes sure of.
func (k *Checker) at(m *image, index raft.Index) (uint64, bool) {
	switch {
	case index == 0:
		return 0, true // before the first entry all logs are equal
	case index < m.base.index && index <= k.Committed():
		return k.committed[index-1], true
	}
	return m.at(index)
}

// checkSnapshot: a log begins behind something committed, and a snapshot's index,
// term and configuration are those of one committed entry.
func (k *Checker) checkSnapshot(n *Node, seen *seen) error {
	m := &n.Disk.memory
	if seen.snapshot == m.snapshot.Index && seen.purged == m.base.index {
		return nil
	}
	seen.snapshot, seen.purged = m.snapshot.Index, m.base.index
	if base := m.base.index; base > 0 && (base > k.Committed() || k.committed[base-1] != m.start) {
		return fmt.Errorf("%v has a log that begins behind %d, which is not committed like that", n.ID, base)
	}
	s := m.snapshot
	if s.Index == 0 {
		return nil
	}
	if s.Index > k.Committed() || k.terms[s.Index-1] != s.Term {
		return fmt.Errorf("%v has a snapshot of (%d, %d), which is not committed", n.ID, s.Index, s.Term)
	}
	want := raft.ConfigAt{Configuration: k.first}
	for _, at := range k.configs {
		if at.Index <= s.Index {
			want = at
		}
	}
	if s.ConfigIndex != want.Index || !reflect.DeepEqual(s.Configuration, want.Configuration) {
		return fmt.Errorf("%v has a snapshot at %d with the configuration of %d, %s; in force there is %s", n.ID, s.Index,
			s.ConfigIndex, DescribeConfiguration(s.Configuration), DescribeConfiguration(want.Configuration))
	}
	return nil
}
