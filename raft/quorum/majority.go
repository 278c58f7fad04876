package quorum

import (
	"math"
	"slices"
	"strings"
)

// Vote is what a node said to a candidate.
type Vote uint8

const (
	// VotePending: no answer yet.
	VotePending Vote = iota
	// VoteGranted: yes.
	VoteGranted
	// VoteRefused: no.
	VoteRefused
)

// Result is where an election stands.
type Result uint8

const (
	// ResultPending: both outcomes are still possible.
	ResultPending Result = iota
	// ResultWon: enough granted, whatever the rest says.
	ResultWon
	// ResultLost: too many refused, whatever the rest says.
	ResultLost
)

// String returns pending, won or lost.
func (r Result) String() string {
	return [...]string{"pending", "won", "lost", "invalid"}[min(r, 3)]
}

// Majority is a set of voters, ascending and each once, more than half of which
// must agree. The empty set agrees with everything, so that half a joint
// configuration may be missing.
type Majority []NodeID

// indexesOnStack is how many voters CommittedIndex serves without allocating.
const indexesOnStack = 9

// Needed returns how many voters make a majority; 0 for the empty set.
func (m Majority) Needed() int {
	if len(m) == 0 {
		return 0
	}
	return len(m)/2 + 1
}

// CommittedIndex returns the highest index that a majority has reached. The
// empty set returns the highest index there is.
func (m Majority) CommittedIndex(acked func(NodeID) Index) Index {
	if len(m) == 0 {
		return math.MaxUint64
	}
	var stack [indexesOnStack]Index
	sorted := stack[:0]
	for _, id := range m {
		sorted = append(sorted, acked(id))
	}
	slices.Sort(sorted)
	return sorted[len(m)-m.Needed()]
}

// VoteResult returns where an election among m stands.
func (m Majority) VoteResult(vote func(NodeID) Vote) Result {
	granted, refused := 0, 0
	for _, id := range m {
		switch vote(id) {
		case VoteGranted:
			granted++
		case VoteRefused:
			refused++
		}
	}
	switch {
	case granted >= m.Needed():
		return ResultWon
	case refused > len(m)-m.Needed():
		return ResultLost
	}
	return ResultPending
}

// Reached reports whether has is true of a majority.
func (m Majority) Reached(has func(NodeID) bool) bool {
	n := 0
	for _, id := range m {
		if has(id) {
			n++
		}
	}
	return n >= m.Needed()
}

// String lists the voters: (n1 n2 n3).
func (m Majority) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, id := range m {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(id.String())
	}
	b.WriteByte(')')
	return b.String()
}
