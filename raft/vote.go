package raft

import "github.com/wraft/wraft/raft/mutant"

// onVote answers a request for a vote, whatever the role of either side: only
// terms, logs and promises decide (Raft paper §5.2, §5.4.1; thesis §4.2.3).
func (c *Core) onVote(from NodeID, m Vote) {
	reason := c.judgeVote(from, m)
	if reason == RefusedNone {
		c.setState(c.term, from)
		c.resetElection()
	}
	c.fx.Events = append(c.fx.Events, VoteDecided{
		Candidate: from, Term: m.Term, Granted: reason == RefusedNone, Reason: reason,
	})
	reply := VoteReply{Term: c.term, Granted: reason == RefusedNone, Reason: reason}
	if mutant.On(mutant.GrantUnsynced) {
		c.sendAtOnce(from, reply)
		return
	}
	c.send(from, reply)
}

// judgeVote decides and takes on the term of a request that may be granted. A
// request that is refused because a leader stands changes nothing, not even the
// term: otherwise a node that was cut off would depose a working leader.
func (c *Core) judgeVote(from NodeID, m Vote) RefusalReason {
	switch {
	case m.Term < c.term:
		return RefusedTerm
	case c.damaged():
		return RefusedDamaged
	case m.Term == c.term && c.vote == from:
		return RefusedNone // asked again: the same answer
	case c.hearsLeader() && !m.Transfer && !c.agrees(hint{m.Gone, m.GoneBoot}):
		return RefusedLeader
	case m.Term > c.term:
		c.learnTerm(from, m.Term)
	}
	switch {
	case c.vote != 0:
		return RefusedVoted
	case c.behind(m.LastIndex, m.LastTerm):
		return RefusedLog
	}
	return RefusedNone
}

// onPreVote answers whether a vote would be granted, and takes no side.
func (c *Core) onPreVote(from NodeID, m PreVote) {
	reason := RefusedNone
	switch {
	case m.Term <= c.term:
		reason = RefusedTerm
	case c.damaged():
		reason = RefusedDamaged
	case c.hearsLeader() && !c.agrees(hint{m.Gone, m.GoneBoot}):
		reason = RefusedLeader
	case c.behind(m.LastIndex, m.LastTerm):
		reason = RefusedLog
	}
	if mutant.On(mutant.PreVoteRaisesTerm) && reason == RefusedNone {
		c.becomeFollower(m.Term, 0, "pre-vote")
	}
	reply := PreVoteReply{Term: m.Term, Granted: true}
	if reason != RefusedNone {
		reply = PreVoteReply{Term: c.term, Reason: reason}
	}
	c.fx.Events = append(c.fx.Events, VoteDecided{
		Candidate: from, Term: m.Term, Pre: true, Granted: reply.Granted, Reason: reason,
	})
	c.send(from, reply)
	switch {
	case !reply.Granted:
	case m.Gone != 0:
		c.makeWay(from, m)
	case c.role == PreCandidate && from < c.cfg.ID:
		c.yield()
	}
}

// yield leaves the field to another pre-candidate, who was just told that it would
// get this node's vote. Why: both would win the pre-vote, vote for themselves and
// wait for another timeout. It does so once between two leaders, because the other one
// may be heard and hear nobody; and only where the way to a quorum is known, because
// else it would be long until it campaigns again.
func (c *Core) yield() {
	if c.yielded || c.electionRTT == 0 {
		return
	}
	c.yielded = true
	c.becomeFollower(c.term, 0, "yields")
	c.retryElection()
}

// behind reports whether a log that ends at (index, term) lacks something ours
// has (Raft paper §5.4.1).
func (c *Core) behind(index Index, term Term) bool {
	if mutant.On(mutant.VoteWithoutLog) {
		return false
	}
	ours := c.log.lastTerm()
	return term < ours || term == ours && index < c.log.last
}
