package raft

import (
	"time"

	"github.com/wraft/wraft/raft/tracker"
)

// disk is what the core concludes of its disk's health from the writes it has
// handed out: the oldest one that is not durable tells.
type disk struct {
	slow  bool
	since time.Duration // when the write left that has not come back

	// strikes counts stalls that followed on each other within diskCalmTimeouts, up to
	// diskStrikesMax, and calm is when the last one ended.
	strikes int
	calm    time.Duration
}

const (
	// diskCalmTimeouts is for how many times DiskStallTimeout a disk has to work before
	// earlier stalls are forgotten.
	diskCalmTimeouts = 20
	// diskStrikesMax bounds how much earlier stalls weigh.
	diskStrikesMax = 4
)

// tickDisk notices a disk that has stalled. A leader hands over, or steps down when
// nobody can take over or did: its heartbeats would keep a group from a leader that
// works. Everybody else stops campaigning. Only a voter without others goes on, who
// would gain nothing.
//
// Why the patience: when all disks are slower than the deadline on every write, whoever
// follows steps down as well. Each stall soon after another is given twice as long
// before leadership or candidacy goes without an heir, so that somebody keeps it.
func (c *Core) tickDisk() {
	if !c.disk.slow && c.now >= c.stallAt() {
		c.strike()
		c.fx.Events = append(c.fx.Events, DiskSlow{Since: c.disk.since, Writes: c.w.issued.len()})
		c.dirty = true
		if c.role == Leader && c.transfer.to == 0 && !c.soleVoter() {
			c.handOver()
		}
	}
	switch {
	case !c.disk.slow || c.role == Follower || c.soleVoter():
	case c.transfer.to != 0 || c.now < c.disk.since+c.cfg.DiskStallTimeout<<(c.disk.strikes-1):
	default:
		c.becomeFollower(c.term, 0, "disk stalled")
	}
}

// strike begins a stall and weighs it with those just before.
func (c *Core) strike() {
	strikes := 1
	if c.disk.strikes > 0 && c.now < c.disk.calm+diskCalmTimeouts*c.cfg.DiskStallTimeout {
		strikes = min(c.disk.strikes+1, diskStrikesMax)
	}
	c.disk = disk{slow: true, since: c.w.issued.at(0).at, strikes: strikes}
}

// troubled reports whether the disk has stalled and not worked for long since.
func (c *Core) troubled() bool {
	return c.disk.slow || c.disk.strikes > 0 && c.now < c.disk.calm+diskCalmTimeouts*c.cfg.DiskStallTimeout
}

// stallAt returns when the oldest write on its way has taken too long.
func (c *Core) stallAt() time.Duration {
	if c.w.issued.len() == 0 {
		return never
	}
	return c.w.issued.at(0).at + c.cfg.DiskStallTimeout
}

// diskMoved ends a stall once what is left on its way is young again.
func (c *Core) diskMoved() {
	if !c.disk.slow || c.now >= c.stallAt() {
		return
	}
	c.fx.Events = append(c.fx.Events, DiskRecovered{Since: c.disk.since})
	c.disk.slow, c.disk.calm = false, c.now
	if c.role != Leader && c.role != Candidate {
		c.resetElection()
	}
}

// handOver begins a transfer to the best follower, if one is fit to lead.
func (c *Core) handOver() {
	if heir := c.heir(); heir != nil && c.fit(heir) {
		_ = c.TransferTo(heir.ID) // Why unchecked: without it this node steps down
	}
}

// heir returns the voter that should lead next: one that is fit, and of these the
// most up-to-date; nil when there is no other voter.
func (c *Core) heir() *tracker.Progress {
	var best *tracker.Progress
	for _, p := range c.followers {
		if !c.mayInherit(p.ID) {
			continue
		}
		if best == nil || c.fit(p) && !c.fit(best) || c.fit(p) == c.fit(best) && p.Match > best.Match {
			best = p
		}
	}
	return best
}

// fit reports whether a follower lives, has its log, and its disk keeps up and has room.
func (c *Core) fit(p *tracker.Progress) bool {
	return !p.DiskSlow && !p.DiskFull && !p.Damaged && c.now < p.Heard+c.cfg.ElectionTimeoutMin
}

// eligible reports whether this node may campaign and should: one whose disk has
// stalled could win, and then commit nothing of its own.
func (c *Core) eligible() bool {
	return c.mayCampaign() && (!c.disk.slow || c.soleVoter())
}

// tellsSlow reports whether a message that waits for write after calls the disk
// slow. One that waits at all does not: it leaves when the disk has moved.
func (c *Core) tellsSlow(after WriteID) bool {
	return c.disk.slow && max(after, c.w.stateIn) <= c.w.persisted
}

// heardDisk notes what a follower says of its disk.
func (c *Core) heardDisk(p *tracker.Progress, slow bool) {
	if p.DiskSlow != slow {
		p.DiskSlow = slow
		c.dirty = true
		c.fx.Events = append(c.fx.Events, FollowerDisk{Peer: p.ID, Slow: slow})
	}
}
