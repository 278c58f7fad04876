package nodetest

import (
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// followModes tells the machine's applier of what its snapshots are to be made.
func (n *simNode) followModes() {
	for _, m := range n.catalogue.Machines {
		if g := n.groups[m.Group]; g != nil && g.applier != nil {
			g.applier.SnapshotByExport(m.Snapshot == node.SnapshotExport)
		}
	}
}

// export counts what the log has exported, and asks it for what is due if this node leads.
func (n *simNode) export(id raft.GroupID) {
	g := n.groups[id]
	if last := g.applier.LastExport(); last.Index > g.exported {
		g.exported = last.Index
		n.sim.result.Exports++
		if last.Status == node.StatusExportRefused {
			n.sim.result.Refusals++
		}
		if refused := last.Status != 0; refused != refusesRenewal(uint64(last.Index)) {
			n.sim.violate("export at %d on %v ended with status %d: %s", last.Index, n.id, last.Status, last.Reason)
		}
	}
	if g.exporting || n.shard.Status(id).Role != raft.Leader {
		return
	}
	if c, due := g.applier.ExportDue(); due {
		g.exporting = true
		n.ask(n.id, id, c, func(node.Answer, error) { g.exporting = false })
	}
}

// planModes schedules an operator who changes of what the machine's snapshots are made.
// Requests may be lost.
func (s *Sim) planModes() {
	for i := range s.cfg.ModeChanges {
		r := s.chance.at("mode", uint64(i))
		at, to := raft.NodeID(1+r.IntN(s.cfg.Nodes)), node.SnapshotImage+node.SnapshotMode(r.IntN(2))
		s.events.after(between(r, 3*time.Second, 40*time.Second), func() {
			n := s.nodes[at]
			if n == nil {
				return
			}
			m, ok := n.catalogue.Machine("ledger")
			if !ok {
				return
			}
			data, err := node.DeployCommand("ledger", m.Active.Run, to)
			if err != nil {
				s.violate("deploy command: %v", err)
				return
			}
			leader := n.shard.Status(node.MetaGroup).Leader
			n.ask(leader, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(a node.Answer, err error) {
				if err == nil && !node.Refused(a.Status) {
					s.result.ModeChanges++
				}
			})
		})
	}
}
