package node_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

func check(index raft.Index, state byte) node.StateCheck {
	return node.StateCheck{Index: index, Hash: [16]byte{state}}
}

func TestComparison(t *testing.T) {
	three, five := []raft.NodeID{1, 2, 3}, []raft.NodeID{1, 2, 3, 4, 5}
	type said struct {
		from  raft.NodeID
		index raft.Index
		state byte
	}
	for name, c := range map[string]struct {
		voters []raft.NodeID
		said   []said
		want   node.Agreement
		at     raft.Index
	}{
		"no voters are known":         {nil, []said{{1, 10, 'a'}, {2, 10, 'b'}}, node.AgreementOpen, 0},
		"nobody":                      {voters: three, want: node.AgreementOpen},
		"only I":                      {three, []said{{1, 10, 'a'}}, node.AgreementOpen, 0},
		"only others":                 {three, []said{{2, 10, 'a'}, {3, 10, 'a'}}, node.AgreementOpen, 0},
		"with one":                    {three, []said{{1, 10, 'a'}, {3, 10, 'a'}}, node.AgreementReached, 10},
		"against one":                 {three, []said{{1, 10, 'a'}, {3, 10, 'b'}}, node.AgreementOpen, 0},
		"against two":                 {three, []said{{1, 10, 'a'}, {3, 10, 'b'}, {2, 10, 'b'}}, node.AgreementAgainst, 10},
		"the other is alone":          {three, []said{{1, 10, 'a'}, {3, 10, 'b'}, {2, 10, 'a'}}, node.AgreementReached, 10},
		"three states":                {three, []said{{1, 10, 'a'}, {3, 10, 'b'}, {2, 10, 'c'}}, node.AgreementNone, 10},
		"at different indexes":        {three, []said{{1, 10, 'a'}, {2, 20, 'b'}, {3, 20, 'b'}}, node.AgreementOpen, 0},
		"late":                        {three, []said{{2, 10, 'b'}, {3, 10, 'b'}, {1, 10, 'a'}}, node.AgreementAgainst, 10},
		"the lowest counts":           {three, []said{{2, 10, 'b'}, {3, 10, 'b'}, {1, 10, 'a'}, {1, 20, 'x'}, {2, 20, 'x'}}, node.AgreementAgainst, 10},
		"a later word":                {three, []said{{1, 10, 'a'}, {3, 10, 'b'}, {2, 10, 'b'}, {1, 10, 'b'}}, node.AgreementReached, 10},
		"two of five":                 {five, []said{{1, 10, 'a'}, {2, 10, 'a'}, {3, 10, 'b'}, {4, 10, 'b'}}, node.AgreementOpen, 0},
		"no majority among five":      {five, []said{{1, 10, 'a'}, {2, 10, 'a'}, {3, 10, 'b'}, {4, 10, 'b'}, {5, 10, 'c'}}, node.AgreementNone, 10},
		"none can come":               {five, []said{{1, 10, 'a'}, {2, 10, 'b'}, {3, 10, 'c'}, {4, 10, 'd'}}, node.AgreementNone, 10},
		"a learner against them":      {[]raft.NodeID{2, 3, 4}, []said{{1, 10, 'a'}, {2, 10, 'b'}, {3, 10, 'b'}}, node.AgreementAgainst, 10},
		"a learner's word is no vote": {[]raft.NodeID{1, 2, 3}, []said{{1, 10, 'a'}, {4, 10, 'a'}}, node.AgreementOpen, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := node.NewComparison(1)
			for _, s := range c.said {
				n.Note(s.from, check(s.index, s.state))
			}
			if got, at := n.Judge(c.voters); got != c.want || at != c.at {
				t.Errorf("%d at %d, want %d at %d", got, at, c.want, c.at)
			}
		})
	}
}

// Whatever comes in whatever order, twice or not at all: a replica is called wrong
// only if a majority has something else, all that hear the same judge alike, and
// what is remembered stays bounded.
func TestComparisonIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		voters := []raft.NodeID{1, 2, 3, 4, 5}[:rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "voters")]
		wrong := map[raft.NodeID]raft.Index{}
		for _, v := range voters {
			if rapid.IntRange(0, 3).Draw(t, "errs") == 0 {
				wrong[v] = raft.Index(rapid.IntRange(1, 60).Draw(t, "from"))
			}
		}
		comparisons := map[raft.NodeID]*node.Comparison{}
		for _, v := range voters {
			comparisons[v] = node.NewComparison(v)
		}
		for range rapid.IntRange(0, 200).Draw(t, "words") {
			from := rapid.SampledFrom(voters).Draw(t, "from")
			index := raft.Index(rapid.IntRange(1, 60).Draw(t, "index"))
			state := byte('a')
			if w, ok := wrong[from]; ok && index >= w {
				state = byte(from)
			}
			for _, v := range voters {
				comparisons[v].Note(from, check(index, state))
			}
		}
		for _, v := range voters {
			verdict, at := comparisons[v].Judge(voters)
			from, errs := wrong[v]
			if verdict == node.AgreementAgainst && (!errs || at < from) {
				t.Fatalf("%v is called wrong at %d", v, at)
			}
			if verdict == node.AgreementReached && errs && at >= from && len(voters) > 1 {
				t.Fatalf("%v, wrong from %d, is called right at %d", v, from, at)
			}
		}
	})
}
