package confchange

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/raft/quorum"
	"pgregory.net/rapid"
)

// universe is small enough to try every set of nodes.
const universe = 7

func drawConfiguration(t *rapid.T) Configuration {
	var c Configuration
	for id := quorum.NodeID(1); id <= universe; id++ {
		m := Member{Node: id, Incarnation: Incarnation(id)}
		switch rapid.IntRange(0, 2).Draw(t, "place") {
		case 1:
			c.Voters = append(c.Voters, m)
		case 2:
			c.Learners = append(c.Learners, m)
		}
	}
	if len(c.Voters) == 0 {
		c = Configuration{Voters: []Member{{Node: 1, Incarnation: 1}}}
	}
	return c
}

// drawChanges draws what makes sense for c in three cases of four.
func drawChanges(t *rapid.T, c Configuration) []Change {
	if rapid.IntRange(0, 3).Draw(t, "sense") > 0 {
		return sensible(t, c)
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Change {
		return Change{
			Kind:        Kind(rapid.IntRange(0, 5).Draw(t, "kind")),
			Node:        quorum.NodeID(rapid.Uint64Range(0, universe).Draw(t, "node")),
			Incarnation: Incarnation(rapid.Uint32Range(0, universe).Draw(t, "incarnation")),
		}
	}), 0, 4).Draw(t, "changes")
}

func sensible(t *rapid.T, c Configuration) []Change {
	var out []Change
	for id := quorum.NodeID(1); id <= universe; id++ {
		other := rapid.Bool().Draw(t, "other")
		switch {
		case rapid.Bool().Draw(t, "stays"):
		case other && contains(slices.Concat(c.Voters, c.Learners), id):
			out = append(out, Change{Kind: Remove, Node: id})
		case c.IsVoter(id):
			out = append(out, Change{Kind: Demote, Node: id})
		case c.IsLearner(id):
			out = append(out, Change{Kind: Promote, Node: id, Incarnation: Incarnation(id)})
		default:
			out = append(out, Change{Kind: AddLearner, Node: id, Incarnation: 1})
		}
	}
	return out
}

// quorums returns every set of nodes, as bits, that may decide alone. It counts
// for itself, so that it does not repeat a mistake of package quorum.
func quorums(c Configuration) []int {
	majority := func(list []Member, set int) bool {
		n := 0
		for _, m := range list {
			n += set >> m.Node & 1
		}
		return 2*n > len(list) || len(list) == 0
	}
	var out []int
	for set := range 1 << (universe + 1) {
		if majority(c.Voters, set) && majority(c.Outgoing, set) {
			out = append(out, set)
		}
	}
	return out
}

func overlap(a, b Configuration) bool {
	for _, x := range quorums(a) {
		for _, y := range quorums(b) {
			if x&y == 0 {
				return false
			}
		}
	}
	return true
}

// TestSuccessiveConfigurationsOverlap: no two of them can decide without a node
// that both asked (M5).
func TestSuccessiveConfigurationsOverlap(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfiguration(t)
		changes := drawChanges(t, c)
		before := Configuration{Voters: slices.Clone(c.Voters), Learners: slices.Clone(c.Learners)}
		next, err := c.Changed(changes...)
		if !slices.Equal(before.Voters, c.Voters) || !slices.Equal(before.Learners, c.Learners) {
			t.Fatalf("%+v was changed in place to %+v", before, c)
		}
		if err != nil {
			if !errors.Is(err, ErrInvalidChange) {
				t.Fatal(err)
			}
			return
		}
		accepted++
		end := next.End()
		for _, is := range []Configuration{next, end} {
			if err := is.Validate(); err != nil || len(is.Voters) == 0 {
				t.Fatalf("%+v: %v", is, err)
			}
			if back, err := Decode(is.Encode()); err != nil || back.IsVoter(1) != is.IsVoter(1) {
				t.Fatalf("%+v came back as %+v: %v", is, back, err)
			}
		}
		if next.Joint() == slices.Equal(c.Voters, next.Voters) || end.Joint() {
			t.Fatalf("%+v then %+v then %+v", c, next, end)
		}
		if !overlap(c, next) || !overlap(next, end) {
			t.Fatalf("quorums of %+v, %+v and %+v are apart", c, next, end)
		}
		for _, ch := range changes {
			want := [...]bool{AddLearner: true, Demote: true, Remove: false}
			if ch.Kind == Promote && !end.IsVoter(ch.Node) || ch.Kind != Promote && (end.IsLearner(ch.Node) != want[ch.Kind] || end.IsVoter(ch.Node)) {
				t.Fatalf("%+v led to %+v", ch, end)
			}
		}
	})
	if accepted == 0 {
		t.Error("no change was accepted")
	}
}

func TestOverlapSees(t *testing.T) {
	if overlap(New(1, 2, 3), New(1, 4, 5)) {
		t.Error("(1 2 3) and (1 4 5) share not all quorums")
	}
	if !overlap(New(1, 2, 3), Configuration{Voters: New(1, 4, 5).Voters, Outgoing: New(1, 2, 3).Voters}) {
		t.Error("a joint configuration overlaps with both its halves")
	}
}

func TestInvalidChanges(t *testing.T) {
	c := Configuration{Voters: New(1, 2).Voters, Learners: []Member{{Node: 3, Incarnation: 2}}}
	full := Configuration{Voters: New(1).Voters}
	for id := range quorum.NodeID(MembersMax) {
		full.Learners = append(full.Learners, Member{Node: id + 2, Incarnation: 1})
	}
	joint, err := c.Changed(Change{Kind: Promote, Node: 3})
	if err != nil {
		t.Fatal(err)
	}
	for want, in := range map[string]struct {
		c       Configuration
		changes []Change
	}{
		"joint":                 {joint, []Change{{Kind: Remove, Node: 3}}},
		"nothing is to change":  {c, nil},
		"n3 is named twice":     {c, []Change{{Kind: Promote, Node: 3}, {Kind: Remove, Node: 3}}},
		"n2: it is a member":    {c, []Change{{Kind: AddLearner, Node: 2, Incarnation: 2}}},
		"must not be 0":         {c, []Change{{Kind: AddLearner, Node: 4}}},
		"n1: it votes":          {c, []Change{{Kind: Promote, Node: 1}}},
		"n4: it is no member":   {c, []Change{{Kind: Promote, Node: 4}}},
		"n3: it is no voter":    {c, []Change{{Kind: Demote, Node: 3}}},
		"incarnation 2 is":      {c, []Change{{Kind: Remove, Node: 3, Incarnation: 1}}},
		"unknown kind":          {c, []Change{{Kind: 9, Node: 3}}},
		"at least one voter":    {c, []Change{{Kind: Remove, Node: 1}, {Kind: Demote, Node: 2}}},
		"at most 64 are allowe": {full, []Change{{Kind: AddLearner, Node: 100, Incarnation: 1}}},
	} {
		got, err := in.c.Changed(in.changes...)
		if !errors.Is(err, ErrInvalidChange) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", want, got, err)
		}
	}
	for k := range Kind(6) {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

// TestDemotedVotesUntilTheEnd: a voter that becomes a learner is in both lists of
// the joint configuration, and votes.
func TestDemotedVotesUntilTheEnd(t *testing.T) {
	joint, err := New(1, 2, 3).Changed(Change{Kind: Demote, Node: 3}, Change{Kind: AddLearner, Node: 4, Incarnation: 1})
	if err != nil || !joint.Joint() || !joint.IsVoter(3) || joint.IsLearner(3) || !joint.IsLearner(4) {
		t.Fatalf("%+v, %v", joint, err)
	}
	if back, err := Decode(joint.Encode()); err != nil || !reflect.DeepEqual(back, joint) {
		t.Fatalf("%+v came back as %+v, %v", joint, back, err)
	}
	end := joint.End()
	if end.IsVoter(3) || !end.IsLearner(3) || end.Joint() {
		t.Fatalf("%+v", end)
	}
}
