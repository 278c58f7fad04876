package nodetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// upgradeTimeout bounds how long a node waits for an answer to what it proposed
// for an upgrade.
const upgradeTimeout = 2 * time.Second

var errSim = errors.New("nodetest: lost")

// OpenSuccessor implements node.SuccessorOpener.
func (n *simNode) OpenSuccessor(_ context.Context, run node.MachineRun, _ plugins.Moment) (node.Upgradable, error) {
	if !n.modules[run.Artefact] {
		n.sim.result.Waits++
		return nil, fmt.Errorf("%w: %v", node.ErrNoModule, run.Artefact)
	}
	return &ledger{module: run.Module}, nil
}

// upgrade carries out what the upgrader wants.
func (n *simNode) upgrade() {
	n.upgrader.Tick(n.sim.now())
	for _, a := range n.upgrader.Next() {
		switch {
		case a.Prepare != nil:
			n.prepare(*a.Prepare)
		case a.Spread != nil:
			n.spread(*a.Spread)
		case a.Propose != nil:
			n.order(*a.Propose)
		case a.Report != nil:
			n.report(*a.Report)
		case a.Fetch != nil:
			f := *a.Fetch
			n.obtain(f.Module, func(err error) { n.upgrader.Fetched(f.Group, f.Module, err) })
		case a.Obtain != nil:
			n.overtake(*a.Obtain)
		case a.Resume != nil:
			n.groups[a.Resume.Group].waiting = false
			n.applyNext(a.Resume.Group)
		}
	}
	if at, ok := n.upgrader.NextDeadline(); ok && at > n.sim.now() {
		n.later(at-n.sim.now(), func() {})
	}
}

// overtake has a replica that waits for a module begin from a peer's snapshot behind the
// entry that names it.
func (n *simNode) overtake(w node.AwaitedModule) {
	n.later(between(n.sim.draw("overtake", n.id), n.sim.cfg.DelayMin, 4*n.sim.cfg.DelayMax), func() {
		g := n.groups[w.Group]
		if g == nil {
			return // it was deleted
		}
		f, ok := n.askSnapshot(w.Group, w.Index)
		if !ok {
			n.upgrader.Obtained(w.Group, w.Module, errNoSnapshot)
			return
		}
		n.sim.result.Asked++
		n.sim.disk(n.id, w.Group).put(f)
		if g.waiting && g.applier != nil && g.applier.Applied() < w.Index {
			n.sim.result.Overtaken++
			g.generation++
			g.waiting, g.applier = false, nil
			n.openFrom(w.Group)
		}
		n.upgrader.Obtained(w.Group, w.Module, nil)
	})
}

func (n *simNode) prepare(t node.UpgradeTask) {
	n.obtain(t.Order.To.Artefact, func(err error) { n.upgrader.Prepared(t.Group, t.Order.ID, "", err) })
}

// obtain gets a module from any live peer that has it.
func (n *simNode) obtain(d node.Digest, done func(error)) {
	n.later(between(n.sim.draw("obtain", n.id), n.sim.cfg.DelayMin, 4*n.sim.cfg.DelayMax), func() {
		err := error(nil)
		n.want(d)
		if !n.modules[d] && !n.fetchFrom(d, n.sim.ids()) {
			err = errSim
		}
		done(err)
	})
}

// fetchFrom copies a module from the first of the peers that has it and can be reached.
func (n *simNode) fetchFrom(d node.Digest, peers []raft.NodeID) bool {
	n.want(d)
	for _, p := range peers {
		if peer := n.sim.nodes[p]; p != n.id && peer != nil && peer.modules[d] && n.sim.reachable(n.id, p) {
			n.modules[d] = true
			return true
		}
	}
	return false
}

// spread copies a module to every peer that can be reached.
func (n *simNode) spread(t node.UpgradeTask) {
	n.later(between(n.sim.draw("spread", n.id), n.sim.cfg.DelayMin, 4*n.sim.cfg.DelayMax), func() {
		err := error(nil)
		if !n.spreadModule(t.Order.To.Artefact) {
			err = errSim
		}
		n.upgrader.Spread(t.Group, t.Order.ID, err)
	})
}

// upload stores a module here and on a quorum, and reports whether that went well.
func (n *simNode) upload(d node.Digest) bool {
	n.want(d)
	n.modules[d] = true
	return n.spreadModule(d)
}

// spreadModule reports whether a quorum has the module now.
func (n *simNode) spreadModule(d node.Digest) bool {
	have := 0
	for _, id := range n.sim.ids() {
		if peer := n.sim.nodes[id]; peer != nil && (id == n.id || n.sim.reachable(n.id, id) && n.sim.reachable(id, n.id)) {
			peer.want(d)
			peer.modules[d] = true
			have++
		}
	}
	return have > n.sim.cfg.Nodes/2
}

func (n *simNode) order(t node.UpgradeTask) {
	c, err := node.UpgradeCommand(t.Order)
	if err != nil {
		n.sim.violate("order: %v", err)
		return
	}
	n.sim.result.Orders++
	n.ask(n.id, t.Group, c, func(a node.Answer, err error) {
		var o node.UpgradeOutcome
		if err == nil {
			o, err = node.DecodeUpgradeOutcome(a.Data)
		}
		n.upgrader.Answered(t.Group, t.Order.ID, o, err)
	})
}

// report tells whoever leads the meta group, as far as this node knows.
func (n *simNode) report(t node.UpgradeTask) {
	data, err := node.DecideUpgradeCommand(t.Group, t.Outcome)
	if err != nil {
		n.sim.violate("report: %v", err)
		return
	}
	to := n.shard.Status(node.MetaGroup).Leader
	n.ask(to, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(_ node.Answer, err error) {
		n.upgrader.Reported(t.Group, t.Order.ID, err)
	})
}

// ask proposes a command at a node and hands its answer, or the lack of one, to
// done, once, if this node still lives then.
func (n *simNode) ask(at raft.NodeID, g raft.GroupID, c node.Command, done func(node.Answer, error)) {
	ended := false
	end := func(a node.Answer, err error) {
		if !ended && n.sim.nodes[n.id] == n {
			ended = true
			done(a, err)
			n.pump()
		}
	}
	n.sim.events.after(upgradeTimeout, func() { end(node.Answer{}, errSim) })
	n.sim.events.after(n.sim.cfg.DelayMin, func() {
		peer := n.sim.nodes[at]
		if peer == nil || !n.sim.reachable(n.id, at) {
			return
		}
		peer.shard.Propose(g, &askTicket{end}, c)
		peer.pump()
	})
}

// askTicket is a ticket of the nodes themselves.
type askTicket struct{ end func(node.Answer, error) }

func (k *askTicket) failed(raft.Outcome, error) { k.end(node.Answer{}, errSim) }
func (k *askTicket) answered(a node.Applied)    { k.end(a.Answer, nil) }

// planUpgrades schedules an operator who asks for one module after the other, at
// whatever node lives; every third is one whose restore traps.
func (s *Sim) planUpgrades() {
	for i := range s.cfg.Upgrades {
		r := s.chance.at("upgrade", uint64(i))
		d := node.Digest{byte(2 + 2*i)}
		if i%3 == 2 {
			d[0]++
		}
		s.events.after(between(r, 3*time.Second, 40*time.Second), func() { s.askUpgrade(d, 0) })
	}
}

// askUpgrade uploads a module and records the intent; it tries until it is taken.
func (s *Sim) askUpgrade(d node.Digest, attempt uint64) {
	s.upgradesOpen++
	again := func() {
		s.upgradesOpen--
		s.events.after(300*time.Millisecond, func() { s.askUpgrade(d, attempt+1) })
	}
	n := s.nodes[raft.NodeID(1+s.chance.at("operator", uint64(d[0]), attempt).IntN(s.cfg.Nodes))]
	if n == nil || s.group == 0 || !n.spreadModule(d) {
		again()
		return
	}
	data, err := node.BeginUpgradeCommand(node.UpgradeRequest{Machine: "ledger", Module: d, By: "sim"}, runOf(d))
	if err != nil {
		s.violate("upgrade command: %v", err)
		return
	}
	s.recordUpgrade(n, data, again)
}

// recordUpgrade has the meta group record an intent, or calls again.
func (s *Sim) recordUpgrade(n *simNode, data []byte, again func()) {
	asked := false
	s.events.after(upgradeTimeout+time.Second, func() { // should the node die meanwhile
		if !asked {
			asked = true
			again()
		}
	})
	n.ask(n.shard.Status(node.MetaGroup).Leader, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(a node.Answer, err error) {
		switch {
		case asked:
		case err != nil || a.Status > 1: // no answer, or another one is under way; 1 says that it runs already
			asked = true
			again()
		default:
			asked = true
			s.upgradesOpen--
		}
	})
}

// lose takes modules off a node's disk that others have: a replica must then wait
// for them when it replays its log.
func (s *Sim) lose(id raft.NodeID) {
	r := s.draw("lose", id)
	for d := byte(2); d < byte(2+2*s.cfg.Upgrades+2); d++ {
		module := node.Digest{d}
		if s.mods[id][module] && r.IntN(2) == 0 && s.spare(id, module) {
			delete(s.mods[id], module)
		}
	}
}

// spare reports whether another disk has the module.
func (s *Sim) spare(id raft.NodeID, d node.Digest) bool {
	return slices.ContainsFunc(s.ids(), func(other raft.NodeID) bool { return other != id && s.mods[other][d] })
}

// checkUpgrades holds every replica's module against the catalogue and the state.
func (s *Sim) checkUpgrades() {
	for _, id := range s.ids() {
		n := s.nodes[id]
		m, _ := n.catalogue.Machine("ledger")
		a := n.groups[s.group].applier
		if got := a.Running(); got.Run != m.Active.Run || got.Since != m.Active.Since {
			s.violate("replica %v runs %x since %d, the catalogue says %x since %d", id, got.Run.Module[0], got.Since, m.Active.Run.Module[0], m.Active.Since)
		}
		var done []uint64
		for _, u := range m.History {
			switch {
			case trapsInRestore(u.To.Module) != (u.State == node.UpgradeRefused):
				s.violate("upgrade %d to %x ended as %v: %s", u.ID, u.To.Module[0], u.State, u.Reason)
			case u.State == node.UpgradeDone:
				done = append(done, uint64(u.Index)<<8|uint64(u.To.Module[0]))
			}
		}
		if last := a.LastUpgrade(); len(m.History) > 0 {
			if u := m.History[len(m.History)-1]; last.ID != u.ID || last.Index != u.Index || last.Reason != u.Reason {
				s.violate("replica %v remembers %+v, the history %+v", id, last, u)
			}
		}
		if switches := n.switches(s.group); !slices.Equal(switches, done) {
			s.violate("the state of %v has switches %x, the history %x", id, switches, done)
		}
		s.result.Upgrades, s.result.Refused = len(done), len(m.History)-len(done)
	}
}
