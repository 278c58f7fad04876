package client

import "testing"

// TestANodeIsSettledInAllGroups: not while a group has another seat for it than its state says,
// nor while one has none.
func TestANodeIsSettledInAllGroups(t *testing.T) {
	one, both := []GroupID{1}, []GroupID{1, 2}
	for _, row := range []struct {
		what string
		node NodeInfo
		want bool
	}{
		{"a voter in both", NodeInfo{State: NodeVoter, Votes: both, Holds: both}, true},
		{"a voter that one group has as a learner", NodeInfo{State: NodeVoter, Votes: one, Learns: []GroupID{2}, Holds: both}, false},
		{"a voter of whom one group does not know", NodeInfo{State: NodeVoter, Votes: one, Holds: one, Lacks: []GroupID{2}}, false},
		{"a voter of whom none knows", NodeInfo{State: NodeVoter}, false},
		{"a learner in both", NodeInfo{State: NodeLearner, Learns: both, Holds: both}, true},
		{"a learner of whom one group does not know", NodeInfo{State: NodeLearner, Learns: one, Holds: one, Lacks: []GroupID{2}}, false},
		{"one that leaves", NodeInfo{State: NodeLeaving}, false},
		{"one that has left", NodeInfo{State: NodeRemoved}, true},
	} {
		if got := row.node.Settled(); got != row.want {
			t.Errorf("%s: settled %v, want %v", row.what, got, row.want)
		}
	}
}
