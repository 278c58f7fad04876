package nodetest

import (
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// lookTimeout bounds how long a node waits for the catalogue when it looks which modules
// are named.
const lookTimeout = 2 * time.Second

// retain carries out what the retention wants.
func (n *simNode) retain() {
	if n.born == 0 || n.sim.cfg.ModuleGrace == 0 {
		return
	}
	n.retention.Tick(n.sim.now())
	for a, done := n.retention.Next(); !done; a, done = n.retention.Next() {
		switch {
		case a.Look:
			n.look()
		case a.Remove != nil:
			delete(n.modules, *a.Remove)
			n.deployer.ModuleRemoved(*a.Remove)
			n.retention.Removed(*a.Remove, nil)
			n.sim.result.Removed++
		}
	}
	if at, ok := n.retention.NextDeadline(); ok && at > n.sim.now() && n.retainAt != at {
		n.retainAt = at
		n.later(at-n.sim.now(), func() {})
	}
}

// want says that a module is about to be stored or needed here.
func (n *simNode) want(d node.Digest) {
	n.retention.Tick(n.sim.now())
	n.retention.Want(d)
}

// look asks for a catalogue that is no older than now, and tells what it names.
func (n *simNode) look() {
	ended := false
	end := func(v node.ModuleView, err error) {
		if !ended && n.sim.nodes[n.id] == n {
			ended = true
			n.retention.Looked(v, err)
		}
	}
	n.shard.Read(node.MetaGroup, &currentTicket{func() { end(n.view()) }})
	n.later(lookTimeout, func() { end(node.ModuleView{}, errSim) })
}

// view is what is here and what is named, but for what a planted bug forgets.
func (n *simNode) view() (node.ModuleView, error) {
	v := node.ModuleView{Named: map[node.Digest]bool{}}
	for _, d := range n.sim.digests() {
		if n.modules[d] {
			v.Stored = append(v.Stored, d)
		}
	}
	for _, m := range n.catalogue.Machines {
		names, known := m.Names(n.reach(m.Group))
		if !known {
			return v, errSim
		}
		for _, named := range names {
			if !slices.Contains(n.sim.cfg.Forget, named.By) {
				v.Named[named.Run.Module] = true
			}
		}
	}
	return v, nil
}

// reach is what the replica of a group may yet begin with.
func (n *simNode) reach(id raft.GroupID) *node.ReplicaReach {
	g := n.groups[id]
	if g == nil {
		return nil
	}
	r := &node.ReplicaReach{Floor: n.shard.Status(id).PurgedIndex}
	if files := n.sim.disk(n.id, id).files; len(files) > 0 {
		r.Floor = min(r.Floor, files[0].index)
	}
	if g.applier != nil {
		r.Running = g.applier.Running().Run
	}
	return r
}

// digests are all modules that there ever were, ascending.
func (s *Sim) digests() []node.Digest {
	out := []node.Digest{firstModule}
	for d := byte(2); d < byte(2+2*s.cfg.Upgrades+2); d++ {
		out = append(out, node.Digest{d})
	}
	return out
}

// planRollbacks schedules an operator who goes back to the module from before the last
// upgrade, and tries until that is taken.
func (s *Sim) planRollbacks() {
	for i := range s.cfg.Rollbacks {
		r := s.chance.at("rollback", uint64(i))
		s.events.after(between(r, 10*time.Second, 44*time.Second), func() { s.askRollback(uint64(i), 0) })
	}
}

func (s *Sim) askRollback(which, attempt uint64) {
	s.upgradesOpen++
	again := func() {
		s.upgradesOpen--
		s.events.after(300*time.Millisecond, func() { s.askRollback(which, attempt+1) })
	}
	n := s.nodes[raft.NodeID(1+s.chance.at("going back", which, attempt).IntN(s.cfg.Nodes))]
	if n == nil || s.group == 0 {
		again()
		return
	}
	data, err := node.BeginUpgradeCommand(node.UpgradeRequest{Machine: "ledger", Rollback: true, By: "sim"}, node.MachineRun{})
	if err != nil {
		s.violate("rollback command: %v", err)
		return
	}
	s.recordUpgrade(n, data, again)
}

// checkModules: what a machine runs, and what a rollback goes to, some node has.
func (s *Sim) checkModules() {
	for _, m := range s.nodes[1].catalogue.Machines {
		s.expectModule(m.Name, "it runs", m.Active.Run.Module)
		if m.Previous != nil {
			s.expectModule(m.Name, "a rollback goes to", m.Previous.Run.Module)
		}
	}
}

func (s *Sim) expectModule(machine, why string, d node.Digest) {
	if !slices.ContainsFunc(s.ids(), func(id raft.NodeID) bool { return s.mods[id][d] }) {
		s.violate("nobody has module %x of %q, which %s", d[0], machine, why)
	}
}
