package nodetest

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// passing is an operator who deploys a machine, works with it, deletes it and deploys
// another one of the same name, and what must be true of that.
type passing struct {
	sim     *Sim
	round   int
	attempt uint64
	step    passingStep
	group   raft.GroupID // of this round's machine
	asked   uint64       // commands proposed to it
	deleted []raft.GroupID
}

type passingStep uint8

const (
	passingDeploy passingStep = iota
	passingWork
	passingDelete
	passingEnd // until a majority has ended its replica
)

const (
	passingName  = "passing"
	passingPause = 100 * time.Millisecond
	// passingCommands is how often each machine is called.
	passingCommands = 6
)

// planDeletes schedules the operator.
func (s *Sim) planDeletes() {
	if s.cfg.Deletes == 0 {
		return
	}
	s.passing = &passing{sim: s}
	s.events.after(between(s.chance.at("passing"), 2*time.Second, 10*time.Second), s.passing.proceed)
}

func (p *passing) done() bool { return p == nil || p.round >= p.sim.cfg.Deletes }

// proceed makes the next move at whatever node lives.
func (p *passing) proceed() {
	if p.done() {
		return
	}
	p.attempt++
	s, r := p.sim, p.sim.chance.at("pass", p.attempt)
	s.events.after(between(r, passingPause, 10*passingPause), p.proceed)
	n := s.nodes[raft.NodeID(1+r.IntN(s.cfg.Nodes))]
	if n == nil || s.group == 0 {
		return
	}
	switch p.step {
	case passingDeploy:
		p.deploy(n)
	case passingWork:
		p.work(n)
	case passingDelete:
		p.delete(n)
	case passingEnd:
		p.await()
	}
}

func (p *passing) deploy(n *simNode) {
	if m, ok := n.catalogue.Machine(passingName); ok && m.Group > p.group {
		p.step, p.group, p.asked = passingWork, m.Group, 0
		return
	}
	if !n.upload(firstModule) {
		return
	}
	data, err := node.DeployCommand(passingName, runOf(firstModule), node.SnapshotDefault)
	if err != nil {
		p.sim.violate("deploy command: %v", err)
	}
	p.meta(n, data, func(node.Answer) {})
}

// work calls the machine. A position beyond what it was asked is another one's state.
func (p *passing) work(n *simNode) {
	if p.asked >= passingCommands {
		p.step = passingDelete
		return
	}
	p.asked++
	group := p.group
	c := node.Command{Kind: node.CommandCall, Data: binary.BigEndian.AppendUint64(nil, 1<<62|p.attempt)}
	n.ask(n.shard.Status(group).Leader, group, c, func(a node.Answer, err error) {
		if err == nil && binary.BigEndian.Uint64(a.Data) >= p.asked && group == p.group {
			p.sim.violate("the machine of group %d began with a state: position %x of %d", group, a.Data, p.asked)
		}
	})
}

func (p *passing) delete(n *simNode) {
	group := p.group
	data, err := node.DeleteCommand(node.DeleteRequest{Machine: passingName, Group: group, By: "sim"})
	if err != nil {
		p.sim.violate("delete command: %v", err)
	}
	p.meta(n, data, func(a node.Answer) {
		if p.step == passingDelete && p.group == group {
			p.step = passingEnd
		}
		if a.Status > 1 { // 1: by an earlier try
			p.sim.violate("deleting group %d is answered with status %d", group, a.Status)
		}
	})
}

// await looks whether a majority has ended its replica. Then nobody may answer for the
// machine any more, whoever has not heard of it.
func (p *passing) await() {
	s, ended := p.sim, 0
	for _, id := range s.ids() {
		if n := s.nodes[id]; n != nil && n.catalogue.Deleted(p.group) && n.groups[p.group] == nil {
			ended++
		}
	}
	if ended <= s.cfg.Nodes/2 {
		return
	}
	group := p.group
	for _, id := range s.ids() {
		if n := s.nodes[id]; n != nil {
			c := node.Command{Kind: node.CommandCall, Data: binary.BigEndian.AppendUint64(nil, 1<<62)}
			n.shard.Propose(group, &askTicket{func(_ node.Answer, err error) {
				if err == nil {
					s.violate("%v answered for group %d after it was deleted", id, group)
				}
			}}, c)
			n.pump()
		}
	}
	p.deleted = append(p.deleted, group)
	s.result.Deleted++
	p.round, p.step = p.round+1, passingDeploy
}

// meta proposes a command where a node thinks that the meta group is led.
func (p *passing) meta(n *simNode, data []byte, done func(node.Answer)) {
	n.ask(n.shard.Status(node.MetaGroup).Leader, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(a node.Answer, err error) {
		if err == nil {
			done(a)
		}
	})
}

// clean reports whether nothing is left of deleted machines anywhere.
func (p *passing) clean() bool {
	return p == nil || p.done() && !slices.ContainsFunc(p.sim.ids(), func(id raft.NodeID) bool { return p.left(id) })
}

// left reports whether a node has something of a deleted machine.
func (p *passing) left(id raft.NodeID) bool {
	s := p.sim
	n := s.nodes[id]
	if n == nil || len(n.catalogue.Tombstones) < len(p.deleted) {
		return true
	}
	return slices.ContainsFunc(p.deleted, func(g raft.GroupID) bool {
		d := s.disks[diskKey{id, g}]
		return n.groups[g] != nil || n.store.visible[g] != nil || d != nil && len(d.files) > 0
	})
}

// checkDeleted holds the catalogues against what was deleted.
func (s *Sim) checkDeleted() {
	if s.passing == nil {
		return
	}
	for _, id := range s.ids() {
		var got []raft.GroupID
		for _, t := range s.nodes[id].catalogue.Tombstones {
			got = append(got, t.Group)
			if t.Name != passingName || t.By != "sim" {
				s.violate("%v remembers %+v", id, t)
			}
		}
		if !slices.Equal(got, s.passing.deleted) {
			s.violate("%v remembers the groups %v, deleted were %v", id, got, s.passing.deleted)
		}
	}
}

// found tells the deployer what the disk holds.
func (n *simNode) found(logs []raft.GroupID) {
	for _, g := range logs {
		n.deployer.Found(g, true)
	}
	for k := range maps.Keys(n.sim.disks) {
		if k.node == n.id {
			n.deployer.Found(k.group, false)
		}
	}
}

// catchUp asks for a linearizable read of the catalogue until there is one.
func (n *simNode) catchUp() {
	current := false
	var again func()
	again = func() {
		if current {
			return
		}
		n.shard.Read(node.MetaGroup, &currentTicket{func() {
			if n.sim.nodes[n.id] == n {
				current = true
				n.deployer.Current()
			}
		}})
		n.later(clientTimeout, again)
	}
	again()
}

// currentTicket waits for a catalogue that is no older than its read.
type currentTicket struct{ current func() }

func (*currentTicket) failed()           {}
func (k *currentTicket) answered([]byte) { k.current() }

// removeGroup ends a replica at once; the disk follows in two steps, between which the
// power may fail.
func (n *simNode) removeGroup(id raft.GroupID) {
	n.shard.Remove(id, node.ErrDeleted)
	n.writer.Drop(id)
	if g := n.groups[id]; g != nil {
		n.void(id)
		delete(n.groups, id)
	}
	r := n.sim.draw("remove", n.id)
	n.later(between(r, n.sim.cfg.DiskMin, 5*n.sim.cfg.DiskMax), func() {
		if err := n.store.DeleteGroup(id); err != nil {
			n.sim.violate("delete group %d on %v: %v", id, n.id, err)
		}
		n.later(between(r, n.sim.cfg.DiskMin, 5*n.sim.cfg.DiskMax), func() {
			delete(n.sim.disks, diskKey{n.id, id})
			n.deployer.GroupRemoved(id, nil)
		})
	})
}
