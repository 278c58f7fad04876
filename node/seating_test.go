package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// testSeats are voters in their first life.
func testSeats(ids ...raft.NodeID) Seats {
	return seatsOf(raft.ConfigAt{Configuration: confchange.New(ids...)})
}

// table follows a plan by hand: each change takes place at once.
type table struct {
	now    raft.ConfigAt
	refuse map[raft.NodeID]error
}

// describe writes a configuration down: voters, then learners in brackets.
func describe(c raft.Configuration) string {
	var words []string
	for _, m := range c.Voters {
		words = append(words, fmt.Sprintf("%d.%d", m.Node, m.Incarnation))
	}
	for _, m := range c.Learners {
		words = append(words, fmt.Sprintf("(%d.%d)", m.Node, m.Incarnation))
	}
	return strings.Join(words, " ")
}

// follow gives a leader of group 2 a catalogue and lets it act until it rests.
func (b *table) follow(t *testing.T, s *Seating, c *Catalogue) (steps []string) {
	t.Helper()
	s.Lead(2, raft.Status{Role: raft.Leader, Configuration: b.now})
	s.Observe(c)
	for range 40 {
		actions := s.Next()
		if len(actions) == 0 {
			at, waits := s.NextDeadline()
			if !waits || len(b.refuse) > 0 {
				return steps
			}
			s.Tick(at)
			continue
		}
		steps = append(steps, b.obey(t, s, c, actions[0])...)
	}
	t.Fatalf("it never rests: %v", steps)
	return nil
}

func (b *table) obey(t *testing.T, s *Seating, c *Catalogue, a SeatingAction) []string {
	t.Helper()
	switch {
	case a.Report != nil:
		c.Machines[0].Seats = *a.Report
		s.Reported(2, a.Report.Index, nil)
		s.Observe(c)
		return nil
	case a.StepAside:
		s.Changed(2, raft.ErrTransferring)
		s.Lead(2, raft.Status{Role: raft.Follower, Configuration: b.now})
		return []string{"step aside"}
	case a.Expected != b.now.Index:
		t.Fatalf("a change of the configuration at %d, %d is in force", a.Expected, b.now.Index)
	case b.refuse[a.Change.Node] != nil:
		s.Changed(2, b.refuse[a.Change.Node])
		return nil
	}
	next, err := b.now.Configuration.Changed(*a.Change)
	if err != nil {
		t.Fatalf("%+v: %v", *a.Change, err)
	}
	b.now = raft.ConfigAt{Index: b.now.Index + 1, Configuration: next.End()}
	s.Changed(2, nil)
	s.Lead(2, raft.Status{Role: raft.Leader, Configuration: b.now})
	return []string{fmt.Sprintf("%v %d", a.Change.Kind, a.Change.Node)}
}

// catalogueOf has one machine, and nodes as given.
func catalogueOf(seats Seats, nodes ...NodeRecord) *Catalogue {
	return &Catalogue{Cluster: "blue", Nodes: nodes, Seats: seats, Machines: []MachineRecord{{Name: "a", Group: 2, Seats: seats}}}
}

func TestSeatingFollowsTheListOfNodes(t *testing.T) {
	node := func(id raft.NodeID, life raft.Incarnation, state NodeState) NodeRecord {
		return NodeRecord{ID: id, Incarnation: life, State: state}
	}
	for name, c := range map[string]struct {
		nodes  []NodeRecord
		refuse map[raft.NodeID]error
		steps  string
		end    string
	}{
		"nothing to do":      {[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeVoter), node(3, 1, NodeVoter)}, nil, "", "1.1 2.1 3.1"},
		"a disk was lost":    {[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeVoter), node(3, 2, NodeVoter)}, nil, "remove 3, add-learner 3, promote 3", "1.1 2.1 3.2"},
		"a learner comes":    {[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeVoter), node(3, 1, NodeVoter), node(4, 1, NodeLearner)}, nil, "add-learner 4", "1.1 2.1 3.1 (4.1)"},
		"nobody lives there": {[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeVoter), node(3, 1, NodeVoter), node(4, 0, NodeLearner)}, nil, "", "1.1 2.1 3.1"},
		"one for another":    {[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeLeaving), node(3, 1, NodeVoter), node(4, 1, NodeVoter)}, nil, "add-learner 4, promote 4, remove 2", "1.1 3.1 4.1"},
		"a voter listens":    {[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeLearner), node(3, 1, NodeVoter)}, nil, "demote 2", "1.1 3.1 (2.1)"},
		"the leader goes":    {[]NodeRecord{node(1, 1, NodeLeaving), node(2, 1, NodeVoter), node(3, 1, NodeVoter)}, nil, "step aside", "1.1 2.1 3.1"},
		"it stays behind": {
			[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeRemoved), node(3, 1, NodeVoter), node(4, 1, NodeVoter)},
			map[raft.NodeID]error{4: raft.ErrLearnerBehind}, "remove 2", "1.1 3.1",
		},
		"it is not safe": {
			[]NodeRecord{node(1, 1, NodeVoter), node(2, 1, NodeRemoved), node(3, 1, NodeVoter)},
			map[raft.NodeID]error{2: ErrUnsafeChange}, "", "1.1 2.1 3.1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &table{now: raft.ConfigAt{Configuration: confchange.New(1, 2, 3)}, refuse: c.refuse}
			steps := b.follow(t, NewSeating(1, 0), catalogueOf(testSeats(1, 2, 3), c.nodes...))
			if got := strings.Join(steps, ", "); got != c.steps {
				t.Errorf("it did %q, want %q", got, c.steps)
			}
			if got := describe(b.now.Configuration); got != c.end {
				t.Errorf("it came to %q, want %q", got, c.end)
			}
		})
	}
}

// TestALeavingNodeKeepsItsSeatInTheMetaGroupToTheEnd: it learns there that it may go.
func TestALeavingNodeKeepsItsSeatInTheMetaGroupToTheEnd(t *testing.T) {
	c := catalogueOf(testSeats(1, 2, 3), NodeRecord{ID: 1, Incarnation: 1}, NodeRecord{ID: 2, Incarnation: 1}, NodeRecord{ID: 3, Incarnation: 1, State: NodeLeaving})
	if plan := planSeats(c.Seats.Configuration(), c.wantedSeats(MetaGroup)); len(plan) > 0 {
		t.Errorf("the meta group does %+v while a machine has a replica there", plan)
	}
	c.Machines[0].Seats = testSeats(1, 2)
	plan := planSeats(c.Seats.Configuration(), c.wantedSeats(MetaGroup))
	if len(plan) != 1 || plan[0].Kind != raft.Remove || plan[0].Node != 3 {
		t.Errorf("the meta group does %+v when the others have let go", plan)
	}
}

// TestSeatingIsBoundedAndReports: few groups change at once, and what a configuration
// came to is told before anything else is done.
func TestSeatingIsBoundedAndReports(t *testing.T) {
	s := NewSeating(1, 0)
	c := &Catalogue{Cluster: "blue", Seats: testSeats(1, 2, 3), Nodes: []NodeRecord{{ID: 1, Incarnation: 1}, {ID: 2, Incarnation: 1}, {ID: 3, Incarnation: 2}}}
	for g := raft.GroupID(2); g < 12; g++ {
		c.Machines = append(c.Machines, MachineRecord{Group: g, Seats: testSeats(1, 2, 3)})
		s.Lead(g, raft.Status{Role: raft.Leader, Configuration: raft.ConfigAt{Configuration: confchange.New(1, 2, 3)}})
	}
	s.Observe(c)
	if got := s.Next(); len(got) != seatingsMax || got[0].Group != 2 || got[0].Change.Kind != raft.Remove {
		t.Fatalf("%+v", got)
	}
	s.Lead(2, raft.Status{Role: raft.Follower})
	s.Changed(3, errors.New("anything"))
	at, ok := s.NextDeadline()
	if got := s.Next(); !ok || at != 2*seatingRetryMin || len(got) != 2 || got[0].Group != 6 {
		t.Fatalf("%v, %v, %+v", at, ok, got)
	}
	s.Lead(4, raft.Status{Role: raft.Leader, Configuration: raft.ConfigAt{Index: 9, Configuration: confchange.New(1, 2)}})
	s.Changed(4, nil)
	got := s.Next()
	if len(got) != 1 || got[0].Report == nil || got[0].Report.Index != 9 || got[0].Report.Has(3) {
		t.Fatalf("%+v", got)
	}
	s.Tick(time.Hour)
	s.Reported(4, 9, nil)
	if got := s.Next(); len(got) == 0 || got[len(got)-1].Group == 4 && got[len(got)-1].Report != nil {
		t.Fatalf("it reports again: %+v", got)
	}
}
