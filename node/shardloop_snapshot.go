package node

import (
	"context"

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

// receive begins to get a snapshot and ends what was being received before.
func (l *shardLoop) receive(g *group, c raft.SnapshotCommand) {
	g.endReceive()
	if l.node.snapshots.files == nil {
		return
	}
	ctx, cancel := context.WithCancel(g.ctx)
	g.stopReceive = cancel
	g.spawn(l.node, func() { // Why unchecked: a replica that is being removed needs no snapshot
		defer cancel()
		l.node.snapshots.receive(ctx, g, c)
	})
}

func (g *group) endReceive() {
	if g.stopReceive != nil {
		g.stopReceive()
		g.stopReceive = nil
	}
}
