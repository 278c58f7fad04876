package node

import (
	"slices"

	"github.com/wraft/wraft/raft"
)

// QuorumEffect is what it does to the majority that every write needs when a node's state
// changes.
type QuorumEffect struct {
	Before int // voters now
	After  int // voters once all groups have followed
	// There counts the voters after the change that answer and vote in every group already.
	There int
}

// Tolerates is how many of so many voters may fail.
func Tolerates(voters int) int { return max(voters-1, 0) / 2 }

// LosesQuorum reports whether a vote goes away and those who are left and there are no
// majority.
func (e QuorumEffect) LosesQuorum() bool { return e.After < e.Before && e.There <= e.After/2 }

// Effect is what it does to the quorum when a node's state becomes to. up says who answers.
func (c *Catalogue) Effect(id raft.NodeID, to NodeState, up func(raft.NodeID) bool) QuorumEffect {
	e := QuorumEffect{Before: c.voters()}
	for _, n := range c.Nodes {
		state := n.State
		if n.ID == id {
			state = to
		}
		if state != NodeVoter {
			continue
		}
		e.After++
		if up(n.ID) && c.votesEverywhere(n) {
			e.There++
		}
	}
	return e
}

// votesEverywhere reports whether a node votes in every group, in its present life.
func (c *Catalogue) votesEverywhere(n NodeRecord) bool {
	votes, _ := c.SeatsIn(n)
	return len(votes) == 1+len(c.Machines)
}

// SeatsIn lists the groups in which a node votes and in which it is a learner, in its
// present life, ascending. Catalogue.Holds has those of its earlier lives too.
func (c *Catalogue) SeatsIn(n NodeRecord) (votes, learns []raft.GroupID) {
	me := Seat{Node: n.ID, Incarnation: n.Incarnation}
	note := func(g raft.GroupID, s Seats) {
		switch {
		case slices.Contains(s.Voters, me):
			votes = append(votes, g)
		case slices.Contains(s.Learners, me):
			learns = append(learns, g)
		}
	}
	note(MetaGroup, c.Seats)
	for _, m := range c.Machines {
		note(m.Group, m.Seats)
	}
	slices.Sort(votes)
	slices.Sort(learns)
	return votes, learns
}

// Lacks lists the groups that have no seat yet for a voter or a learner in its present life,
// ascending.
func (c *Catalogue) Lacks(n NodeRecord) []raft.GroupID {
	if n.State != NodeVoter && n.State != NodeLearner {
		return nil
	}
	groups := []raft.GroupID{MetaGroup}
	for _, m := range c.Machines {
		groups = append(groups, m.Group)
	}
	votes, learns := c.SeatsIn(n)
	groups = slices.DeleteFunc(groups, func(g raft.GroupID) bool { return slices.Contains(votes, g) || slices.Contains(learns, g) })
	slices.Sort(groups)
	return groups
}

// Effect is what it does to the quorum when a node's state becomes to, as far as this node
// hears the others. Errors: ErrUnknownNode.
func (n *Node) Effect(id raft.NodeID, to NodeState) (QuorumEffect, error) {
	c := n.catalogue.Load()
	if _, known := c.Node(id); !known {
		return QuorumEffect{}, ErrUnknownNode
	}
	up := map[raft.NodeID]bool{n.cfg.Self: true}
	for _, l := range n.network.Links() {
		up[l.Peer] = l.Up
	}
	return c.Effect(id, to, func(id raft.NodeID) bool { return up[id] }), nil
}
