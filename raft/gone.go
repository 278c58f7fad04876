package raft

import (
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// earlySpreadMax bounds the random time that nodes wait that learn at once that
// their leader is gone.
const earlySpreadMax = 25 * time.Millisecond

// life is what the driver said of a peer's process.
type life struct {
	boot uint64
	gone bool
	term Term // when it was said to be gone
	at   time.Duration
}

// hint names a process that is gone, the leader's.
type hint struct {
	node NodeID
	boot uint64
}

// PeerRuns tells that a process of peer runs. A boot is a number that grows with
// each start of a node; a later one takes back what PeerGone said of earlier ones, and a
// snapshot that was on its way to one of them is offered again.
func (c *Core) PeerRuns(peer NodeID, boot uint64) {
	was := c.lives[peer].boot
	if boot <= was || !c.named(peer) {
		return
	}
	c.lives[peer] = life{boot: boot}
	if was > 0 {
		c.receiverBegins(peer)
	}
}

// PeerGone tells that the process boot of peer has ended for certain; it is not
// for a peer that is only silent. A boot older than one that is known is ignored.
//
// A follower whose leader it is campaigns at once, give or take some milliseconds
// and Priority, and tells the others why. Whoever was told the same of the leader
// it follows grants that, unless a lease promise holds it back (Config.LeaseReads)
// or it was restarted less than an election timeout ago. What is told in error
// costs an election at most, and no promise.
func (c *Core) PeerGone(peer NodeID, boot uint64) {
	was := c.lives[peer]
	if c.failed != nil || boot < was.boot || was.gone && boot == was.boot || peer == c.cfg.ID || !c.named(peer) {
		return
	}
	c.lives[peer] = life{boot: boot, gone: true, term: c.term, at: c.now}
	c.hurry()
}

// hurry brings the campaign forward when the leader of the term is gone.
func (c *Core) hurry() {
	if c.role == Leader || c.termLeader == 0 || !c.lives[c.termLeader].gone {
		return
	}
	spread := min(earlySpreadMax, c.cfg.HeartbeatInterval/4)
	wait := time.Duration(c.rng.Int64N(int64(spread)+1)) + time.Duration(-c.priority())*c.cfg.HeartbeatInterval
	c.electionAt = min(c.electionAt, max(c.now, c.ownBound())+wait)
}

// heardAgain weighs a sign of life of a leader that is said to be gone. Whoever
// leads a later term was not gone; in the same term it may have been on its way,
// but not for long.
func (c *Core) heardAgain(from NodeID) {
	if l := c.lives[from]; l.gone && (c.term > l.term || c.now >= l.at+2*c.cfg.HeartbeatInterval) {
		c.lives[from] = life{boot: l.boot}
	}
	c.hint = hint{}
	c.hurry()
}

// takeHint makes the campaign that begins say that the leader is gone; later ones
// say it too until a leader is heard.
func (c *Core) takeHint() {
	if l := c.lives[c.termLeader]; c.termLeader != 0 && l.gone {
		c.hint = hint{node: c.termLeader, boot: l.boot}
	}
}

// agrees reports whether this node was told the same of the leader it follows, so
// that there is nobody to be protected from a campaign.
func (c *Core) agrees(h hint) bool {
	l := c.lives[h.node]
	return h.node != 0 && c.leader == h.node && l.gone && l.boot >= h.boot &&
		c.role != Leader && (c.now >= c.bound() || mutant.On(mutant.HintBreaksPromise))
}

// makeWay lets another have the early campaign: of two that begin at once the one
// with the better log goes on, and with equal logs the one with the lower ID. The
// pre-vote was granted, so our log is not the better one. Once per hint: the other
// may not hear the answers.
func (c *Core) makeWay(to NodeID, m PreVote) {
	h := hint{node: m.Gone, boot: m.GoneBoot}
	if h.node == 0 || h == c.madeWay || c.role == Candidate {
		return
	}
	if c.role == PreCandidate {
		better := m.LastTerm > c.log.lastTerm() || m.LastIndex > c.log.last || to < c.cfg.ID
		if !better {
			return
		}
		c.becomeFollower(c.term, 0, "another campaigns")
	}
	c.madeWay = h
	c.retryElection()
}

// named reports whether id takes part in a configuration that may count.
func (c *Core) named(id NodeID) bool {
	for i := len(c.configs) - 1; i >= 0; i-- {
		at := &c.configs[i]
		if at.Configuration.IsVoter(id) || at.Configuration.IsLearner(id) {
			return true
		}
		if at.Index <= c.commit {
			break // those before it are kept for snapshots only
		}
	}
	return false
}

// forgetStrangers drops what is known of nodes that no configuration names.
func (c *Core) forgetStrangers() {
	for id := range c.lives {
		if !c.named(id) {
			delete(c.lives, id)
		}
	}
}
