package node

import (
	"context"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// SnapshotCurrentError: the newest snapshot of the machine is of all that this node has
// applied. There is nothing to do.
type SnapshotCurrentError struct {
	Machine string
	Index   raft.Index
}

// Error says how far the newest reaches.
func (e *SnapshotCurrentError) Error() string {
	return fmt.Sprintf("node: the newest snapshot of %q is of index %d, and nothing was applied since", e.Machine, e.Index)
}

// TriggeredSnapshot is a snapshot that somebody asked for.
type TriggeredSnapshot struct {
	File   storage.SnapshotFile
	Header storage.SnapshotHeader
	Took   time.Duration // until it was durable
}

// TriggerSnapshot takes a snapshot of a machine on this node now, whether one is due or
// not, and returns once it is durable. The log is cut behind it afterwards. Errors:
// ErrNoMachine, ErrMachineNotRunning, *MachineHaltedError, ErrSnapshotting,
// *SnapshotCurrentError, ErrTimeout: it may be taken all the same; ErrStopping, and
// those of the disk, which cost nothing but this snapshot.
func (n *Node) TriggerSnapshot(ctx context.Context, machine string) (TriggeredSnapshot, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	m, err := n.findMachine(ctx, machine)
	if err != nil {
		return TriggeredSnapshot{}, err
	}
	if g := n.group(m.Group); g != nil && n.snapshots.files != nil {
		newest, err := n.newestSnapshot(m.Group)
		if applied := raft.Index(g.applier.applied.Load()); err == nil && applied > 0 && newest.Index >= applied {
			return TriggeredSnapshot{}, &SnapshotCurrentError{Machine: machine, Index: newest.Index}
		}
	}
	began := n.clock.Now()
	file, err := n.TakeSnapshot(ctx, m.Group)
	if err != nil {
		return TriggeredSnapshot{}, err
	}
	t := TriggeredSnapshot{File: file, Took: n.clock.Now() - began}
	t.Header, err = n.snapshots.files.Header(file)
	return t, err
}
