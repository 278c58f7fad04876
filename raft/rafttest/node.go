package rafttest

import (
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/mutant"
)

// Node is one replica: a core, its disk and the machine it feeds, which just
// remembers what was applied.
type Node struct {
	ID   raft.NodeID
	Core *raft.Core // nil while the node is down
	Disk *Disk
	// Applied is what the machine has seen since it started, from index 1 on.
	Applied []raft.Entry
	// State is what the owner's machine was in the snapshot that the node was last
	// restored from; nil when it began empty.
	State []byte

	restores  int                // of the machine
	receiving *raft.SnapshotMeta // what the core wants to receive

	failed  bool // its disk has failed
	gated   []raft.GatedEnvelope
	effects raft.Effects
}

// Start starts the core from what is on the disk.
func (n *Node) Start(cfg raft.Config, now time.Duration) error {
	cfg.ID = n.ID
	core, err := raft.New(cfg, n.Disk.Restored(), now)
	if err != nil {
		return fmt.Errorf("rafttest: start %v: %w", n.ID, err)
	}
	n.Core, n.Applied, n.gated, n.receiving, n.failed = core, nil, nil, nil, false
	return n.restore()
}

// Crash stops the node where it stands. Its disk keeps the oldest keep pending
// writes.
func (n *Node) Crash(keep int) {
	n.Core, n.gated, n.receiving = nil, nil, nil
	n.Disk.Crash(keep)
}

// Drain takes the core's effects out, begins its writes and remembers its gated
// messages. The rest is the caller's, until the next Drain.
func (n *Node) Drain() (*raft.Effects, error) {
	n.Core.Drain(&n.effects)
	for _, w := range n.effects.Writes {
		if err := n.Disk.Begin(w); err != nil {
			return nil, fmt.Errorf("rafttest: %v: %w", n.ID, err)
		}
	}
	n.gated = append(n.gated, n.effects.SendAfter...)
	if err := n.obey(n.effects.Snapshots); err != nil {
		return nil, err
	}
	return &n.effects, nil
}

// Sync makes the oldest count writes durable, tells the core, and returns the
// messages that waited for them.
func (n *Node) Sync(count int) []raft.Envelope {
	if n.failed {
		return nil
	}
	if mutant.On(mutant.LyingSync) && count > 0 {
		id := n.Disk.pending[count-1].ID
		n.Disk.Sync(count - 1)
		return n.synced(id)
	}
	return n.synced(n.Disk.Sync(count))
}

// synced tells the core what became durable and returns what waited for that.
func (n *Node) synced(id raft.WriteID) []raft.Envelope {
	if id == 0 {
		return nil
	}
	var released []raft.Envelope
	kept := n.gated[:0]
	for _, g := range n.gated {
		if g.After <= id {
			released = append(released, g.Envelope)
		} else {
			kept = append(kept, g)
		}
	}
	n.gated = kept
	n.Core.Persisted(id)
	return released
}

// Fail lets a write fail and tells the core. Messages that waited for one never
// leave, and nothing becomes durable any more in this life.
func (n *Node) Fail(err error) {
	n.gated, n.failed = nil, true
	n.Core.PersistFailed(1, err)
}

// Apply runs a range through the machine and tells the core.
func (n *Node) Apply(r raft.ApplyRange) error {
	entries := r.Entries
	if entries == nil {
		entries = n.Disk.Entries(r.First, r.Last+1)
	}
	if want := raft.Index(len(n.Applied)) + 1; r.First != want || raft.Index(len(entries)) != r.Last-r.First+1 {
		return fmt.Errorf("rafttest: %v applies [%d, %d] with %d entries, %d is next", n.ID, r.First, r.Last, len(entries), want)
	}
	n.Applied = append(n.Applied, entries...)
	n.Core.Applied(r.Last)
	return nil
}

// Fetch answers a question of the core for old entries.
func (n *Node) Fetch(f raft.Fetch) { n.Core.Fetched(f.Peer, f.Lo, n.Disk.Entries(f.Lo, f.Hi)) }
