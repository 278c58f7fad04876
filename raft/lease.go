package raft

import (
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// sendTimesMax bounds how many send times a leader remembers, and
// sendTimesPerTimeout says how many of them an election timeout is divided into:
// the ring reaches back two of them whatever the rate of rounds.
const (
	sendTimesMax        = 64
	sendTimesPerTimeout = 32
)

// rounds numbers what a leader says to all followers at once and remembers when
// it was said. An answer that echoes a round is younger than that moment, however
// long it took: this is what leases and the age of reads are measured from.
type rounds struct {
	newest uint64 // it never goes back, whoever leads
	sent   [sendTimesMax]sentRound
	kept   int // how many were ever put into sent
}

// sentRound is a round and when it began, on this node's clock.
type sentRound struct {
	round uint64
	at    time.Duration
}

// begin starts a round now. Its time is remembered unless one that began less
// than grain ago is: an older time is only more careful.
func (r *rounds) begin(now, grain time.Duration) {
	r.newest++
	if r.kept > 0 && now < r.sent[(r.kept-1)%sendTimesMax].at+grain {
		return
	}
	r.sent[r.kept%sendTimesMax] = sentRound{round: r.newest, at: now}
	r.kept++
}

// sentAt returns a time at which round had not been sent yet, the latest known;
// false when the round is too old, or none.
func (r *rounds) sentAt(round uint64) (time.Duration, bool) {
	for i := r.kept - 1; i >= 0 && i >= r.kept-sendTimesMax; i-- {
		if s := r.sent[i%sendTimesMax]; s.round <= round {
			return s.at, true
		}
	}
	return 0, false
}

// beginRound starts a round with the next messages to all followers.
func (c *Core) beginRound() {
	c.rounds.begin(c.now, c.cfg.ElectionTimeoutMin/sendTimesPerTimeout)
	c.beatWanted = true
}

// quorumRound returns the newest round that a quorum answered, by what of says of
// a follower's progress; this node answers each of its rounds at once.
func (c *Core) quorumRound(of func(NodeID) uint64) uint64 {
	return uint64(c.voters.CommittedIndex(func(id NodeID) Index {
		if id == c.cfg.ID {
			return Index(c.rounds.newest)
		}
		return Index(of(id))
	}))
}

// leaseUntil returns when this leader's lease ends; 0 when it has none.
//
// A quorum, of both halves of a joint configuration, promised to refuse votes for
// ElectionTimeoutMin after it heard a round. It cannot have heard it before it was
// sent, so nobody else is elected before that time has passed, on the slowest
// clock, since the send time. Before the no-op is committed the commit index
// may be behind what an earlier leader acknowledged, and once TimeoutNow was sent a
// voter may break its promise for the rest of the term.
func (c *Core) leaseUntil() time.Duration {
	if !c.cfg.LeaseReads || c.role != Leader || c.leaseOver || c.commit < c.noop {
		return 0
	}
	if mutant.On(mutant.LeaseFromAck) {
		return c.answeredAt() + c.leaseTime()
	}
	sent, ok := c.rounds.sentAt(c.quorumRound(func(id NodeID) uint64 {
		if p := c.follower(id); p != nil {
			return p.Promised
		}
		return 0
	}))
	if !ok {
		return 0
	}
	return sent + c.leaseTime()
}

// leaseTime is how long a promise of ElectionTimeoutMin lasts on the fastest
// clock there may be.
func (c *Core) leaseTime() time.Duration {
	return c.cfg.ElectionTimeoutMin / 1000 * time.Duration(1000-c.cfg.ClockDriftPerMilleMax)
}

// promise notes, when leases are on, that this node refuses votes for an
// ElectionTimeoutMin from now on, whatever it hears meanwhile; replies to the
// leader then say so.
func (c *Core) promise() {
	if c.cfg.LeaseReads {
		c.promisedUntil = c.now + c.cfg.ElectionTimeoutMin
	}
}

// bound returns until when this node grants no votes unless the leader asks for it,
// because it promised that or may have before it was restarted.
func (c *Core) bound() time.Duration { return max(c.promisedUntil, c.refuseUntil) }

// ownBound returns until when this node may not vote for itself: a lease counts on
// that as well. Who is alone in a committed configuration promised nobody anything.
func (c *Core) ownBound() time.Duration {
	alone := c.soleVoter() && c.configs[len(c.configs)-1].Index <= c.commit
	if !c.cfg.LeaseReads || alone || mutant.On(mutant.OwnVoteBreaksPromise) {
		return 0
	}
	return c.bound()
}

// tellToCampaign sends TimeoutNow, which ends all leases of this term: the target
// asks for votes as if it were the leader, so no promise holds it up, and it may
// do so late.
func (c *Core) tellToCampaign(to NodeID) {
	c.leaseOver = !mutant.On(mutant.LeaseAfterTimeoutNow)
	c.send(to, TimeoutNow{Term: c.term})
}
