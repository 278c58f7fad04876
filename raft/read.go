package raft

import (
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// ReadMode says what a read is to see.
type ReadMode uint8

const (
	// ReadLinearizable: everything acknowledged before the read began, whatever
	// clocks do. At the leader it takes a round of heartbeats; a follower asks the
	// leader (Raft thesis §6.4).
	ReadLinearizable ReadMode = iota
	// ReadLease: the same without a round while the leader has a lease, if clocks
	// keep to Config.ClockDriftPerMilleMax; without a lease, and at followers, it is
	// ReadLinearizable (Raft thesis §6.4.1).
	ReadLease
	// ReadBounded: everything acknowledged longer than MaxStaleness before the read
	// is ready. Mostly answered at once, wherever it is; what is too old is asked of
	// the leader. The clocks of other nodes do not matter.
	ReadBounded
	// ReadLocal: what this replica has applied, however old.
	ReadLocal
)

// ReadRequest asks for an index from which a read may be answered here.
type ReadRequest struct {
	ID   ReadID // must not be used twice
	Mode ReadMode
	// MaxStaleness is for ReadBounded alone, and positive then.
	MaxStaleness time.Duration
}

// reads is the state of reads (Raft thesis §6.4). A leader notes its commit
// index, then proves with a numbered round of heartbeats that it still led
// afterwards; all reads that arrive while a round is on its way share the next
// one. A follower asks the leader for an index in the same manner: one question at
// a time for all reads that wait.
type reads struct {
	local map[ReadID]struct{} // reads of this node that nobody cancelled
	count int                 // entries of all lists below
	known known               // what bounded reads rest on

	// At the leader.
	waiting []read
	open    fifo[readRound]
	spare   []read // memory of an answered round

	// At a follower.
	queued  []read
	ahead   bool          // ask though nothing waits
	asking  bool          // a question is on its way
	asked   []read        // what it is for
	askID   ReadID        // its number
	askedAt time.Duration // when it was sent first
	beats   int           // heartbeats since it was sent
}

// read is a read that waits; from is 0 for one of this node.
type read struct {
	id     ReadID
	from   NodeID
	maxAge time.Duration // of a bounded read; 0: it is linearizable
}

// readRound is a stretch of reads that one round serves.
type readRound struct {
	round uint64
	index Index // the commit index before the round began
	reads []read
}

// init numbers questions from a random start, so that an answer meant for an
// earlier life of this node fits none of them.
func (r *reads) init(start uint64) {
	r.local = map[ReadID]struct{}{}
	r.askID = ReadID(start)
}

// Read asks for an index from which a read may be answered here; Effects.Reads
// answers, or refuses. ReadLease and ReadBounded rest on the time of the last Tick,
// which must come from after the request. A read that is not answered for long (the
// question or the answer was lost, or there is no quorum) is for the caller to
// cancel.
func (c *Core) Read(r ReadRequest) {
	switch {
	case c.failed != nil:
		c.finishRead(r.ID, 0, ErrDiskFailed)
	case r.Mode > ReadLocal || r.Mode == ReadBounded && r.MaxStaleness <= 0:
		c.finishRead(r.ID, 0, ErrBadRead)
	case r.Mode == ReadLocal:
		c.finishRead(r.ID, c.applied, nil)
	case r.Mode == ReadLease && c.now < c.leaseUntil():
		c.finishRead(r.ID, c.commit, nil)
	case r.Mode == ReadBounded && c.recent(r.MaxStaleness):
		c.finishBounded(r.ID)
	case c.leader == 0 && r.Mode == ReadBounded:
		c.finishRead(r.ID, 0, ErrTooStale)
	case c.leader == 0:
		c.finishRead(r.ID, 0, &NotLeaderError{})
	case c.reads.count >= c.cfg.PendingReadsMax:
		c.finishRead(r.ID, 0, ErrTooManyReads)
	default:
		c.queueRead(r)
	}
}

// queueRead lets a read wait for a round or for the leader's answer.
func (c *Core) queueRead(r ReadRequest) {
	rd := read{id: r.ID}
	if r.Mode == ReadBounded {
		rd.maxAge = r.MaxStaleness
	}
	c.reads.count++
	c.reads.local[r.ID] = struct{}{}
	c.dirty = true
	if c.role == Leader {
		c.reads.waiting = append(c.reads.waiting, rd)
	} else {
		c.reads.queued = append(c.reads.queued, rd)
	}
}

// CancelRead forgets a read that nobody waits for any more; it is not answered.
func (c *Core) CancelRead(id ReadID) { delete(c.reads.local, id) }

func (c *Core) finishRead(id ReadID, index Index, err error) {
	c.fx.Reads = append(c.fx.Reads, ReadReady{ID: id, Index: index, Err: err})
}

// startRound begins a round with every heartbeat, and for the reads that wait
// when none is on its way for others. Before the term's no-op is committed the
// commit index may be behind what an earlier leader acknowledged, so reads wait.
func (c *Core) startRound() {
	r := &c.reads
	ready := c.commit >= c.noop || mutant.On(mutant.ReadBeforeNoop)
	due := len(r.waiting) > 0 && ready && (c.beatWanted || r.open.len() == 0)
	if !due && !c.beatWanted {
		return
	}
	c.beginRound()
	if due {
		r.open.push(readRound{round: c.rounds.newest, index: c.commit, reads: r.waiting})
		r.waiting, r.spare = r.spare[:0], nil
	}
}

// answerReads answers the rounds that a quorum echoed, this node included.
func (c *Core) answerReads() {
	r := &c.reads
	for r.open.len() > 0 && c.echoed(r.open.at(0).round) {
		c.learnFromRounds()
		done := r.open.pop()
		for _, rd := range done.reads {
			c.answerRead(rd, done.index, nil)
		}
		r.spare = done.reads[:0]
		c.dirty = true
	}
}

// echoed reports whether a quorum followed this leader after round began.
func (c *Core) echoed(round uint64) bool {
	has := func(id NodeID) bool {
		if id == c.cfg.ID {
			return true
		}
		p := c.follower(id)
		return p != nil && p.Round >= round
	}
	if mutant.On(mutant.ReadQuorumOffByOne) {
		return c.nearlyReached(has)
	}
	return c.voters.Reached(has)
}

// answerRead answers one read of this node or of a follower.
func (c *Core) answerRead(rd read, index Index, err error) {
	c.reads.count--
	if rd.from != 0 {
		c.send(rd.from, ReadIndexReply{Term: c.term, ID: rd.id, Index: index, Last: c.log.last, Refused: err != nil})
		return
	}
	c.answerLocal(rd, index, err)
}

// answerLocal answers a read of this node unless it was cancelled.
func (c *Core) answerLocal(rd read, index Index, err error) {
	if _, wanted := c.reads.local[rd.id]; !wanted {
		return
	}
	delete(c.reads.local, rd.id)
	switch {
	case err != nil || rd.maxAge == 0:
		c.finishRead(rd.id, index, err)
	case c.recent(rd.maxAge):
		c.finishBounded(rd.id)
	default:
		c.finishRead(rd.id, 0, ErrTooStale) // the answer took longer than that
	}
}

// finishBounded answers a bounded read from what is known.
func (c *Core) finishBounded(id ReadID) {
	k := &c.reads.known
	c.fx.Reads = append(c.fx.Reads, ReadReady{ID: id, Index: k.index, Age: c.now - k.at})
}

// abandon refuses everything a leader that steps down can no longer answer.
func (r *reads) abandon(c *Core) {
	for r.open.len() > 0 {
		done := r.open.pop()
		for _, rd := range done.reads {
			if mutant.On(mutant.ReadAfterDeposed) {
				c.answerRead(rd, done.index, nil)
				continue
			}
			c.answerRead(rd, 0, ErrLeadershipLost)
		}
	}
	for _, rd := range r.waiting {
		c.answerRead(rd, 0, ErrLeadershipLost)
	}
	r.waiting = r.waiting[:0]
}

// onReadIndex takes a follower's question in.
func (c *Core) onReadIndex(from NodeID, m ReadIndex) {
	if c.role != Leader || c.reads.count >= c.cfg.PendingReadsMax {
		c.send(from, ReadIndexReply{Term: c.term, ID: m.ID, Refused: true})
		return
	}
	c.reads.count++
	c.reads.waiting = append(c.reads.waiting, read{id: m.ID, from: from})
	c.dirty = true
}

// ask sends the leader one question for all reads that wait here.
func (c *Core) ask() {
	r := &c.reads
	if r.asking || len(r.queued) == 0 && !r.ahead || c.leader == 0 {
		return
	}
	r.asked, r.queued = r.queued, r.asked[:0]
	r.asking, r.ahead = true, false
	r.askID++
	r.askedAt, r.beats = c.now, 0
	c.send(c.leader, ReadIndex{Term: c.term, ID: r.askID})
}

// beat repeats a question that stayed without an answer for two heartbeats.
func (r *reads) beat(c *Core) {
	if !r.asking {
		return
	}
	if r.beats++; r.beats >= 2 {
		r.beats = 0
		c.send(c.leader, ReadIndex{Term: c.term, ID: r.askID})
	}
}

// onReadIndexReply answers the reads that the question was for. The index is a
// commit index of the leader, so it may also move ours.
func (c *Core) onReadIndexReply(from NodeID, m ReadIndexReply) {
	r := &c.reads
	another := m.ID != r.askID && !mutant.On(mutant.AnyReadReply)
	if !r.asking || another || from != c.leader {
		return
	}
	var err error
	if m.Refused {
		err = ErrLeadershipLost
	} else {
		c.learnCommit(m.Index)
		r.known.learn(m.Index, r.askedAt)
		c.learnExtent(m.Last)
	}
	c.finishAsked(m.Index, err)
	c.dirty = true
}

// finishAsked answers the reads of the question on its way.
func (c *Core) finishAsked(index Index, err error) {
	for _, rd := range c.reads.asked {
		c.reads.count--
		c.answerLocal(rd, index, err)
	}
	c.reads.asked, c.reads.asking = c.reads.asked[:0], false
}

// refuseAsked refuses a follower's reads when its leader changes.
func (c *Core) refuseAsked() {
	c.finishAsked(0, ErrLeadershipLost)
	c.reads.asked, c.reads.queued = c.reads.queued, c.reads.asked
	c.finishAsked(0, ErrLeadershipLost)
	c.reads.ahead = false
}
