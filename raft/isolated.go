package raft

import (
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

// isolation is what a replica knows of being cut off. Nothing in the core rests on it:
// it lets those who ask this replica for a leader ask another one soon.
type isolation struct {
	on    bool
	since time.Duration // when the campaigns began that nobody has ended yet
}

// Isolated reports whether the replica knows no leader and is likely not to hear of one
// soon: it stepped down because no quorum answered, or has asked for votes for half an
// election timeout and no quorum answered. It ends with the first leader that is
// heard, or when a quorum answers.
func (c *Core) Isolated() bool { return c.isolation.on }

// isolate notes whether the replica is cut off.
func (c *Core) isolate(on bool) {
	if c.isolation.on != on {
		c.isolation.on, c.dirty = on, true
	}
}

// beginAsking is called when a campaign begins. Those that follow each other count as one.
func (c *Core) beginAsking() {
	if c.role == Follower {
		c.isolation.since = c.now
		return
	}
	c.weighAnswers()
}

// weighAnswers looks whether a quorum has answered the campaign, granting or not.
func (c *Core) weighAnswers() {
	answered := c.voters.Reached(func(id NodeID) bool { return id == c.cfg.ID || c.votes[id] != quorum.VotePending })
	switch {
	case answered:
		c.isolate(false)
	case c.now >= c.isolation.since+c.cfg.ElectionTimeoutMin/2:
		c.isolate(true)
	}
}
