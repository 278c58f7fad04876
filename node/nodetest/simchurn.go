package nodetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// churning is an operator who has one node after the other leave, and takes a new one in
// under its ID: on an empty disk, in the next life, as a learner that is promoted.
type churning struct {
	sim     *Sim
	round   int
	attempt uint64
	step    churnStep
	id      raft.NodeID
	seen    raft.Index // of the newest catalogue gone by
}

type churnStep uint8

const (
	churnPick churnStep = iota
	churnLeave
	churnAdd
	churnPromote
	churnSeat // until it votes in all groups
)

const churnPause = 50 * time.Millisecond

// planChurn schedules the operator.
func (s *Sim) planChurn() {
	if s.cfg.Churn == 0 {
		return
	}
	s.churning = &churning{sim: s}
	s.events.after(between(s.chance.at("churning"), 2*time.Second, 20*time.Second), s.churning.proceed)
}

func (c *churning) done() bool { return c == nil || c.round >= c.sim.cfg.Churn }

// replaces reports whether another node than one is being replaced.
func (c *churning) replaces(but raft.NodeID) bool { return c != nil && c.id != 0 && c.id != but }

// proceed makes the next move, at whatever other node lives. It goes by the newest catalogue
// that any of them has.
func (c *churning) proceed() {
	if c.done() {
		return
	}
	c.attempt++
	s, r := c.sim, c.sim.chance.at("churn", c.attempt)
	s.events.after(between(r, churnPause, 8*churnPause), c.proceed)
	n := s.nodes[raft.NodeID(1+r.IntN(s.cfg.Nodes))]
	if n == nil || n.born == 0 || n.id == c.id || s.group == 0 {
		return
	}
	newest := s.newestCatalogue()
	if newest.Index < c.seen {
		return // who knew more is down
	}
	c.seen = newest.Index
	have, _ := newest.Node(c.id)
	switch c.step {
	case churnPick:
		if id := raft.NodeID(1 + r.IntN(s.cfg.Nodes)); s.spareNode(id) {
			c.id, c.step = id, churnLeave
		}
	case churnLeave:
		if have.State == node.NodeRemoved {
			c.step = churnAdd
			c.replace()
			return
		}
		c.order(n)(node.MoveNodeCommand(c.id, node.NodeLeaving))
	case churnAdd:
		if have.State == node.NodeLearner {
			c.step = churnPromote
			return
		}
		c.order(n)(node.AddNodeCommand(node.NodeRecord{ID: c.id, PeerAddress: fmt.Sprintf("node-%d", c.id)}))
	case churnPromote:
		if have.State == node.NodeVoter {
			c.step = churnSeat
			return
		}
		c.order(n)(node.MoveNodeCommand(c.id, node.NodeVoter))
	case churnSeat:
		if s.votesIn(newest, c.id) {
			c.round, c.step, c.id = c.round+1, churnPick, 0
			s.result.Churned++
		}
	}
}

// order has the meta group, where a node thinks that it is led, obey a command. It may be obeyed
// and not answered: the same again changes nothing.
func (c *churning) order(n *simNode) func(data []byte, err error) {
	return func(data []byte, err error) {
		if err != nil {
			c.sim.violate("order of churn: %v", err)
		}
		n.ask(n.shard.Status(node.MetaGroup).Leader, node.MetaGroup, node.Command{Kind: node.CommandCall, Data: data}, func(node.Answer, error) {})
	}
}

// replace ends the node that left and starts a new one, who waits until it is known. Of its
// modules those stay that nobody else has.
func (c *churning) replace() {
	s, id := c.sim, c.id
	down := between(s.draw("replace", id), time.Millisecond, 3*time.Second)
	kept := maps.Clone(s.mods[id])
	maps.DeleteFunc(kept, func(d node.Digest, _ bool) bool { return s.spare(id, d) })
	s.empty(id)
	s.mods[id] = kept
	s.events.after(down, func() {
		if s.nodes[id] == nil {
			s.boot(id)
		}
	})
}

// newestCatalogue is that of the node which has applied most.
func (s *Sim) newestCatalogue() *node.Catalogue {
	newest := &node.Catalogue{}
	for _, n := range s.nodes {
		if n != nil && n.catalogue.Index > newest.Index {
			newest = n.catalogue
		}
	}
	return newest
}

// votesIn reports whether a node votes in both groups in the life that its disk is in, as far
// as a catalogue knows.
func (s *Sim) votesIn(c *node.Catalogue, id raft.NodeID) bool {
	return !slices.ContainsFunc([]raft.GroupID{node.MetaGroup, s.group}, func(g raft.GroupID) bool {
		seats, _ := c.SeatsOf(g)
		return !seats.Configuration().VotesAs(raft.Member{Node: id, Incarnation: s.identities[id]})
	})
}
