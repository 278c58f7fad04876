package node

import (
	"slices"

	"github.com/wraft/wraft/raft"
)

// NodeState is what the cluster wants of a node. Groups follow: see Seating.
type NodeState uint8

// The states of a node.
const (
	// NodeVoter: it votes in all groups.
	NodeVoter NodeState = iota
	// NodeLearner: it has a replica of all groups and votes in none.
	NodeLearner
	// NodeLeaving: its replicas are being removed, the meta group's last.
	NodeLeaving
	// NodeRemoved: no group has a replica on it any more.
	NodeRemoved
)

// String returns voter, learner, leaving or removed.
func (s NodeState) String() string {
	names := [...]string{"voter", "learner", "leaving", "removed"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// Seat is a member of a group: a node in one of its lives.
type Seat struct {
	_           struct{} `cbor:",toarray"`
	Node        raft.NodeID
	Incarnation raft.Incarnation
}

// Seats is the configuration of a group, never a joint one.
type Seats struct {
	_        struct{}   `cbor:",toarray"`
	Index    raft.Index // of its entry in the group's log; 0: the group began with it
	Voters   []Seat     // ascending by node, as the learners
	Learners []Seat
}

// seatsOf is a plain configuration in the catalogue's words.
func seatsOf(at raft.ConfigAt) Seats {
	return Seats{Index: at.Index, Voters: seatList(at.Configuration.Voters), Learners: seatList(at.Configuration.Learners)}
}

func seatList(members []raft.Member) []Seat {
	var out []Seat
	for _, m := range members {
		out = append(out, Seat{Node: m.Node, Incarnation: m.Incarnation})
	}
	return out
}

// Configuration is s in the core's words.
func (s Seats) Configuration() raft.Configuration {
	members := func(seats []Seat) []raft.Member {
		var out []raft.Member
		for _, m := range seats {
			out = append(out, raft.Member{Node: m.Node, Incarnation: m.Incarnation})
		}
		return out
	}
	return raft.Configuration{Voters: members(s.Voters), Learners: members(s.Learners)}
}

// Has reports whether a node has a seat, in whichever life.
func (s Seats) Has(id raft.NodeID) bool {
	is := func(m Seat) bool { return m.Node == id }
	return slices.ContainsFunc(s.Voters, is) || slices.ContainsFunc(s.Learners, is)
}

// Nodes are all who have a seat, the voters first.
func (s Seats) Nodes() []raft.NodeID {
	var out []raft.NodeID
	for _, m := range slices.Concat(s.Voters, s.Learners) {
		out = append(out, m.Node)
	}
	return out
}

// firstSeats are those of a group that begins now: nobody in it has promised anything
// yet, so that all who are to vote may.
func firstSeats(nodes []NodeRecord) Seats {
	var s Seats
	for _, n := range nodes {
		seat := Seat{Node: n.ID, Incarnation: n.Incarnation}
		switch {
		case n.Incarnation == 0: // it has never been up
		case n.State == NodeVoter:
			s.Voters = append(s.Voters, seat)
		case n.State == NodeLearner:
			s.Learners = append(s.Learners, seat)
		}
	}
	return s
}

// SeatsOf are the newest seats of a group that its leader reported.
func (c *Catalogue) SeatsOf(g raft.GroupID) (Seats, bool) {
	if g == MetaGroup {
		return c.Seats, c.Cluster != ""
	}
	for i := range c.Machines {
		if c.Machines[i].Group == g {
			return c.Machines[i].Seats, true
		}
	}
	return Seats{}, false
}

// Holds lists the groups in which a node still has a seat, ascending.
func (c *Catalogue) Holds(id raft.NodeID) []raft.GroupID {
	var out []raft.GroupID
	if c.Seats.Has(id) {
		out = append(out, MetaGroup)
	}
	for _, m := range c.Machines {
		if m.Seats.Has(id) {
			out = append(out, m.Group)
		}
	}
	slices.Sort(out)
	return out
}
