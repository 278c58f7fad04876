package raft

import (
	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/quorum"
)

// Campaign makes a voter ask for votes now, as if its election timeout had
// passed; with Config.LeaseReads as soon as its promises have run out. A node whose
// last start was with LeaseReads must not be told to within an ElectionTimeoutMin
// of a start without. It does nothing at a leader or at a node that does not vote.
func (c *Core) Campaign() {
	if c.failed == nil && c.role != Leader {
		c.campaign("asked to")
	}
}

// campaign asks the others whether a vote would be granted, before the term
// rises (Raft thesis §9.6).
func (c *Core) campaign(cause string) {
	c.retryElection()
	if !c.eligible() {
		return
	}
	if until := c.ownBound(); c.now < until {
		c.electionAt = until
		return
	}
	c.takeHint()
	c.beginAsking()
	c.enter(PreCandidate, c.term, 0, cause)
	clear(c.votes)
	c.votes[c.cfg.ID] = quorum.VoteGranted
	c.requestVotes()
	c.countVotes()
}

// becomeCandidate campaigns in the next term. The own vote counts once it is
// durable, and no request leaves before.
func (c *Core) becomeCandidate(transfer bool, cause string) {
	next := c.term + 1
	if mutant.On(mutant.TermLeaps) {
		next += 2 * TermJumpMax
	}
	c.enter(Candidate, next, 0, cause)
	c.setState(c.term, c.cfg.ID)
	clear(c.votes)
	c.retryElection()
	c.onBehalf = transfer
	c.requestVotes()
}

// requestVotes asks everybody who has not answered the current campaign yet.
func (c *Core) requestVotes() {
	c.resendAt = c.now + c.cfg.HeartbeatInterval
	var m Message
	switch c.role {
	case PreCandidate:
		m = PreVote{
			Term: c.term + 1, LastIndex: c.log.last, LastTerm: c.log.lastTerm(),
			Gone: c.hint.node, GoneBoot: c.hint.boot,
		}
	case Candidate:
		m = Vote{
			Term: c.term, LastIndex: c.log.last, LastTerm: c.log.lastTerm(), Transfer: c.onBehalf,
			Gone: c.hint.node, GoneBoot: c.hint.boot,
		}
	default:
		return
	}
	if mutant.On(mutant.RequestUnsynced) {
		c.eachUndecided(func(to NodeID) { c.sendAtOnce(to, m) })
		return
	}
	c.eachUndecided(func(to NodeID) { c.send(to, m) })
}

// eachUndecided calls f for every other voter without an answer, ascending.
func (c *Core) eachUndecided(f func(NodeID)) {
	for _, id := range c.config().Nodes() {
		if id != c.cfg.ID && c.votes[id] == quorum.VotePending && c.config().IsVoter(id) {
			f(id)
		}
	}
}

// countVotes ends the campaign when it is decided.
func (c *Core) countVotes() {
	if c.role == Candidate && c.w.stateIn <= c.w.persisted {
		c.votes[c.cfg.ID] = quorum.VoteGranted
	}
	result := c.voters.VoteResult(func(id NodeID) quorum.Vote { return c.votes[id] })
	if mutant.On(mutant.ElectOneMajority) {
		result = c.voters.Incoming.VoteResult(func(id NodeID) quorum.Vote { return c.votes[id] })
	}
	switch {
	case result == quorum.ResultLost:
		c.becomeFollower(c.term, 0, "election lost")
	case result != quorum.ResultWon:
	case c.role == PreCandidate:
		c.becomeCandidate(false, "pre-vote won")
	case c.role == Candidate:
		c.becomeLeader()
	}
}

// tally notes the answer of a voter. The first answer of a campaign stays: a
// duplicate counts once.
func (c *Core) tally(from NodeID, granted bool) {
	if mutant.On(mutant.VoteReplyTwice) && c.votes[from] == quorum.VoteGranted {
		from = c.undecided(from)
	}
	if c.votes[from] != quorum.VotePending {
		return
	}
	c.votes[from] = quorum.VoteRefused
	if granted {
		c.votes[from] = quorum.VoteGranted
	}
	c.weighAnswers()
	c.countVotes()
}

// onVoteReply counts an answer to the current campaign.
func (c *Core) onVoteReply(from NodeID, m VoteReply) {
	if c.role == Candidate {
		c.tally(from, m.Granted)
	}
}

// onPreVoteReply counts an answer to the current pre-campaign. A refusal may
// teach a newer term; a grant names the term asked about and teaches nothing.
func (c *Core) onPreVoteReply(from NodeID, m PreVoteReply) {
	switch {
	case !m.Granted && m.Term > c.term:
		c.learnTerm(from, m.Term)
	case c.role != PreCandidate:
	case !m.Granted:
		c.tally(from, false)
	case m.Term == c.term+1:
		c.tally(from, true)
	}
}

// onTimeoutNow campaigns at once on the leader's behalf, without a pre-vote
// (Raft thesis §3.10).
func (c *Core) onTimeoutNow(from NodeID) {
	if c.eligible() && from == c.termLeader {
		c.becomeCandidate(true, "transfer")
	}
}

// learnTerm takes over the higher term of a peer, whose leader is not known yet.
func (c *Core) learnTerm(from NodeID, term Term) {
	if term-c.term > TermJumpMax {
		c.fx.Events = append(c.fx.Events, TermJumped{Peer: from, Before: c.term, After: term})
	}
	c.becomeFollower(term, 0, "higher term")
}

// becomeFollower follows leader, 0 when it is not known, in term.
func (c *Core) becomeFollower(term Term, leader NodeID, cause string) {
	c.enter(Follower, term, leader, cause)
}

// enter ends whatever this node was, and takes on a role in term, which is the
// current one or newer, under leader, 0 when it is not known.
func (c *Core) enter(role Role, term Term, leader NodeID, cause string) {
	if c.role == Leader {
		c.stopLeading()
	}
	if mutant.On(mutant.StepDownForgetsVote) && c.role == Candidate && role == Follower && term == c.term {
		c.setState(term, 0)
	}
	if term > c.term {
		c.setState(term, 0)
		c.verified, c.leaderCommit, c.termLeader = 0, 0, 0
		if mutant.On(mutant.VerifiedOutlivesTerm) {
			c.verified = c.log.last
		}
		c.ack = owedAck{}
	}
	if c.leader != leader {
		c.refuseAsked()
	}
	if leader != 0 {
		c.isolate(false)
	}
	c.role, c.leader = role, leader
	c.announce(cause)
}

// hearLeader notes a sign of life of the current term's leader.
func (c *Core) hearLeader(from NodeID) {
	if c.role != Follower || c.leader != from {
		c.becomeFollower(c.term, from, "leader heard")
	}
	c.termLeader = from
	c.yielded = false
	c.heard = c.now
	c.promise()
	c.resetElection()
	if c.damage.wants(c.term) {
		c.reads.ahead, c.dirty = true, true
	}
	if len(c.lives) > 0 {
		c.heardAgain(from)
	}
}

// hearsLeader reports whether a leader stands as far as this node knows, or may
// rely on its promise: then it grants no votes (Raft thesis §4.2.3).
func (c *Core) hearsLeader() bool {
	if c.role == Leader || c.now < max(c.refuseUntil, c.promisedUntil) {
		return true
	}
	return c.leader != 0 && c.now < c.heard+c.cfg.ElectionTimeoutMin
}

// electionCause says why a campaign begins.
func (c *Core) electionCause() string {
	if c.leader != 0 && c.lives[c.leader].gone {
		return "leader gone"
	}
	return "election timeout"
}

// announce emits a RoleChanged when role, term or leader changed.
func (c *Core) announce(cause string) {
	is := RoleChanged{Term: c.term, Role: c.role, Leader: c.leader}
	if is == c.announced {
		return
	}
	c.announced = is
	is.Cause = cause
	c.fx.Events = append(c.fx.Events, is)
	c.dirty = true
}
