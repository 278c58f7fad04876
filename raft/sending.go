package raft

import (
	"time"

	"github.com/wraft/wraft/raft/tracker"
)

// stallTimeouts is for how many of the longest election timeouts the transfer of
// a snapshot may stand still.
const stallTimeouts = 5

// outgoing is a snapshot on offer to a follower, or on its way there. It stays the
// same until it ends, however many newer ones are taken meanwhile.
type outgoing struct {
	meta    SnapshotMeta
	sending bool // the follower has asked for the bytes
	bytes   uint64
	movedAt time.Duration // when bytes last rose
}

// receiver is a peer that is being brought the snapshot at index, whoever sends it.
type receiver struct {
	index Index
	heard time.Duration // when it said so last
	meta  SnapshotMeta  // as this node offered it; zero: another one did
}

// patience is for how long a transfer may stand still.
func (c *Core) patience() time.Duration { return stallTimeouts * c.cfg.ElectionTimeoutMax }

// receiverPatience is for how long a receiver may be silent. Why longer: it may be starting
// anew, which takes it a while, and is offered the same once it is back.
func (c *Core) receiverPatience() time.Duration { return 3 * c.patience() }

// underWay is the snapshot that a follower has a part of, if this node offered it and the
// log still leads on from there. Why that and not the newest: it may have forgotten it, when
// it began anew, and would drop the part for another one.
func (c *Core) underWay(p *tracker.Progress) (SnapshotMeta, bool) {
	r := c.receivers[p.ID]
	term, known := c.log.term(r.meta.Index)
	return r.meta, r.meta.Index > 0 && known && term == r.meta.Term && r.meta.Index != p.Broken && c.now < r.heard+c.receiverPatience()
}

// offerSnapshot offers a snapshot to a follower that nothing else helps, the newest one or
// that which it has a part of, while there is room for one more transfer.
func (c *Core) offerSnapshot(p *tracker.Progress) {
	if p.DiskFull || !p.MayOffer() || c.sends() >= c.cfg.SnapshotSendsMax {
		return
	}
	if o := c.outgoing[p.ID]; o != nil && o.sending {
		return
	}
	m, ok := c.underWay(p)
	if !ok {
		m = c.snapshot
	}
	c.outgoing[p.ID] = &outgoing{meta: m}
	p.Offered(m.Index)
	c.send(p.ID, InstallSnapshot{Term: c.term, Snapshot: m})
}

// sends counts the transfers under way.
func (c *Core) sends() int {
	count := 0
	for _, o := range c.outgoing {
		if o.sending {
			count++
		}
	}
	return count
}

// onInstallSnapshotReply begins to send what was asked for: what was offered, or what the
// follower has a part of already, as far as this node heard, if the log leads on from there:
// of another one nobody may have the bytes any more. A second answer to one offer changes
// nothing.
func (c *Core) onInstallSnapshotReply(from NodeID, m InstallSnapshotReply) {
	p := c.follower(from)
	if p == nil {
		return
	}
	c.heardFrom(p, p.Round, false)
	o := c.outgoing[from]
	if o == nil || o.sending || c.sends() >= c.cfg.SnapshotSendsMax {
		return
	}
	offered := m.Index == o.meta.Index
	if !offered || m.Index != c.snapshot.Index {
		term, known := c.log.term(m.Index)
		switch {
		case known && m.Index <= c.commit && m.Index > 0 && m.Index != p.Broken && c.receivers[from].index == m.Index:
			if !offered {
				o.meta = SnapshotMeta{Index: m.Index, Term: term} // the log leads on from there
			}
			p.Offered(m.Index)
		case offered:
			p.NeedSnapshot() // it is of no use any more: offer the newest
			c.dirty = true
			return
		default:
			return
		}
	}
	o.sending, o.movedAt = true, c.now
	c.command(SnapshotSend, from, o.meta)
}

// SnapshotProgress says how many bytes of the snapshot at index have reached peer.
// A transfer that makes no progress for long is given up and begun again. A replica that
// does not lead keeps its log for the peer, as far as the budget goes: it may lead next.
func (c *Core) SnapshotProgress(peer NodeID, index Index, bytes uint64) {
	if c.receivers == nil {
		c.receivers = map[NodeID]receiver{}
	}
	r := receiver{index: index, heard: c.now}
	if was := c.receivers[peer]; was.index == index {
		r.meta = was.meta
	}
	if o := c.outgoing[peer]; o != nil && o.sending && o.meta.Index == index {
		if len(o.meta.Configuration.Voters) > 0 {
			r.meta = o.meta
		}
		if bytes > o.bytes {
			o.bytes, o.movedAt = bytes, c.now
		}
	}
	c.receivers[peer] = r
}

// receiverBegins gives up what is being sent to a peer whose process begins anew: it waits
// for nothing any more, and is offered the same again.
func (c *Core) receiverBegins(peer NodeID) {
	p, o := c.follower(peer), c.outgoing[peer]
	if p == nil || o == nil || !o.sending {
		return
	}
	c.stopSending(p)
	p.NeedSnapshot()
}

// SnapshotDone says that a SnapshotSend has ended: all bytes of the snapshot at
// index are durable at peer, or err says why not. After a failure a snapshot is
// offered again, a heartbeat later at the soonest.
func (c *Core) SnapshotDone(peer NodeID, index Index, err error) {
	delete(c.receivers, peer)
	p, o := c.follower(peer), c.outgoing[peer]
	if p == nil || o == nil || !o.sending || o.meta.Index != index {
		return
	}
	if err != nil {
		p.Broken = index
	}
	delete(c.outgoing, peer)
	c.endSending(p, index, err)
}

// endSending notes how a transfer ended.
func (c *Core) endSending(p *tracker.Progress, index Index, err error) {
	if err == nil {
		p.SnapshotSent()
	} else {
		p.SnapshotFailed()
	}
	c.fx.Events = append(c.fx.Events, SnapshotSent{Peer: p.ID, Index: index, Err: err})
	c.dirty = true
}

// tickSending gives up a transfer that stands still.
func (c *Core) tickSending(p *tracker.Progress) {
	o := c.outgoing[p.ID]
	if o == nil || !o.sending || c.now < o.movedAt+c.patience() {
		return
	}
	c.stopSending(p)
	c.endSending(p, o.meta.Index, ErrSnapshotStalled)
}

// endSnapshot goes back to appends when a follower has acknowledged the snapshot,
// or turns out to need none.
func (c *Core) endSnapshot(p *tracker.Progress) {
	if p.State == tracker.Snapshot {
		if p.Match < c.log.base {
			return
		}
		p.BackTo(p.Match)
	}
	c.stopSending(p)
}

// stopSending ends the offer or the transfer to p.
func (c *Core) stopSending(p *tracker.Progress) {
	o := c.outgoing[p.ID]
	if o == nil {
		return
	}
	delete(c.outgoing, p.ID)
	if o.sending {
		c.command(SnapshotStopSend, p.ID, o.meta)
	}
}

// command asks the driver for something about a snapshot.
func (c *Core) command(a SnapshotAction, peer NodeID, m SnapshotMeta) {
	c.fx.Snapshots = append(c.fx.Snapshots, SnapshotCommand{Action: a, Peer: peer, Snapshot: m})
	c.dirty = true
}
