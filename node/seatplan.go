package node

import (
	"slices"

	"github.com/wraft/wraft/raft"
)

// wantedSeat is what the cluster wants of a node in one group.
type wantedSeat struct {
	member raft.Member
	votes  bool
}

// wantedSeats is the whole wish for a group. A node that leaves keeps its seat in the
// meta group until no other group has one for it: it learns from there that it may let
// its replicas go.
func (c *Catalogue) wantedSeats(g raft.GroupID) []wantedSeat {
	var out []wantedSeat
	for _, n := range c.Nodes {
		w := wantedSeat{member: raft.Member{Node: n.ID, Incarnation: n.Incarnation}, votes: n.State == NodeVoter}
		switch {
		case n.Incarnation == 0 || n.State == NodeRemoved:
		case n.State == NodeLeaving:
			held := c.Holds(n.ID)
			if g == MetaGroup && len(held) > 1 {
				w.votes = slices.ContainsFunc(c.Seats.Voters, func(s Seat) bool { return s.Node == n.ID })
				out = append(out, w)
			}
		default:
			out = append(out, w)
		}
	}
	return out
}

// planSeats lists the changes that bring a plain configuration closer to a wish, the
// most useful first; each makes sense alone, and the next one is for when it cannot be
// had yet.
//
// Why in this order: a seat of a life that is over counts in majorities and answers
// nothing, so it goes first. Whoever comes is taken in before anybody who works leaves.
func planSeats(now raft.Configuration, wanted []wantedSeat) []raft.Change {
	var over, add, promote, leave []raft.Change
	for _, w := range wanted {
		switch life := now.IncarnationOf(w.member.Node); {
		case life == 0:
			add = append(add, raft.Change{Kind: raft.AddLearner, Node: w.member.Node, Incarnation: w.member.Incarnation})
		case life != w.member.Incarnation:
			over = append(over, raft.Change{Kind: raft.Remove, Node: w.member.Node, Incarnation: life})
		case w.votes && !now.IsVoter(w.member.Node):
			promote = append(promote, raft.Change{Kind: raft.Promote, Node: w.member.Node, Incarnation: life})
		case !w.votes && now.IsVoter(w.member.Node):
			leave = append(leave, raft.Change{Kind: raft.Demote, Node: w.member.Node, Incarnation: life})
		}
	}
	for _, id := range now.Nodes() {
		if !slices.ContainsFunc(wanted, func(w wantedSeat) bool { return w.member.Node == id }) {
			leave = append(leave, raft.Change{Kind: raft.Remove, Node: id, Incarnation: now.IncarnationOf(id)})
		}
	}
	return slices.Concat(over, add, promote, leave)
}
