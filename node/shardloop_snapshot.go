package node

import (
	"context"
	"sync/atomic"

	"github.com/wraft/wraft/raft"
)

// park tells appliers whose log is about to be replaced that what they read of it may
// be gone.
func (l *shardLoop) park() {
	for i := range l.out.Writes {
		if !l.out.Writes[i].Write.Reset {
			continue
		}
		if g := l.node.group(l.out.Writes[i].Group); g != nil {
			g.applier.replaced()
		}
	}
}

// snapshots has carried out what cores want done with snapshots.
func (l *shardLoop) snapshots() {
	for _, s := range l.out.Snapshots {
		g := l.node.group(s.Group)
		if g == nil {
			continue
		}
		c := s.Command
		switch c.Action {
		case raft.SnapshotSend:
			l.node.snapshots.send(g, c)
		case raft.SnapshotStopSend:
			l.node.snapshots.unpin(g.id, c.Peer)
		case raft.SnapshotReceive:
			l.receive(g, c)
		case raft.SnapshotStopReceive:
			g.endReceive()
		case raft.SnapshotRestore:
			g.applier.in.force(func(a *applierLoop) { a.restore(c.Snapshot.Index) })
		}
	}
}

// bringing is a snapshot that the core asked for and that is being got.
type bringing struct {
	meta   raft.SnapshotMeta
	leader atomic.Uint64 // a node
	stop   context.CancelFunc
	ended  atomic.Bool
}

func (b *bringing) from() raft.NodeID { return raft.NodeID(b.leader.Load()) }

// receive begins to get a snapshot and ends what was being received before, unless that is
// the same: then another leader hears from now on how far it is.
func (l *shardLoop) receive(g *group, c raft.SnapshotCommand) {
	if b := g.bringing; b != nil && b.meta.Index == c.Snapshot.Index && !b.ended.Load() {
		b.leader.Store(uint64(c.Peer))
		return
	}
	g.endReceive()
	if l.node.snapshots.files == nil {
		return
	}
	ctx, cancel := context.WithCancel(g.ctx)
	b := &bringing{meta: c.Snapshot, stop: cancel}
	b.leader.Store(uint64(c.Peer))
	g.bringing = b
	g.spawn(l.node, func() { // Why unchecked: a replica that is being removed needs no snapshot
		defer cancel()
		defer b.ended.Store(true)
		l.node.snapshots.receive(ctx, g, b)
	})
}

func (g *group) endReceive() {
	if g.bringing != nil {
		g.bringing.stop()
		g.bringing = nil
	}
}
