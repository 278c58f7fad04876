package raft

import (
	"math"
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// writes is the way of state to the disk: what changed since the last Write was
// handed out, which writes are on their way, and what they made durable.
type writes struct {
	next      WriteID // the ID the next write gets
	persisted WriteID // it and all before it are durable
	issued    fifo[issuedWrite]

	saved     HardState // as of the newest write handed out
	stateIn   WriteID   // the write that holds the current term and vote
	unwritten Index     // the first entry that no write handed out holds
	truncate  bool      // entries handed out earlier are to be cut
	after     Index     // behind this one

	// durable is the last index of the current log that is on disk, with all
	// before it.
	durable Index

	commitDue bool // write the commit index even if nothing else changed

	gates    fifo[gate] // ascending; what waits for a write counts for it or a later one
	gated    int        // messages of gates
	dropping bool       // gated has reached its bound

	snapshot  *SnapshotMeta // to be published
	reset     bool          // with it, the log begins anew
	compactTo Index         // to be released; 0: nothing
	healed    bool          // the replica is whole again
}

// issuedWrite is a write on its way to the disk.
type issuedWrite struct {
	id    WriteID
	first Index // the lowest index it touches; the highest there is when none
	last  Index // the log's last index once it is durable
	at    time.Duration
}

// gatedMessagesMax bounds the messages that wait for writes. Why: a stalled disk
// would gather an answer to every heartbeat and every probe for as long as it stalls.
const gatedMessagesMax = 4096

// gate counts messages that wait for a write.
type gate struct {
	after    WriteID
	messages int
}

// setState changes term and vote; messages that show them wait for the next write.
func (c *Core) setState(term Term, vote NodeID) {
	if c.term == term && c.vote == vote {
		return
	}
	c.term, c.vote = term, vote
	c.w.stateIn = c.w.next
	c.dirty = true
}

// cut removes every entry behind after, here and from what is on its way.
func (c *Core) cut(after Index) {
	if after < c.commit {
		panic("raft: truncation below the commit index")
	}
	c.fx.Events = append(c.fx.Events, LogTruncated{After: after, Last: c.log.last})
	if after+1 < c.w.unwritten {
		if !c.w.truncate || after < c.w.after {
			c.w.truncate, c.w.after = true, after
		}
		c.w.unwritten = after + 1
	}
	c.w.durable = min(c.w.durable, after)
	for i := range c.w.issued.len() {
		w := c.w.issued.at(i)
		if !mutant.On(mutant.CutKeepsWrites) {
			w.last = min(w.last, after)
		}
	}
	c.log.truncate(after)
	c.dropConfigs(after)
}

// holder returns the write that makes the log durable up to index; one that is
// already durable is returned as such.
func (w *writes) holder(index Index) WriteID {
	if w.unwritten <= index || w.truncate && w.after < index || w.reset {
		return w.next
	}
	for i := w.issued.len() - 1; i >= 0; i-- {
		if f := w.issued.at(i); f.first <= index {
			return f.id
		}
	}
	return w.persisted
}

// send queues m; it leaves once the current term and vote are durable.
func (c *Core) send(to NodeID, m Message) { c.sendAfter(to, m, 0) }

// sendAfter is send for a message that also waits for write after.
func (c *Core) sendAfter(to NodeID, m Message, after WriteID) {
	after = max(after, c.w.stateIn)
	c.dirty = true
	e := Envelope{To: to, Message: m}
	if after <= c.w.persisted {
		c.fx.SendNow = append(c.fx.SendNow, e)
		return
	}
	if c.admitGated(after) {
		c.fx.SendAfter = append(c.fx.SendAfter, GatedEnvelope{After: after, Envelope: e})
	}
}

// admitGated counts a message that waits for a write, or refuses it because too many
// wait: any message may be lost.
func (c *Core) admitGated(after WriteID) bool {
	if c.w.gated >= gatedMessagesMax {
		if !c.w.dropping {
			c.w.dropping = true
			c.fx.Events = append(c.fx.Events, RepliesDropped{Waiting: c.w.gated})
		}
		return false
	}
	c.w.gated++
	if n := c.w.gates.len(); n > 0 && c.w.gates.at(n-1).after >= after {
		c.w.gates.at(n-1).messages++
	} else {
		c.w.gates.push(gate{after: after, messages: 1})
	}
	return true
}

// openGates forgets the messages whose write is durable.
func (w *writes) openGates() {
	for w.gates.len() > 0 && w.gates.at(0).after <= w.persisted {
		w.gated -= w.gates.pop().messages
		w.dropping = false
	}
}

// tickCommit writes the commit index when nothing took it along for long; not to a
// disk that has stalled, where it would only wait.
func (c *Core) tickCommit() {
	switch {
	case c.commitFlushAt == 0 || c.now < c.commitFlushAt:
	case c.disk.slow:
		c.commitFlushAt = c.now + c.cfg.ElectionTimeoutMin
	default:
		c.w.commitDue, c.dirty = true, true
	}
}

// drainWrite hands out what changed as one write. The commit index rides along:
// the write holds every entry up to it or an earlier one does.
func (c *Core) drainWrite() {
	state := HardState{Term: c.term, Vote: c.vote, Commit: c.commit}
	if mutant.On(mutant.CommitBeyondLog) {
		state.Commit = max(c.commit, c.leaderCommit)
	}
	entries := c.w.unwritten <= c.log.last
	sync := entries || c.w.truncate || c.w.snapshot != nil || c.w.healed || state.Term != c.w.saved.Term || state.Vote != c.w.saved.Vote
	if !sync && c.w.compactTo == 0 && !(c.w.commitDue && state.Commit > c.w.saved.Commit) {
		return
	}
	w := Write{
		ID: c.w.next, Snapshot: c.w.snapshot, Reset: c.w.reset, CompactTo: c.w.compactTo,
		Truncate: c.w.truncate, TruncateAfter: c.w.after, Healed: c.w.healed, Sync: sync,
	}
	first := Index(math.MaxUint64)
	if entries {
		w.Entries = c.log.slice(c.w.unwritten, c.log.last+1)
		first = c.w.unwritten
	}
	switch {
	case c.w.reset:
		first = 0
	case c.w.truncate:
		first = min(first, c.w.after+1)
	}
	if state != c.w.saved {
		w.HardState = &state
		c.w.saved = state
		c.commitFlushAt = 0
	}
	c.fx.Writes = append(c.fx.Writes, w)
	c.w.issued.push(issuedWrite{id: w.ID, first: first, last: c.log.last, at: c.now})
	c.w.next++
	c.w.unwritten = c.log.last + 1
	c.w.truncate, c.w.after, c.w.commitDue = false, 0, false
	c.w.snapshot, c.w.reset, c.w.compactTo, c.w.healed = nil, false, 0, false
}

// Persisted says that write id and every write before it are durable. Saying it
// twice is harmless; a write that was never handed out is a bug of the driver.
func (c *Core) Persisted(id WriteID) {
	if c.failed != nil || id <= c.w.persisted {
		return
	}
	if id >= c.w.next {
		panic("raft: a write was persisted that was never handed out")
	}
	c.w.persisted = id
	c.dirty = true
	for c.w.issued.len() > 0 && c.w.issued.at(0).id <= id {
		w := c.w.issued.pop()
		c.w.durable = w.last
		if c.role == Candidate && w.id == c.w.stateIn {
			// The voters' disks may take as long for a vote: a new term would only
			// begin that again.
			c.electionAt = max(c.electionAt, c.now+2*(c.now-w.at))
		}
	}
	c.w.openGates()
	c.diskMoved()
	c.trimCache()
	c.finishInstall()
	c.finishHealing()
	switch c.role {
	case Leader:
		c.advanceCommit()
	case Candidate:
		c.countVotes()
	}
}

// PersistFailed says that a write failed, or its sync. What is on the disk is
// not known any more, so it is final: the core steps down, falls silent and
// refuses everything. The process should end and say why.
func (c *Core) PersistFailed(_ WriteID, err error) {
	if c.failed != nil || mutant.On(mutant.FailedDiskGoesOn) {
		return
	}
	c.becomeFollower(c.term, 0, "disk failed")
	c.failed = err
	c.fx.SendNow = c.fx.SendNow[:0]
	c.fx.SendAfter = c.fx.SendAfter[:0]
	c.ack.owed = false
	c.dirty = true
	c.fx.Events = append(c.fx.Events, DiskFailed{Err: err})
}

// trimCache drops entries from memory that are durable and applied, and, when a
// machine lags far behind, also those that it will have to read from storage.
func (c *Core) trimCache() {
	c.log.evict(min(c.w.durable, c.applied), c.cfg.CacheBytesMax)
	c.log.evict(c.w.durable, 2*c.cfg.CacheBytesMax)
}
