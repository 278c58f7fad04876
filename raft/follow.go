package raft

import "github.com/wraft/wraft/raft/mutant"

// owedAck is an acknowledgement that the next Drain sends: one for all appends
// since the last one. Each of them verified the log up to its own match, so the
// highest speaks for all.
type owedAck struct {
	owed  bool
	to    NodeID
	match Index
	round uint64
}

// onAppend follows the leader's log (Raft paper §5.3). check has made sure that
// nothing settled is contradicted.
func (c *Core) onAppend(from NodeID, m Append) {
	c.hearLeader(from)
	if term, ok := c.log.term(m.PrevIndex); m.PrevIndex > c.log.last || ok && term != m.PrevTerm {
		c.reject(from, m)
		return
	}
	m = c.admit(m)
	c.store(m)
	// What lies at or before the base is committed, and so is in every later
	// leader's log.
	match := max(m.PrevIndex+Index(len(m.Entries)), c.log.base)
	if mutant.On(mutant.AckAboveVerified) {
		match = c.log.last
	}
	c.verified = max(c.verified, match)
	c.learnCommit(m.Commit)
	c.dirty = true
	if !c.ack.owed {
		c.ack = owedAck{owed: true, to: from}
	}
	c.ack.match = max(c.ack.match, match)
	c.ack.round = max(c.ack.round, m.Round)
}

// conflict returns the first index where the append and the log disagree, the
// entry before it included.
func (c *Core) conflict(m Append) (Index, bool) {
	if term, ok := c.log.term(m.PrevIndex); ok && term != m.PrevTerm {
		return m.PrevIndex, true
	}
	if m.PrevIndex >= c.log.last {
		return 0, false
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index > c.log.last {
			break
		}
		if term, ok := c.log.term(e.Index); ok && term != e.Term {
			return e.Index, true
		}
	}
	return 0, false
}

// store appends what the log lacks. It truncates only where terms conflict: a
// late append whose entries are all here must not cut those behind them.
func (c *Core) store(m Append) {
	if at, conflict := c.conflict(m); conflict {
		c.cut(at - 1)
	}
	if end := m.PrevIndex + Index(len(m.Entries)); mutant.On(mutant.StaleAppendTruncates) && end < c.log.last {
		c.cut(end)
	}
	// The log reaches PrevIndex at least: onAppend has rejected the rest.
	held := min(c.log.last-m.PrevIndex, Index(len(m.Entries)))
	news := m.Entries[held:]
	c.log.appendAll(news)
	for i := range news {
		if news[i].Type == EntryConfig {
			c.addConfig(news[i])
		}
	}
}

// reject says where the logs may agree: at the newest entry that is not of a
// later term than the one the leader named. Everything committed agrees.
func (c *Core) reject(from NodeID, m Append) {
	hint := c.log.last
	if m.PrevIndex <= c.log.last {
		hint = m.PrevIndex - 1
	}
	hint = max(c.log.agreement(hint, m.PrevTerm), c.commit)
	term, _ := c.log.term(hint)
	c.send(from, AppendReply{
		Term: c.term, Rejected: true, PrevIndex: m.PrevIndex,
		HintIndex: hint, HintTerm: term, Round: m.Round, Promise: c.cfg.LeaseReads, DiskSlow: c.tellsSlow(0),
		DiskFull: c.room.none, Damaged: c.damage.on,
	})
}

// drainAck sends the acknowledgement owed, once everything it speaks of is
// durable.
func (c *Core) drainAck() {
	if !c.ack.owed {
		return
	}
	after := c.w.holder(c.ack.match)
	if mutant.On(mutant.AckBeforeSync) || mutant.On(mutant.InstallAckUnsynced) && c.installing.write != 0 {
		after = 0
	}
	c.sendAfter(c.ack.to, AppendReply{
		Term: c.term, Match: c.ack.match, Round: c.ack.round, Promise: c.cfg.LeaseReads,
		DiskSlow: c.tellsSlow(after), DiskFull: c.room.none, Damaged: c.damage.on,
	}, after)
	c.ack = owedAck{}
}

// onHeartbeat hears the leader and echoes its round.
func (c *Core) onHeartbeat(from NodeID, m Heartbeat) {
	c.hearLeader(from)
	c.learnCommit(m.Commit)
	c.reads.beat(c)
	c.send(from, HeartbeatReply{
		Term: c.term, Round: m.Round, Promise: c.cfg.LeaseReads, DiskSlow: c.tellsSlow(0),
		DiskFull: c.room.none, Damaged: c.damage.on,
	})
}

// learnCommit notes that the leader says everything up to commit is committed,
// and believes it as far as our log is verified to be the leader's.
func (c *Core) learnCommit(commit Index) {
	c.leaderCommit = max(c.leaderCommit, commit)
	if mutant.On(mutant.CommitAboveMatch) {
		c.setCommit(min(c.leaderCommit, c.log.last))
	}
	c.setCommit(min(c.leaderCommit, c.verified))
}
