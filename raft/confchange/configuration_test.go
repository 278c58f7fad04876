package confchange

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/wraft/wraft/raft/quorum"
	"pgregory.net/rapid"
)

func members(t *rapid.T, name string, least int, taken map[quorum.NodeID]bool) []Member {
	ids := rapid.SliceOfNDistinct(rapid.Uint64Min(1), least, 5, rapid.ID[uint64]).Draw(t, name)
	slices.Sort(ids)
	var list []Member
	for _, id := range ids {
		if taken[quorum.NodeID(id)] {
			continue
		}
		inc := Incarnation(rapid.Uint32Min(1).Draw(t, "incarnation"))
		list = append(list, Member{Node: quorum.NodeID(id), Incarnation: inc})
	}
	return list
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Configuration{Voters: members(t, "voters", 1, nil), Outgoing: members(t, "outgoing", 0, nil)}
		voting := map[quorum.NodeID]bool{}
		for _, m := range append(slices.Clone(c.Voters), c.Outgoing...) {
			voting[m.Node] = true
		}
		c.Learners = members(t, "learners", 0, voting)
		got, err := Decode(c.Encode())
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v came back as %+v: %v", c, got, err)
		}
		for id := range voting {
			if !c.IsVoter(id) || c.IsLearner(id) {
				t.Fatalf("%v is no voter of %+v", id, c)
			}
		}
		if c.Joint() != (len(c.Outgoing) > 0) || len(c.Nodes()) != len(voting)+len(c.Learners) || !slices.IsSorted(c.Nodes()) {
			t.Fatalf("joint %v, nodes %v of %+v", c.Joint(), c.Nodes(), c)
		}
	})
}

func TestAnyBytesDecodeOrAreMalformed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte{configurationVersion}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...)
		c, err := Decode(b)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("%v", err)
		}
		if err == nil && c.Validate() != nil {
			t.Fatalf("%+v was decoded and is not valid", c)
		}
	})
}

func TestMalformed(t *testing.T) {
	sound := New(3, 1, 2).Encode()
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"another version":  append([]byte{9}, sound[1:]...),
		"cut short":        sound[:len(sound)-1],
		"one too many":     append(slices.Clone(sound), 0),
		"no voters":        {configurationVersion, 0, 0, 0},
		"too many":         {configurationVersion, MembersMax + 1},
		"cut in a member":  {configurationVersion, 1, 7},
		"node 0":           {configurationVersion, 1, 0, 1, 0, 0},
		"incarnation 0":    {configurationVersion, 1, 1, 0, 0, 0},
		"huge incarnation": {configurationVersion, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0},
		"repeated":         {configurationVersion, 2, 1, 1, 1, 1, 0, 0},
		"voter learns":     {configurationVersion, 1, 1, 1, 0, 1, 1, 1},
	} {
		if c, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	long := Configuration{Voters: make([]Member, MembersMax+1)}
	if long.Validate() == nil {
		t.Error("65 voters are accepted")
	}
	if c := New(3, 1, 2); c.Voters[0].Node != 1 || c.Voters[2].Node != 3 || c.Joint() {
		t.Errorf("%+v", c)
	}
}
