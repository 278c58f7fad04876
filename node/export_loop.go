package node

import (
	"github.com/wraft/wraft/raft"
)

// exportWaiter is the ticket of an export that an applier asked its log for.
type exportWaiter struct{ loop *applierLoop }

// resolve implements waiter. Why what it says does not matter: what became of the entry
// shows when it is applied, and while the export is due it is asked for again.
func (w exportWaiter) resolve(reply) {
	w.loop.in.force(func(l *applierLoop) { l.exporting = false })
}

// proposeExport asks the log for an export that is due, if this node leads.
func (l *applierLoop) proposeExport() {
	c, due := l.applier.ExportDue()
	if !due || l.exporting {
		return
	}
	if g := l.node.group(l.group); g != nil && g.status.Load().Role == raft.Leader {
		l.exporting = true
		l.node.submit(l.group, exportWaiter{l}, c)
	}
}

// followMode takes from the catalogue of what this machine's snapshots are made.
func (l *applierLoop) followMode() {
	if l.applier == nil {
		return
	}
	for _, m := range l.node.catalogue.Load().Machines {
		if m.Group == l.group {
			l.applier.SnapshotByExport(m.Snapshot == SnapshotExport)
		}
	}
}

// followModes tells the appliers of machines whose mode a new catalogue changes.
func (n *Node) followModes(before, now *Catalogue) {
	for _, m := range now.Machines {
		was, ok := before.Machine(m.Name)
		if g := n.group(m.Group); g != nil && (!ok || was.Snapshot != m.Snapshot) {
			g.applier.in.force(func(l *applierLoop) { l.followMode() })
		}
	}
}

// publishExport tells the others what became of the newest export.
func (l *applierLoop) publishExport() {
	now := l.applier.LastExport()
	if was := l.exported.Load(); now.Index == 0 || was != nil && was.Index >= now.Index {
		return
	}
	l.exported.Store(&now)
	if now.Status == StatusExportRefused {
		l.node.snapshots.meter.exportsRefused.Add(1)
		l.node.log.Warn("the module refused an export; the machine goes on as it was, and an image is recorded in its place",
			"group", l.group, "index", now.Index, "reason", now.Reason)
		return
	}
	l.node.snapshots.meter.exports.Add(1)
}

// LastExport is the outcome of the newest export entry that this node's replica of a
// group has applied, refused ones included; Index 0 when there was none.
func (n *Node) LastExport(id raft.GroupID) ExportOutcome {
	if g := n.group(id); g != nil {
		if o := g.applier.exported.Load(); o != nil {
			return *o
		}
	}
	return ExportOutcome{}
}
