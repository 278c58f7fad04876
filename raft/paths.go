package raft

import (
	"slices"
	"time"

	"github.com/wraft/wraft/raft/quorum"
	"github.com/wraft/wraft/raft/tracker"
)

// PathStats is what a driver measured of the way to a peer.
type PathStats = tracker.PathStats

const (
	// campaignRounds is over how many quorum round trips election timeouts are
	// spread: a campaign that begins half a round trip before the next one wins, and of
	// those that begin together the lowest ID's does.
	campaignRounds = 3
	// spreadGrowthMax bounds how many times longer than Config's slow paths make
	// the spread, and the wait for a campaign.
	spreadGrowthMax = 4
)

// PeerStats tells what the driver measured of the way to a peer, about once per
// second. A leader sizes its windows by it and every node its election timeouts;
// nothing that safety rests on depends on it. Peers of other groups are ignored.
func (c *Core) PeerStats(peer NodeID, s PathStats) {
	s.RTT, s.Variance = max(s.RTT, 0), max(s.Variance, 0)
	nodes := c.config().Nodes()
	if len(c.paths) > len(nodes) {
		for id := range c.paths {
			if !slices.Contains(nodes, id) {
				delete(c.paths, id)
			}
		}
	}
	p := c.follower(peer)
	if c.failed != nil || peer == c.cfg.ID || p == nil && !slices.Contains(nodes, peer) {
		return
	}
	c.paths[peer] = s
	c.adaptElection()
	if p != nil {
		p.SetPath(s)
		c.dirty = true
	}
}

// quorumRTT returns the round trip within which a quorum answers this node; 0
// when it is not known.
func (c *Core) quorumRTT() time.Duration {
	const far = time.Hour // what is farther away counts as unknown
	near := c.voters.CommittedIndex(func(id quorum.NodeID) quorum.Index {
		s := c.paths[id]
		switch {
		case id == c.cfg.ID:
			return quorum.Index(far)
		case !s.Known():
			return 0
		}
		return quorum.Index(max(far-s.RTT-2*s.Variance, 0))
	})
	if near == 0 || near > quorum.Index(far) {
		return 0
	}
	return far - time.Duration(near)
}

// adaptElection fits the spread of election timeouts to what was measured.
//
// Why: the spread has to tell campaigns apart, which takes round trips; all beyond
// that is time without a leader. What is known beforehand is only Config's, for any
// path; ElectionTimeoutMin never adapts, because promises rest on it.
func (c *Core) adaptElection() {
	c.electionRTT = c.quorumRTT()
	spread := c.cfg.ElectionTimeoutMax - c.cfg.ElectionTimeoutMin
	if c.electionRTT > 0 {
		spread = min(max(campaignRounds*c.electionRTT, spread/2), spreadGrowthMax*spread)
	}
	c.electionSpread = max(spread, 1)
}

// resetElection draws a new election timeout, after a sign of a leader.
func (c *Core) resetElection() {
	c.electionAt = c.now + c.cfg.ElectionTimeoutMin + c.drawSpread() + c.priorityWait()
}

// retryElection draws when a campaign is given up and begun anew. Once the way to
// a quorum is known that takes two round trips and two repeated requests, not an
// election timeout: nobody heard a leader, or this one would have been refused.
func (c *Core) retryElection() {
	wait := c.cfg.ElectionTimeoutMin
	if c.electionRTT > 0 {
		wait = min(2*c.electionRTT+2*c.cfg.HeartbeatInterval, spreadGrowthMax*wait)
	}
	c.electionAt = c.now + wait + c.drawSpread()
}

// priorityWait is how much longer than others a node of low priority waits for a
// leader. One whose disk is full, or has stalled lately, has the lowest: it would have to
// hand over again, but its log may be the one that is needed.
func (c *Core) priorityWait() time.Duration {
	spread := max(c.electionSpread, c.cfg.ElectionTimeoutMax-c.cfg.ElectionTimeoutMin)
	return time.Duration(-c.priority()) * spread
}

func (c *Core) priority() int {
	if c.room.none || c.troubled() {
		return PriorityMin
	}
	return c.cfg.Priority
}

func (c *Core) drawSpread() time.Duration {
	return time.Duration(c.rng.Int64N(int64(c.electionSpread)))
}
