package node

import (
	"slices"
	"testing"

	"github.com/wraft/wraft/raft"
)

// TestEffectOnTheQuorum: who votes now, who would, and whether those who answer are
// enough.
func TestEffectOnTheQuorum(t *testing.T) {
	m := NewMetaMachine(func(*Catalogue) {})
	m.bootstrap(1, bootstrapCommand{Cluster: "c", Level: FeatureLevelMax, Nodes: []NodeRecord{{ID: 1}, {ID: 2}, {ID: 3}}})
	m.addNode(2, addNodeCommand{Node: NodeRecord{ID: 4, PeerAddress: "d:1"}})
	up := func(ids ...raft.NodeID) func(raft.NodeID) bool {
		return func(id raft.NodeID) bool { return slices.Contains(ids, id) }
	}
	for _, row := range []struct {
		what  string
		id    raft.NodeID
		to    NodeState
		up    []raft.NodeID
		want  QuorumEffect
		loses bool
	}{
		{"remove one of three", 3, NodeLeaving, []raft.NodeID{1, 2, 3}, QuorumEffect{3, 2, 2}, false},
		{"remove the dead one", 3, NodeLeaving, []raft.NodeID{1, 2}, QuorumEffect{3, 2, 2}, false},
		{"remove one that works beside a dead one", 2, NodeLeaving, []raft.NodeID{1, 2}, QuorumEffect{3, 2, 1}, true},
		{"demote it", 2, NodeLearner, []raft.NodeID{1, 2}, QuorumEffect{3, 2, 1}, true},
		{"promote one that has caught up with nothing", 4, NodeVoter, []raft.NodeID{1, 2, 3, 4}, QuorumEffect{3, 4, 3}, false},
		{"remove a learner beside a dead voter", 4, NodeLeaving, []raft.NodeID{1, 2}, QuorumEffect{3, 3, 2}, false},
		{"remove a learner of a cluster that has lost its quorum", 4, NodeLeaving, []raft.NodeID{1}, QuorumEffect{3, 3, 1}, false},
	} {
		e := m.catalogue.Effect(row.id, row.to, up(row.up...))
		if e != row.want || e.LosesQuorum() != row.loses {
			t.Errorf("%s: %+v, loses %v; want %+v, %v", row.what, e, e.LosesQuorum(), row.want, row.loses)
		}
	}
	for voters, want := range []int{0, 0, 0, 1, 1, 2} {
		if got := Tolerates(voters); got != want {
			t.Errorf("%d voters tolerate %d, want %d", voters, got, want)
		}
	}
}

// TestAVoterOnPaperIsNotThere: one that is promoted and does not vote in all groups yet
// cannot stand in for one that goes.
func TestAVoterOnPaperIsNotThere(t *testing.T) {
	m := NewMetaMachine(func(*Catalogue) {})
	m.bootstrap(1, bootstrapCommand{Cluster: "c", Level: FeatureLevelMax, Nodes: []NodeRecord{{ID: 1}}})
	m.addNode(2, addNodeCommand{Node: NodeRecord{ID: 2, PeerAddress: "b:1"}})
	m.claim(3, claimCommand{Node: 2, Nonce: 5})
	m.moveNode(4, moveNodeCommand{Node: 2, To: NodeVoter})
	all := func(raft.NodeID) bool { return true }
	lacks := func() []raft.GroupID { n, _ := m.catalogue.Node(2); return m.catalogue.Lacks(n) }
	if have := lacks(); !slices.Equal(have, []raft.GroupID{MetaGroup}) {
		t.Errorf("before it has a seat it lacks %v", have)
	}
	if e := m.catalogue.Effect(1, NodeLeaving, all); !e.LosesQuorum() {
		t.Errorf("before it votes: %+v", e)
	}
	m.takeSeats(5, seatsCommand{Group: MetaGroup, Seats: Seats{Index: 9, Voters: []Seat{{Node: 1, Incarnation: 1}, {Node: 2, Incarnation: 1}}}})
	if e := m.catalogue.Effect(1, NodeLeaving, all); e.LosesQuorum() {
		t.Errorf("once it votes: %+v", e)
	}
	n, _ := m.catalogue.Node(2)
	if votes, learns := m.catalogue.SeatsIn(n); !slices.Equal(votes, []raft.GroupID{MetaGroup}) || learns != nil {
		t.Errorf("it votes in %v and learns in %v", votes, learns)
	}
	if have := lacks(); len(have) > 0 {
		t.Errorf("with a seat it lacks %v", have)
	}
	m.moveNode(6, moveNodeCommand{Node: 2, To: NodeLeaving})
	if have := lacks(); len(have) > 0 {
		t.Errorf("on its way out it lacks %v", have)
	}
}

// TestTwoNodesHaveNoAddressInCommon: the second is refused, unless the first is gone.
func TestTwoNodesHaveNoAddressInCommon(t *testing.T) {
	m := NewMetaMachine(func(*Catalogue) {})
	m.bootstrap(1, bootstrapCommand{Cluster: "c", Level: FeatureLevelMax, Nodes: []NodeRecord{{ID: 1, PeerAddress: "a:1"}}})
	add := func(id raft.NodeID) int32 {
		return m.addNode(2, addNodeCommand{Node: NodeRecord{ID: id, PeerAddress: "b:1"}}).Status
	}
	if s := add(2); s != metaOK {
		t.Fatalf("the first: %d", s)
	}
	if s := add(3); s != metaConflict {
		t.Errorf("the second: %d", s)
	}
	m.moveNode(3, moveNodeCommand{Node: 2, To: NodeLeaving})
	if s := add(3); s != metaConflict {
		t.Errorf("while the first leaves: %d", s)
	}
	m.takeSeats(4, seatsCommand{Group: MetaGroup, Seats: Seats{Index: 9, Voters: []Seat{{Node: 1, Incarnation: 1}}}})
	if s := add(3); s != metaOK {
		t.Errorf("once the first is gone: %d", s)
	}
}
