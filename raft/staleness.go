package raft

import "time"

// known is a fact that stays true: everything that was acknowledged to anybody
// before the moment at, on this node's clock, is at or below index.
type known struct {
	ok    bool
	index Index
	at    time.Duration
}

// learn keeps the younger of two facts.
func (k *known) learn(index Index, at time.Duration) {
	if !k.ok || at >= k.at {
		*k = known{ok: true, index: max(index, k.index), at: at}
	}
}

// learnFromRounds notes what a leader knows for certain: a quorum followed it
// after the newest round that came back was sent. All that earlier leaders
// acknowledged is committed with the term's no-op.
func (c *Core) learnFromRounds() {
	if c.role != Leader || c.commit < c.noop {
		return
	}
	round := c.quorumRound(func(id NodeID) uint64 {
		if p := c.follower(id); p != nil {
			return p.Round
		}
		return 0
	})
	if sent, ok := c.rounds.sentAt(round); ok {
		c.reads.known.learn(c.commit, sent)
	}
}

// recent reports whether what is known for certain is at most maxAge old. At a
// follower it asks the leader anew when more than half of that has passed, so that
// later reads need not wait.
func (c *Core) recent(maxAge time.Duration) bool {
	c.learnFromRounds()
	k := &c.reads.known
	if !k.ok || c.now-k.at > maxAge {
		return false
	}
	if c.role != Leader && c.now-k.at > maxAge/2 {
		c.reads.ahead, c.dirty = true, true
	}
	return true
}

// knownAge is the age of what is known for certain; -1: nothing is.
func (c *Core) knownAge() time.Duration {
	if !c.reads.known.ok {
		return -1
	}
	return c.now - c.reads.known.at
}
