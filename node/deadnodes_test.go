package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// voting is a cluster of voters, at level 2, whose groups have followed.
func voting(t *testing.T, voters int) *metaLog {
	l := &metaLog{t: t}
	l.machine = NewMetaMachine(func(c *Catalogue) { l.catalogue = c })
	var nodes []NodeRecord
	for id := range voters {
		nodes = append(nodes, NodeRecord{ID: raft.NodeID(id + 1)})
	}
	l.apply(BootstrapCommand("blue", nodes))
	return l
}

func (l *metaLog) removeDead(id raft.NodeID, life raft.Incarnation, minVoters int) plugins.Result {
	l.t.Helper()
	return l.apply(laterCommand{By: removeDeadBy, RemoveDead: &removeDeadCommand{Node: id, Life: life, MinVoters: minVoters, Silent: time.Hour}}.encode())
}

// follow has the seats of the meta group become what the catalogue wants.
func (l *metaLog) follow() {
	l.t.Helper()
	var seats Seats
	for _, n := range l.catalogue.Nodes {
		seat := Seat{Node: n.ID, Incarnation: n.Incarnation}
		switch {
		case n.Incarnation == 0:
		case n.State == NodeVoter:
			seats.Voters = append(seats.Voters, seat)
		case n.State == NodeLearner:
			seats.Learners = append(seats.Learners, seat)
		}
	}
	l.index++
	seats.Index = raft.Index(l.index)
	l.apply(SeatsCommand(MetaGroup, seats))
}

// TestWhichDeadNodeGoes: a table of clusters. A line has the voters, who is dead for longer
// than the policy says and for how many hours, who is away for less, and who goes.
func TestWhichDeadNodeGoes(t *testing.T) {
	for _, row := range []struct {
		what   string
		voters int
		dead   map[raft.NodeID]time.Duration // hours of silence
		min    int
		want   raft.NodeID
	}{
		{"nobody is dead", 5, nil, 3, 0},
		{"one of five", 5, map[raft.NodeID]time.Duration{4: 80}, 3, 4},
		{"not for long enough", 5, map[raft.NodeID]time.Duration{4: 71}, 3, 0},
		{"for exactly as long", 5, map[raft.NodeID]time.Duration{4: 72}, 3, 4},
		{"the last spare of three", 3, map[raft.NodeID]time.Duration{3: 999}, 3, 0},
		{"one of four", 4, map[raft.NodeID]time.Duration{1: 80}, 3, 1},
		{"the longer dead of two", 5, map[raft.NodeID]time.Duration{2: 80, 3: 90}, 3, 3},
		{"of two as long the first", 5, map[raft.NodeID]time.Duration{2: 80, 3: 80}, 3, 2},
		{"one dead and one just away", 5, map[raft.NodeID]time.Duration{2: 80, 3: 1}, 3, 2},
		{"policy wants five", 5, map[raft.NodeID]time.Duration{2: 80}, 5, 0},
		{"six where policy wants five", 6, map[raft.NodeID]time.Duration{2: 80}, 5, 2},
		{"six where policy wants five and one is away", 6, map[raft.NodeID]time.Duration{2: 80, 3: 1}, 5, 0},
		{"no majority is left", 4, map[raft.NodeID]time.Duration{2: 80, 3: 80}, 3, 0},
		{"no majority is left of seven", 7, map[raft.NodeID]time.Duration{1: 80, 2: 80, 3: 80, 4: 80}, 3, 0},
		{"two who would be left are too few", 5, map[raft.NodeID]time.Duration{1: 80, 2: 80, 3: 80}, 3, 0},
	} {
		l := voting(t, row.voters)
		up := func(id raft.NodeID) bool { return row.dead[id] == 0 }
		silent := func(id raft.NodeID) time.Duration { return row.dead[id] * time.Hour }
		dead, found := RemovalPolicy{After: 72 * time.Hour, MinVoters: row.min}.Pick(l.catalogue, up, silent)
		if dead.ID != row.want || found != (row.want != 0) {
			t.Errorf("%s: %v goes, want %v", row.what, dead.ID, row.want)
		}
	}
}

// TestADeadNodeIsRemovedByTheCatalogueAlone: whatever the one who asks thought, the command is obeyed
// where it is safe, and stands in the audit.
func TestADeadNodeIsRemovedByTheCatalogueAlone(t *testing.T) {
	l := voting(t, 5)
	l.apply(AddNodeCommand(NodeRecord{ID: 6, PeerAddress: "f:1"}))
	refused := func(what string, r plugins.Result, why string) {
		t.Helper()
		if r.Status != metaUnsafe || !strings.Contains(string(r.Data), why) {
			t.Errorf("%s: status %d: %s", what, r.Status, r.Data)
		}
	}
	refused("a stranger", l.removeDead(9, 1, 3), "no member")
	refused("one that was never up", l.removeDead(6, 0, 3), "life 0")
	refused("another life", l.removeDead(2, 2, 3), "n2 is in its life 1")
	refused("too few", l.removeDead(2, 1, 5), "4 voters would be left, 5 have to be")
	if r := l.removeDead(2, 1, 3); r.Status != metaOK {
		t.Fatalf("status %d: %s", r.Status, r.Data)
	}
	refused("a second one meanwhile", l.removeDead(3, 1, 3), "n2 is leaving")
	refused("the same again", l.removeDead(2, 1, 3), "no member")
	l.follow()
	if n, _ := l.catalogue.Node(2); n.State != NodeRemoved {
		t.Fatalf("it is %v", n.State)
	}
	a := l.catalogue.Audit
	if len(a) != 1 || a[0].Action != "remove-dead-node" || a[0].Subject != "n2" || a[0].By != removeDeadBy || a[0].Detail != "nobody reached it for 1h0m0s" {
		t.Errorf("the audit says %+v", a)
	}
	if r := l.removeDead(3, 1, 3); r.Status != metaOK {
		t.Fatalf("the next one: status %d: %s", r.Status, r.Data)
	}
	l.follow()
	refused("a third one", l.removeDead(1, 1, 3), "2 voters would be left")
}

// TestADeadLearnerGoes whatever the voters are: it counts in no majority. A voter on paper does
// not stand in for one that goes.
func TestADeadLearnerGoes(t *testing.T) {
	l := voting(t, 3)
	l.apply(AddNodeCommand(NodeRecord{ID: 4, PeerAddress: "d:1"}))
	l.apply(ClaimCommand(4, 0, 7))
	l.follow()
	up := func(id raft.NodeID) bool { return id < 4 }
	silent := func(id raft.NodeID) time.Duration { return time.Duration(id/4) * time.Hour }
	policy := RemovalPolicy{After: time.Hour, MinVoters: 3}
	if dead, _ := policy.Pick(l.catalogue, up, silent); dead.ID != 4 {
		t.Errorf("%v goes", dead.ID)
	}
	l.apply(MoveNodeCommand(4, NodeVoter))
	if r := l.removeDead(3, 1, 3); r.Status != metaUnsafe {
		t.Errorf("a voter goes for one that does not vote yet: %+v", r)
	}
	if r := l.removeDead(4, 1, 3); r.Status != metaOK {
		t.Errorf("the learner: %+v", r)
	}
}

// TestRemovalOfTheDeadIsSafe: whatever lives and dies, in any cluster under any policy, no
// removal takes one that answers or was heard of late, two at a time, the majority of those who answer,
// their spare ones, or more voters than policy allows.
func TestRemovalOfTheDeadIsSafe(t *testing.T) {
	removals := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 20))
		l := voting(t, 1+r.IntN(9))
		policy := RemovalPolicy{After: 10 * time.Hour, MinVoters: 3 + r.IntN(3)}
		hours := map[raft.NodeID]time.Duration{}
		up := func(id raft.NodeID) bool { return hours[id] == 0 }
		spare := func() int {
			e := l.catalogue.Effect(0, NodeVoter, up)
			return e.There - (e.After/2 + 1)
		}
		for range 40 {
			for _, n := range l.catalogue.Nodes { // who is away stays so for a while
				if up(n.ID) != (r.IntN(5) == 0) {
					hours[n.ID] += time.Duration(r.IntN(2) * (1 + r.IntN(6)))
				} else {
					hours[n.ID] = 0
				}
			}
			before := spare()
			dead, found := policy.Pick(l.catalogue, up, func(id raft.NodeID) time.Duration { return hours[id] * time.Hour })
			if !found {
				continue
			}
			removals++
			if got := l.removeDead(dead.ID, dead.Incarnation, policy.MinVoters); got.Status != metaOK {
				t.Fatalf("seed %d: the catalogue refuses what was picked: %s", seed, got.Data)
			}
			if again, more := policy.Pick(l.catalogue, up, func(raft.NodeID) time.Duration { return 1000 * time.Hour }); more {
				t.Fatalf("seed %d: %v goes beside %v", seed, again.ID, dead.ID)
			}
			l.follow()
			left := l.catalogue.voters()
			problem := ""
			switch {
			case hours[dead.ID] < 10:
				problem = "it was heard of late"
			case left < policy.MinVoters:
				problem = fmt.Sprintf("%d voters are left of %d", left, policy.MinVoters)
			case spare() < 0 || spare() < before:
				problem = fmt.Sprintf("the spare voters went from %d to %d", before, spare())
			case slices.ContainsFunc(l.catalogue.Nodes, func(n NodeRecord) bool { return n.State == NodeLeaving }):
				problem = "somebody is leaving for ever"
			}
			if problem != "" {
				t.Fatalf("seed %d: %v is removed: %s", seed, dead.ID, problem)
			}
		}
	}
	if removals < 100 {
		t.Errorf("only %d removals in all", removals)
	}
}
