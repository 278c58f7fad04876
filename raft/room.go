package raft

import (
	"time"

	"github.com/wraft/wraft/raft/tracker"
)

// room is what a core does about a disk that runs full. Commands stop, of its own
// proposals and of a leader alike, before a write can fail. What keeps a group alive
// goes on, since it is small and there is a reserve for it: terms, votes, no-ops,
// configurations and whatever frees space.
type room struct {
	none       bool
	handOverAt time.Duration // a leader looks again for an heir then
}

// DiskFull says that the disk has no room for more commands, or has room again. A
// leader refuses proposals and hands over to a follower with room, if there is one; a
// follower takes no commands and says so to its leader. Nothing has to be done by hand
// when room comes back.
func (c *Core) DiskFull(full bool) {
	if c.room.none == full || c.failed != nil {
		return
	}
	c.room = room{none: full}
	c.dirty = true
	c.fx.Events = append(c.fx.Events, DiskRoom{Full: full})
	if c.role == Leader {
		c.tickRoom()
	}
}

// tickRoom lets a leader without room hand over as soon as there is somebody with room.
// When that does not work out it waits some time: meanwhile proposals are refused for
// the right reason.
func (c *Core) tickRoom() {
	if !c.room.none || c.transfer.to != 0 || c.now < c.room.handOverAt || c.soleVoter() {
		return
	}
	if c.handOver(); c.transfer.to != 0 {
		c.room.handOverAt = c.now + 2*c.cfg.ElectionTimeoutMax
	}
}

// roomless reports whether a command proposed now could not become durable: this
// disk is full, or those of so many voters that with the silent ones no quorum is left.
func (c *Core) roomless() bool {
	if c.room.none {
		return true
	}
	for _, p := range c.followers {
		if p.DiskFull {
			return !c.voters.Reached(func(id NodeID) bool {
				f := c.follower(id)
				return f == nil || !f.DiskFull && c.now < f.Heard+c.cfg.ElectionTimeoutMin
			})
		}
	}
	return false
}

// admit returns of an append what a disk without room takes: entries that the log has
// already, and those without commands that follow on them. Nothing is truncated for
// the sake of less.
func (c *Core) admit(m Append) Append {
	if !c.room.none {
		return m
	}
	held := min(c.log.last-m.PrevIndex, Index(len(m.Entries)))
	if at, conflict := c.conflict(m); conflict {
		held = at - 1 - m.PrevIndex
	}
	m.Entries = m.Entries[:held+Index(len(withoutCommands(m.Entries[held:])))]
	return m
}

// withoutCommands returns the entries before the first command.
func withoutCommands(entries []Entry) []Entry {
	for i := range entries {
		if entries[i].Type == EntryCommand {
			return entries[:i]
		}
	}
	return entries
}

// heardRoom notes what a follower says of the room on its disk. What was on its way to
// one without room was refused; one that has room again gets it anew.
func (c *Core) heardRoom(p *tracker.Progress, full bool) {
	if p.DiskFull == full {
		return
	}
	p.DiskFull = full
	c.dirty = true
	c.fx.Events = append(c.fx.Events, FollowerRoom{Peer: p.ID, Full: full})
	if full && p.State == tracker.Replicate {
		p.BackTo(p.Match)
	}
}
