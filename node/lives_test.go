package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wraft/wraft/raft"
)

// removedNode is a cluster of node 1 that node 2 joined and left, in its second life.
func removedNode(t *testing.T) *MetaMachine {
	t.Helper()
	m := NewMetaMachine(func(*Catalogue) {})
	m.bootstrap(1, bootstrapCommand{Cluster: "c", Level: FeatureLevelMax, Nodes: []NodeRecord{{ID: 1}}})
	m.addNode(2, addNodeCommand{Node: NodeRecord{ID: 2, PeerAddress: "b:1"}})
	for life := raft.Incarnation(0); life < 2; life++ {
		if r := m.claim(3, claimCommand{Node: 2, From: life, Nonce: 7 + uint64(life)}); r.Status != metaOK {
			t.Fatalf("claim %d: %+v", life, r)
		}
	}
	m.moveNode(4, moveNodeCommand{Node: 2, To: NodeLeaving})
	m.takeSeats(5, seatsCommand{Group: MetaGroup, Seats: Seats{Index: 9, Voters: []Seat{{Node: 1, Incarnation: 1}}}})
	return m
}

// TestARemovedLifeNeverComesBack: added again, the node has no seat in a life that it had,
// and claims the next.
func TestARemovedLifeNeverComesBack(t *testing.T) {
	m := removedNode(t)
	if r, _ := m.catalogue.Node(2); r.State != NodeRemoved || !r.Over(1) || !r.Over(2) || r.Over(3) {
		t.Fatalf("removed: %+v", r)
	}
	if r := m.addNode(6, addNodeCommand{Node: NodeRecord{ID: 2, PeerAddress: "b:2"}}); r.Status != metaOK {
		t.Fatalf("added again: %+v", r)
	}
	if r, _ := m.catalogue.Node(2); r.Incarnation != 0 || !r.Over(1) || !r.Over(2) {
		t.Errorf("added again: %+v", r)
	}
	if w := m.catalogue.wantedSeats(MetaGroup); len(w) != 1 {
		t.Errorf("seats are wanted for %+v", w)
	}
	for range 2 { // the same process asks twice
		r := m.claim(7, claimCommand{Node: 2, From: 0, Nonce: 7})
		if life, err := DecodeIncarnation(r.Status, r.Data); err != nil || life != 3 {
			t.Fatalf("its next life is %d, %v", life, err)
		}
	}
	if r, _ := m.catalogue.Node(2); !r.Over(2) || r.Over(3) || r.Lives != 3 {
		t.Errorf("in its third life: %+v", r)
	}
}

// TestForgottenLivesAreNotGivenAgain: when a removed node's record made room, whoever is
// added counts behind its lives.
func TestForgottenLivesAreNotGivenAgain(t *testing.T) {
	m := removedNode(t)
	for id := raft.NodeID(3); len(m.catalogue.Nodes) < NodesMax; id++ {
		m.addNode(6, addNodeCommand{Node: NodeRecord{ID: id, PeerAddress: fmt.Sprintf("x:%d", id)}})
	}
	m.addNode(7, addNodeCommand{Node: NodeRecord{ID: 1000, PeerAddress: "y:1"}})
	if _, known := m.catalogue.Node(2); known || len(m.catalogue.Nodes) != NodesMax {
		t.Fatal("the removed node did not make room")
	}
	m.moveNode(8, moveNodeCommand{Node: 1000, To: NodeLeaving})
	m.takeSeats(9, seatsCommand{Group: MetaGroup, Seats: Seats{Index: 10, Voters: []Seat{{Node: 1, Incarnation: 1}}}})
	if r := m.addNode(10, addNodeCommand{Node: NodeRecord{ID: 2, PeerAddress: "b:1"}}); r.Status != metaOK {
		t.Fatalf("added after it was forgotten: %+v", r)
	}
	r := m.claim(11, claimCommand{Node: 2, From: 0, Nonce: 9})
	if life, err := DecodeIncarnation(r.Status, r.Data); err != nil || life != 3 {
		t.Errorf("its next life is %d, %v", life, err)
	}
}

// leavingCatalogue has machines in groups 2 and 3; node 2 leaves and has a seat in the
// groups named.
func leavingCatalogue(state NodeState, seats ...raft.GroupID) *Catalogue {
	c := &Catalogue{Cluster: "c", Nodes: []NodeRecord{{ID: 1, Incarnation: 1, Lives: 1}, {ID: 2, Incarnation: 1, Lives: 1, State: state}}}
	for g := raft.GroupID(2); g <= 3; g++ {
		m := MachineRecord{Name: fmt.Sprint("m", g), Group: g, Seats: Seats{Voters: []Seat{{Node: 1, Incarnation: 1}}}}
		for _, s := range seats {
			if s == g {
				m.Seats.Voters = append(m.Seats.Voters, Seat{Node: 2, Incarnation: 1})
			}
		}
		c.Machines = append(c.Machines, m)
	}
	return c
}

// TestALeavingNodeLetsGoAndBeginsNothing: a replica goes once its group has no seat for the
// node, and no log is begun any more, whatever a leader that is behind has of the node.
func TestALeavingNodeLetsGoAndBeginsNothing(t *testing.T) {
	d := NewDeployer(2, 0, 0)
	d.Current()
	d.Observe(leavingCatalogue(NodeVoter, 2, 3))
	for _, a := range d.Next() {
		d.GroupCreated(a.CreateGroup.Group, nil)
	}
	d.Observe(leavingCatalogue(NodeLeaving, 2, 3))
	if d.machines[2].phase == PhaseRemoving || d.machines[3].phase == PhaseRemoving {
		t.Fatal("a replica goes that has a seat")
	}
	d.Observe(leavingCatalogue(NodeLeaving, 3))
	var removed []raft.GroupID
	for _, a := range d.Next() {
		if a.RemoveGroup != nil {
			removed = append(removed, a.RemoveGroup.Group)
			d.GroupRemoved(a.RemoveGroup.Group, nil)
		}
	}
	if len(removed) != 1 || removed[0] != 2 {
		t.Fatalf("the groups %v are removed", removed)
	}
	d.Observe(leavingCatalogue(NodeLeaving, 2, 3)) // a stale leader took it in again
	for _, a := range d.Next() {
		if a.CreateGroup != nil || a.RemoveGroup != nil {
			t.Errorf("it begins or removes a log: %+v", a)
		}
	}
}

// TestALeavingNodeThatRestartsBeginsNothing: the catalogue is replayed and shows seats that
// it let go.
func TestALeavingNodeThatRestartsBeginsNothing(t *testing.T) {
	d := NewDeployer(2, 0, 0)
	d.Found(3, true) // of group 2 nothing is left
	d.Observe(leavingCatalogue(NodeVoter, 2, 3))
	for _, a := range d.Next() {
		if a.CreateGroup == nil || a.CreateGroup.Group != 3 {
			t.Errorf("during the replay: %+v", a)
		}
		d.GroupCreated(3, nil)
	}
	d.Observe(leavingCatalogue(NodeLeaving, 2, 3))
	d.Current()
	for _, a := range d.Next() {
		if a.CreateGroup != nil {
			t.Errorf("it begins a log: %+v", a.CreateGroup)
		}
	}
	d.Observe(leavingCatalogue(NodeLeaving))
	if got := d.Next(); len(got) != 1 || got[0].RemoveGroup == nil || got[0].RemoveGroup.Group != 3 {
		t.Errorf("without a seat: %+v", got)
	}
}

// TestAnEarlierLifeLetsNothingGo: a node left and was added again. When it restarts it replays
// a log that tells of that; what its disk has is of this life and stays.
func TestAnEarlierLifeLetsNothingGo(t *testing.T) {
	for life, want := range map[raft.Incarnation]bool{1: true, 2: false} { // leavingCatalogue is of life 1
		d := NewDeployer(2, 0, 0)
		d.Live(life)
		d.Found(2, true)
		d.Found(3, true)
		for _, state := range []NodeState{NodeVoter, NodeLeaving, NodeRemoved} {
			d.Observe(leavingCatalogue(state))
		}
		removes := slices.ContainsFunc(d.Next(), func(a DeployAction) bool { return a.RemoveGroup != nil })
		if removes != want {
			t.Errorf("in life %d: replicas are removed: %v", life, removes)
		}
	}
}
