package raft

import (
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// What stands here happens with a planted bug only, see package mutant: nothing
// of it is in an ordinary build.

// sendAtOnce sends m without waiting for any write.
func (c *Core) sendAtOnce(to NodeID, m Message) {
	c.dirty = true
	c.fx.SendNow = append(c.fx.SendNow, Envelope{To: to, Message: m})
}

// undecided returns a voter that has not answered the campaign yet; or from, when
// there is none.
func (c *Core) undecided(from NodeID) NodeID {
	other := from
	c.eachUndecided(func(id NodeID) { other = id })
	return other
}

// misplaced returns the configuration that a planted bug counts by instead of at.
func (c *Core) misplaced(at ConfigAt) ConfigAt {
	if mutant.On(mutant.ConfigOnApply) {
		for i := len(c.configs) - 1; i >= 0; i-- {
			if at = c.configs[i]; at.Index <= c.applied {
				break
			}
		}
	}
	if mutant.On(mutant.LearnerInQuorum) {
		voters := append(append([]Member(nil), at.Configuration.Voters...), at.Configuration.Learners...)
		at.Configuration.Voters = voters
	}
	return at
}

// nearlyReached reports whether has is true of a majority, give or take one.
func (c *Core) nearlyReached(has func(NodeID) bool) bool {
	for _, id := range c.voters.Incoming {
		if c.voters.Reached(func(o NodeID) bool { return o == id || has(o) }) {
			return true
		}
	}
	return false
}

// nearlyCommitted returns what a majority holds, give or take one node.
func (c *Core) nearlyCommitted() (index Index) {
	for _, id := range c.voters.Incoming {
		index = max(index, c.voters.CommittedIndex(func(o NodeID) Index {
			if o == id {
				return c.acked(c.cfg.ID)
			}
			return c.acked(o)
		}))
	}
	return index
}

// answeredAt returns when a quorum had last answered: that says nothing of when it
// was asked.
func (c *Core) answeredAt() time.Duration {
	return time.Duration(c.voters.CommittedIndex(func(id NodeID) Index {
		if p := c.follower(id); p != nil {
			return Index(p.Heard)
		}
		return Index(c.now)
	}))
}
