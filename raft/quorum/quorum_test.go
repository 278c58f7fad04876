package quorum

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// voters draws a set of 1 to 7 voters out of n1..n9.
func voters(t *rapid.T, name string, least int) Majority {
	ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 9), least, 7, rapid.ID[uint64]).Draw(t, name)
	var m Majority
	for id := uint64(1); id <= 9; id++ {
		for _, have := range ids {
			if have == id {
				m = append(m, NodeID(id))
			}
		}
	}
	return m
}

// holds is the definition: more than half of m, counted one by one, or no m.
func holds(m Majority, has func(NodeID) bool) bool {
	yes := 0
	for _, id := range m {
		if has(id) {
			yes++
		}
	}
	return len(m) == 0 || 2*yes > len(m)
}

func TestCommittedIndexIsTheHighestEveryMajorityHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := Joint{Incoming: voters(t, "incoming", 1), Outgoing: voters(t, "outgoing", 0)}
		acked := map[NodeID]Index{}
		for id := NodeID(1); id <= 9; id++ {
			acked[id] = Index(rapid.Uint64Range(0, 12).Draw(t, id.String()))
		}
		got := j.CommittedIndex(func(id NodeID) Index { return acked[id] })
		want := Index(0)
		for i := Index(1); i <= 12; i++ {
			reached := func(id NodeID) bool { return acked[id] >= i }
			if holds(j.Incoming, reached) && holds(j.Outgoing, reached) {
				want = i
			}
		}
		if got != want {
			t.Fatalf("%v with %v: committed %d, brute force says %d", j, acked, got, want)
		}
	})
}

// outcomes tries every way the pending voters may still decide.
func outcomes(j Joint, votes map[NodeID]Vote) (canWin, canLose bool) {
	var pending []NodeID
	for id := NodeID(1); id <= 9; id++ {
		if votes[id] == VotePending {
			pending = append(pending, id)
		}
	}
	for bits := range 1 << len(pending) {
		granted := func(id NodeID) bool {
			for i, p := range pending {
				if p == id {
					return bits&(1<<i) != 0
				}
			}
			return votes[id] == VoteGranted
		}
		if holds(j.Incoming, granted) && holds(j.Outgoing, granted) {
			canWin = true
		} else {
			canLose = true
		}
	}
	return canWin, canLose
}

func TestVoteResultAgreesWithEveryFuture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := Joint{Incoming: voters(t, "incoming", 1), Outgoing: voters(t, "outgoing", 0)}
		votes := map[NodeID]Vote{}
		for id := NodeID(1); id <= 9; id++ {
			votes[id] = Vote(rapid.IntRange(0, 2).Draw(t, id.String()))
		}
		canWin, canLose := outcomes(j, votes)
		want := ResultPending
		switch {
		case !canLose:
			want = ResultWon
		case !canWin:
			want = ResultLost
		}
		if got := j.VoteResult(func(id NodeID) Vote { return votes[id] }); got != want {
			t.Fatalf("%v with %v: %v, brute force says %v", j, votes, got, want)
		}
	})
}

func TestReachedNeedsBothHalvesAndQuorumsOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := Joint{Incoming: voters(t, "incoming", 1), Outgoing: voters(t, "outgoing", 0)}
		bits := rapid.IntRange(0, 1023).Draw(t, "bits")
		in := func(id NodeID) bool { return bits&(1<<id) != 0 }
		out := func(id NodeID) bool { return !in(id) }
		if got, want := j.Reached(in), holds(j.Incoming, in) && holds(j.Outgoing, in); got != want {
			t.Fatalf("%v with %b: %v, brute force says %v", j, bits, got, want)
		}
		if j.Reached(in) && j.Reached(out) {
			t.Fatalf("%v: two disjoint sets both reach a quorum", j)
		}
	})
}

func TestEmptyMajorityAgreesWithEverything(t *testing.T) {
	var m Majority
	if got := m.CommittedIndex(func(NodeID) Index { return 0 }); got != math.MaxUint64 {
		t.Errorf("committed %d", got)
	}
	if got := m.VoteResult(func(NodeID) Vote { return VoteRefused }); got != ResultWon {
		t.Errorf("vote %v", got)
	}
	if !m.Reached(func(NodeID) bool { return false }) || m.Needed() != 0 {
		t.Error("the empty majority asks for somebody")
	}
}

func TestStrings(t *testing.T) {
	j := Joint{Incoming: Majority{1, 2, 3}}
	if got := j.String(); got != "(n1 n2 n3)" {
		t.Error(got)
	}
	j.Outgoing = Majority{2, 4}
	if got := j.String(); got != "(n1 n2 n3)&&(n2 n4)" {
		t.Error(got)
	}
	if got := ResultLost.String() + " " + Result(9).String(); got != "lost invalid" {
		t.Error(got)
	}
}

func TestCommittedIndexDoesNotAllocate(t *testing.T) {
	j := Joint{Incoming: Majority{1, 2, 3, 4, 5}, Outgoing: Majority{3, 4, 5}}
	var sum Index
	if n := testing.AllocsPerRun(100, func() {
		sum += j.CommittedIndex(func(id NodeID) Index { return Index(id) })
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
