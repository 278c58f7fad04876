package raft

import (
	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/tracker"
)

// probeBytesMax bounds the entries that a probe carries: enough to save a round
// trip when it fits, little enough to lose when it does not.
const probeBytesMax = 64 << 10

// AppendEntriesMax bounds the entries of one Append, however small they are: a
// peer refuses more.
const AppendEntriesMax = 4096

// fetchEntriesMax bounds what is asked of storage for one follower at a time.
const fetchEntriesMax = AppendEntriesMax

// becomeLeader starts to lead the current term, with a no-op whose commit
// commits all that came before (Raft paper §5.4.2, §8).
func (c *Core) becomeLeader() {
	c.enter(Leader, c.term, c.cfg.ID, "election won")
	c.termLeader = c.cfg.ID
	c.followers, c.outgoing, c.configOpen = nil, map[NodeID]*outgoing{}, true
	c.stopReceiving()
	c.followConfig()
	c.noop, c.leaseOver, c.hint = c.log.last+1, false, hint{}
	c.heartbeatAt = c.now + c.cfg.HeartbeatInterval
	c.appendOwn(EntryNoop, nil)
}

// stopLeading settles what only a leader can answer.
func (c *Core) stopLeading() {
	c.learnFromRounds()
	c.abandonProposals()
	c.abandonChange()
	c.transfer = transfer{}
	c.reads.abandon(c)
	for _, p := range c.followers {
		c.stopSending(p)
	}
	c.followers = nil
	c.beatWanted = false
	c.resetElection()
}

// appendOwn puts an entry of this leader at the end of its log.
func (c *Core) appendOwn(t EntryType, data []byte) Index {
	c.log.append(Entry{Index: c.log.last + 1, Term: c.term, Type: t, Data: data})
	c.dirty = true
	return c.log.last
}

// tickLeader steps down when no quorum answers (Raft thesis §6.2) and speaks to
// everybody once per heartbeat.
func (c *Core) tickLeader() {
	if !c.quorumHeard() {
		c.becomeFollower(c.term, 0, "no quorum heard")
		c.isolate(true)
		return
	}
	if c.now < c.heartbeatAt {
		return
	}
	c.heartbeatAt = c.now + c.cfg.HeartbeatInterval
	c.beatWanted, c.dirty = true, true
	c.tickTransfer()
	c.tickRoom()
	for _, p := range c.followers {
		c.beat(p)
		c.tickSending(p)
	}
	c.compact()
}

// quorumHeard reports whether a quorum answered within an election timeout.
func (c *Core) quorumHeard() bool {
	return c.voters.Reached(func(id NodeID) bool {
		if id == c.cfg.ID {
			return true
		}
		p := c.follower(id)
		return p != nil && c.now < p.Heard+c.cfg.ElectionTimeoutMin
	})
}

// beat looks after what is on its way to a follower.
func (c *Core) beat(p *tracker.Progress) {
	appends, bytes := p.Inflight()
	switch p.Beat(c.now, c.cfg.ElectionTimeoutMin) {
	case tracker.AskTail:
		c.askTail(p)
	case tracker.Stalled:
		c.fx.Events = append(c.fx.Events, ProgressStalled{
			Peer: p.ID, Match: p.Match, InflightAppends: appends, InflightBytes: bytes,
		})
	}
}

// askTail sends an append without entries behind everything that is on its way:
// it is rejected when something before it was lost. Why not send the entries
// again: on a slow link they may just be queued. When the log has gone on without
// the follower, so far that the place is not in it any more, a snapshot has to help.
func (c *Core) askTail(p *tracker.Progress) {
	m, ok := c.appendAt(p.Next - 1)
	if !ok {
		p.NeedSnapshot()
		return
	}
	c.send(p.ID, m)
}

// replicate sends every follower what it lacks, as far as its window goes, and a
// heartbeat when one is due or an idle follower does not know the commit index.
func (c *Core) replicate() {
	c.startRound()
	for _, p := range c.followers {
		c.sendAppends(p)
		c.offerSnapshot(p)
		commit := min(p.Match, c.commit)
		if c.beatWanted || p.Idle() && p.CommitTold < commit {
			p.CommitTold = max(p.CommitTold, commit)
			c.send(p.ID, Heartbeat{Term: c.term, Commit: commit, Round: c.rounds.newest})
		}
	}
	c.beatWanted = false
	c.answerReads()
}

// sendAppends sends p what is cached and asks storage for what is not.
func (c *Core) sendAppends(p *tracker.Progress) {
	for p.Ready() && (p.State == tracker.Probe || p.Next <= c.log.last) {
		m, ok := c.appendAt(p.Next - 1)
		if !ok {
			p.NeedSnapshot()
			return
		}
		cached := p.Next >= c.log.cachedFrom()
		if !cached && p.State == tracker.Replicate && !p.DiskFull {
			c.fetch(p)
			return
		}
		var bytes uint64
		if cached && p.Next <= c.log.last && c.worthEntries(p) {
			m.Entries, bytes = c.log.batch(p.Next, min(c.log.last+1, p.Next+AppendEntriesMax), c.appendBytes(p))
		}
		if p.DiskFull {
			m.Entries = withoutCommands(m.Entries)
			if p.State == tracker.Replicate && len(m.Entries) == 0 {
				return
			}
		}
		c.sendAppend(p, m, bytes)
	}
	if p.Next <= c.log.last {
		p.Waits(c.now)
	}
}

// sendAppend sends m, whose entries have size bytes, and notes that in p.
func (c *Core) sendAppend(p *tracker.Progress, m Append, bytes uint64) {
	c.send(p.ID, m)
	if len(m.Entries) == 0 {
		p.SentProbe()
		return
	}
	p.CommitTold = m.Commit
	p.SentEntries(m.PrevIndex+Index(len(m.Entries)), bytes, c.now)
}

// appendAt returns an append behind prev, without entries; false when prev's
// term is not known any more.
func (c *Core) appendAt(prev Index) (Append, bool) {
	term, ok := c.log.term(prev)
	return Append{Term: c.term, PrevIndex: prev, PrevTerm: term, Commit: c.commit, Round: c.rounds.newest}, ok
}

// worthEntries reports whether an append to p should carry entries: a probe to a
// node that has been silent for long should not.
func (c *Core) worthEntries(p *tracker.Progress) bool {
	return p.State == tracker.Replicate || c.now < p.Heard+c.cfg.ElectionTimeoutMin
}

func (c *Core) appendBytes(p *tracker.Progress) uint64 {
	if p.State == tracker.Probe {
		return min(c.cfg.AppendBytesMax, probeBytesMax)
	}
	return c.cfg.AppendBytesMax
}

// fetch asks storage for entries that p needs and the cache has not; one
// question per follower at a time.
func (c *Core) fetch(p *tracker.Progress) {
	if p.Fetching {
		return
	}
	p.Fetching = true
	hi := min(c.log.cachedFrom(), p.Next+fetchEntriesMax)
	c.fx.Fetches = append(c.fx.Fetches, Fetch{Peer: p.ID, Lo: p.Next, Hi: hi})
}

// Fetched answers Effects.Fetches with entries from lo on, as many as the driver
// likes. None means that reading failed: the core asks again after a heartbeat.
// Every fetch must be answered.
func (c *Core) Fetched(peer NodeID, lo Index, entries []Entry) {
	p := c.follower(peer)
	if p == nil || c.failed != nil {
		return
	}
	p.Fetching = false
	c.dirty = true
	if len(entries) == 0 {
		p.Lost()
		return
	}
	if p.State != tracker.Replicate || p.DiskFull || lo != p.Next || !c.holds(lo, entries) {
		return // asked for another time; it is asked again if still needed
	}
	for len(entries) > 0 && p.Ready() {
		m, ok := c.appendAt(p.Next - 1)
		if !ok {
			return
		}
		n, bytes := fit(entries[:min(len(entries), AppendEntriesMax)], c.cfg.AppendBytesMax, 0, true)
		m.Entries = entries[:n:n]
		c.sendAppend(p, m, bytes)
		entries = entries[n:]
	}
}

// holds reports whether entries are what the log has from lo on.
func (c *Core) holds(lo Index, entries []Entry) bool {
	for i := range entries {
		e := &entries[i]
		if term, ok := c.log.term(e.Index); !ok || e.Index != lo+Index(i) || e.Term != term {
			return false
		}
	}
	return true
}

// onAppendReply moves a follower forward, or back to where the logs agree.
func (c *Core) onAppendReply(from NodeID, m AppendReply) {
	p := c.follower(from)
	if p == nil {
		return
	}
	c.heardFrom(p, m.Round, m.Promise)
	c.heardDisk(p, m.DiskSlow)
	c.heardRoom(p, m.DiskFull)
	c.heardDamage(p, m.Damaged)
	switch {
	case !m.Rejected:
		c.dirty = true
		if p.Accepted(m.Match, c.now) {
			c.advanceCommit()
			c.urge(from)
		}
		c.endSnapshot(p)
	case m.PrevIndex > 0:
		// Both sides skip whole runs of terms: at most one probe for each.
		agree := c.log.agreement(min(m.HintIndex, m.PrevIndex-1, c.log.last), m.HintTerm)
		if p.Rejected(m.PrevIndex, agree) {
			c.dirty = true
		}
	}
}

// onHeartbeatReply notes that a follower lives and follows.
func (c *Core) onHeartbeatReply(from NodeID, m HeartbeatReply) {
	if p := c.follower(from); p != nil {
		c.heardFrom(p, m.Round, m.Promise)
		c.heardDisk(p, m.DiskSlow)
		c.heardRoom(p, m.DiskFull)
		c.heardDamage(p, m.Damaged)
	}
}

// heardFrom notes an answer of the current term, the round it echoes and whether
// it promises to refuse votes.
func (c *Core) heardFrom(p *tracker.Progress, round uint64, promise bool) {
	p.Heard = c.now
	if promise {
		p.Promised = max(p.Promised, round)
	}
	if mutant.On(mutant.AnyRoundEchoes) {
		round = c.rounds.newest
	}
	if round > p.Round {
		p.Round = round
		c.answerReads()
	}
}

// Unreachable says that frames to peer were refused or lost: what was on its way
// is probed for again at the next heartbeat.
func (c *Core) Unreachable(peer NodeID) {
	if p := c.follower(peer); p != nil {
		p.Lost()
	}
}

// follower returns the progress of id; nil when id is not followed or this node
// does not lead.
func (c *Core) follower(id NodeID) *tracker.Progress {
	for _, p := range c.followers {
		if p.ID == id {
			return p
		}
	}
	return nil
}
