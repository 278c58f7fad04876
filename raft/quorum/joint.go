package quorum

// Joint is two majorities that must both agree. In a plain configuration
// Outgoing is empty and Incoming decides alone.
type Joint struct {
	Incoming Majority
	Outgoing Majority
}

// CommittedIndex returns the highest index that both majorities have reached.
func (j Joint) CommittedIndex(acked func(NodeID) Index) Index {
	return min(j.Incoming.CommittedIndex(acked), j.Outgoing.CommittedIndex(acked))
}

// VoteResult is won when both majorities are won and lost when one is lost.
func (j Joint) VoteResult(vote func(NodeID) Vote) Result {
	in, out := j.Incoming.VoteResult(vote), j.Outgoing.VoteResult(vote)
	switch {
	case in == ResultLost || out == ResultLost:
		return ResultLost
	case in == ResultWon && out == ResultWon:
		return ResultWon
	}
	return ResultPending
}

// Reached reports whether has is true of both majorities.
func (j Joint) Reached(has func(NodeID) bool) bool {
	return j.Incoming.Reached(has) && j.Outgoing.Reached(has)
}

// String draws the voters, both halves when there are two: (n1 n2)&&(n2 n3).
func (j Joint) String() string {
	if len(j.Outgoing) == 0 {
		return j.Incoming.String()
	}
	return j.Incoming.String() + "&&" + j.Outgoing.String()
}
