package raft

// reads is the state of linearizable reads (Raft thesis §6.4). A leader notes
// its commit index, then proves with a numbered round of heartbeats that it
// still led afterwards; all reads that arrive while a round is on its way share
// the next one. A follower asks the leader for an index in the same manner: one
// question at a time for all reads that wait.
type reads struct {
	local map[ReadID]struct{} // reads of this node that nobody cancelled
	count int                 // entries of all lists below

	// At the leader.
	round   uint64 // the newest round begun; it never goes back
	overdue bool   // begin a round though one is on its way
	waiting []read
	open    fifo[readRound]
	spare   []read // memory of an answered round

	// At a follower.
	queued []ReadID
	asked  []ReadID // what the question on its way is for
	askID  ReadID   // its number
	beats  int      // heartbeats since it was sent
}

// read is a read that the leader is to answer; from is 0 for its own.
type read struct {
	id   ReadID
	from NodeID
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

// Read asks for an index from which a linearizable read may be answered here;
// Effects.Reads answers, or refuses. A read that is not answered for long (the
// question or the answer was lost, or there is no quorum) is for the caller to
// cancel. IDs must not be used twice.
func (c *Core) Read(id ReadID) {
	switch {
	case c.failed != nil:
		c.refuseRead(id, ErrDiskFailed)
	case c.leader == 0:
		c.refuseRead(id, &NotLeaderError{})
	case c.reads.count >= c.cfg.PendingReadsMax:
		c.refuseRead(id, ErrTooManyReads)
	default:
		c.reads.count++
		c.reads.local[id] = struct{}{}
		c.dirty = true
		if c.role == Leader {
			c.reads.waiting = append(c.reads.waiting, read{id: id})
		} else {
			c.reads.queued = append(c.reads.queued, id)
		}
	}
}

// CancelRead forgets a read that nobody waits for any more; it is not answered.
func (c *Core) CancelRead(id ReadID) { delete(c.reads.local, id) }

func (c *Core) refuseRead(id ReadID, err error) {
	c.fx.Reads = append(c.fx.Reads, ReadReady{ID: id, Err: err})
}

// startRound begins a round for the reads that wait: when none is on its way, or
// once per heartbeat. Before the term's no-op is committed the commit index may
// be behind what an earlier leader acknowledged, so nothing begins.
func (c *Core) startRound() {
	r := &c.reads
	if len(r.waiting) == 0 || c.commit < c.noop || r.open.len() > 0 && !r.overdue {
		return
	}
	r.overdue = false
	r.round++
	r.open.push(readRound{round: r.round, index: c.commit, reads: r.waiting})
	r.waiting, r.spare = r.spare[:0], nil
	c.beatWanted = true
}

// answerReads answers the rounds that a quorum echoed, this node included.
func (c *Core) answerReads() {
	r := &c.reads
	for r.open.len() > 0 && c.echoed(r.open.at(0).round) {
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
	return c.voters.Reached(func(id NodeID) bool {
		if id == c.cfg.ID {
			return true
		}
		p := c.follower(id)
		return p != nil && p.Round >= round
	})
}

// answerRead answers one read of this node or of a follower.
func (c *Core) answerRead(rd read, index Index, err error) {
	c.reads.count--
	if rd.from != 0 {
		c.send(rd.from, ReadIndexReply{Term: c.term, ID: rd.id, Index: index, Refused: err != nil})
		return
	}
	c.answerLocal(rd.id, index, err)
}

// answerLocal answers a read of this node unless it was cancelled.
func (c *Core) answerLocal(id ReadID, index Index, err error) {
	if _, wanted := c.reads.local[id]; !wanted {
		return
	}
	delete(c.reads.local, id)
	c.fx.Reads = append(c.fx.Reads, ReadReady{ID: id, Index: index, Err: err})
}

// abandon refuses everything a leader that steps down can no longer answer.
func (r *reads) abandon(c *Core) {
	for r.open.len() > 0 {
		for _, rd := range r.open.pop().reads {
			c.answerRead(rd, 0, ErrLeadershipLost)
		}
	}
	for _, rd := range r.waiting {
		c.answerRead(rd, 0, ErrLeadershipLost)
	}
	r.waiting, r.overdue = r.waiting[:0], false
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
	if len(r.asked) > 0 || len(r.queued) == 0 || c.leader == 0 {
		return
	}
	r.asked, r.queued = r.queued, r.asked[:0]
	r.askID++
	r.beats = 0
	c.send(c.leader, ReadIndex{Term: c.term, ID: r.askID})
}

// beat repeats a question that stayed without an answer for two heartbeats.
func (r *reads) beat(c *Core) {
	if len(r.asked) == 0 {
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
	if len(r.asked) == 0 || m.ID != r.askID || from != c.leader {
		return
	}
	var err error
	if m.Refused {
		err = ErrLeadershipLost
	} else {
		c.learnCommit(m.Index)
	}
	c.finishAsked(m.Index, err)
	c.dirty = true
}

// finishAsked answers the reads of the question on its way.
func (c *Core) finishAsked(index Index, err error) {
	for _, id := range c.reads.asked {
		c.reads.count--
		c.answerLocal(id, index, err)
	}
	c.reads.asked = c.reads.asked[:0]
}

// refuseAsked refuses a follower's reads when its leader changes.
func (c *Core) refuseAsked() {
	c.finishAsked(0, ErrLeadershipLost)
	c.reads.asked, c.reads.queued = c.reads.queued, c.reads.asked
	c.finishAsked(0, ErrLeadershipLost)
}
