package raft

import "github.com/wraft/wraft/raft/mutant"

// uncachedApplyMax bounds a range for apply that the driver has to read from
// storage, where the core does not know its size.
const uncachedApplyMax = 1024

// appliedRange is a range handed out for apply and not reported back.
type appliedRange struct {
	last  Index
	bytes uint64
}

// advanceCommit commits what a quorum holds durably, this node's own disk
// included. Only an entry of the own term commits by counting; what is before it
// commits with it (Raft paper §5.4.2, figure 8).
func (c *Core) advanceCommit() {
	index := c.voters.CommittedIndex(c.acked)
	if mutant.On(mutant.LeaveJointOneMajority) {
		index = c.voters.Incoming.CommittedIndex(c.acked)
	}
	if mutant.On(mutant.CommitQuorumOffByOne) {
		index = c.nearlyCommitted()
	}
	if index <= c.commit {
		return
	}
	if term, ok := c.log.term(index); ok && (term == c.term || mutant.On(mutant.CommitOldTerm)) {
		c.setCommit(index)
	}
}

// acked returns up to where id holds this leader's log durably.
func (c *Core) acked(id NodeID) Index {
	if id == c.cfg.ID {
		if mutant.On(mutant.OwnLogUnsynced) {
			return c.log.last
		}
		return c.w.durable
	}
	if p := c.follower(id); p != nil && !p.Damaged {
		return p.Match
	}
	return 0
}

// setCommit moves the commit index forward; it never goes back.
func (c *Core) setCommit(index Index) {
	if index <= c.commit {
		return
	}
	if index > c.log.last {
		panic("raft: commit index beyond the log")
	}
	c.commit = index
	c.dirty = true
	if index >= c.incoming.meta.Index {
		c.stopReceiving()
	}
	if len(c.configs) > 1 {
		c.trimConfigs()
	}
	if c.commitFlushAt == 0 {
		c.commitFlushAt = c.now + c.cfg.ElectionTimeoutMin
	}
	if c.role == Leader {
		c.settleProposals()
		c.settleConfig()
	}
}

// drainApply hands out committed ranges. Why only what is durable here too: a
// replica that applied more than its log holds could not be replayed.
func (c *Core) drainApply() {
	limit := min(c.commit, c.w.durable)
	if c.installing.write != 0 {
		return // what comes next is in the snapshot
	}
	if mutant.On(mutant.ApplyUnsynced) {
		limit = c.commit
	}
	for c.handed < limit && c.applyOut < c.cfg.ApplyBytesMax {
		r := ApplyRange{First: c.handed + 1}
		bytes := c.cfg.ApplyBytesMax
		if cached := c.log.cachedFrom(); r.First < cached {
			if c.applyOut > 0 {
				return
			}
			r.Last = min(limit, cached-1, c.handed+uncachedApplyMax)
		} else {
			r.Entries, bytes = c.log.stretch(r.First, limit+1, c.cfg.ApplyBytesMax-c.applyOut)
			if c.applyOut > 0 && c.applyOut+bytes > c.cfg.ApplyBytesMax {
				return // not even one more entry fits
			}
			r.Last = c.handed + Index(len(r.Entries))
		}
		c.fx.Apply = append(c.fx.Apply, r)
		c.applying.push(appliedRange{last: r.Last, bytes: bytes})
		c.applyOut += bytes
		c.handed = r.Last
	}
}

// Applied says that all entries up to index, which were handed out, ran through
// the machine: their memory may go and more may be handed out.
func (c *Core) Applied(index Index) {
	if index <= c.applied {
		return
	}
	if index > c.handed {
		panic("raft: an entry was applied that was never handed out")
	}
	c.applied = index
	c.dirty = true
	if mutant.On(mutant.ConfigOnApply) {
		c.countVoters()
	}
	for c.applying.len() > 0 && c.applying.at(0).last <= index {
		c.applyOut -= c.applying.pop().bytes
	}
	c.trimCache()
}
