package raft

import (
	"fmt"

	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/tracker"
)

// compactBytesMin is how much must be releasable for a leader to compact again
// without a new snapshot, because the log was pinned when the last one was taken.
const compactBytesMin = 1 << 20

// SnapshotAt describes a snapshot of the machine after everything up to index:
// what is to be stored with its bytes. It is false when index is not applied, is
// behind the newest snapshot or so long ago that its configuration is forgotten.
func (c *Core) SnapshotAt(index Index) (SnapshotMeta, bool) {
	if index == c.snapshot.Index {
		return c.snapshot, true
	}
	term, known := c.log.term(index)
	if !known || index > c.applied || index < c.snapshot.Index {
		return SnapshotMeta{}, false
	}
	for i := len(c.configs) - 1; i >= 0; i-- {
		if at := c.configs[i]; at.Index <= index || mutant.On(mutant.SnapshotOfNewestConfig) {
			// What is applied is committed, so this configuration is.
			return SnapshotMeta{Index: index, Term: term, ConfigIndex: at.Index, Configuration: at.Configuration}, true
		}
	}
	return SnapshotMeta{}, false
}

// SnapshotTaken says that the bytes of a snapshot of this replica's own machine
// are durable; m is what SnapshotAt said. It is published with the next write, and
// the log behind it is released but for what followers may need. One that is not
// newer than the newest is ignored.
func (c *Core) SnapshotTaken(m SnapshotMeta) {
	if c.failed != nil || m.Index <= c.snapshot.Index {
		return
	}
	is, ok := c.SnapshotAt(m.Index)
	if !ok || is.Term != m.Term || is.ConfigIndex != m.ConfigIndex {
		panic(fmt.Sprintf("raft: a snapshot of (%d, %d) with the configuration of %d was taken: applied is %d, the term %d, the configuration that of %d",
			m.Index, m.Term, m.ConfigIndex, c.applied, is.Term, is.ConfigIndex))
	}
	c.snapshot = m
	c.w.snapshot = &m
	c.dirty = true
	c.trimConfigs()
	c.compact()
}

// compact releases what neither this replica nor, as far as the budgets go, a
// follower needs.
func (c *Core) compact() {
	if c.installing.write != 0 || c.log.base >= c.snapshot.Index {
		return
	}
	free := c.releasable()
	to := c.unpinned(free)
	if to <= c.log.base || c.w.snapshot == nil && to < free && c.log.sizeBetween(c.log.base, to) < compactBytesMin {
		return
	}
	c.log.release(to)
	c.w.compactTo = to
	c.fx.Events = append(c.fx.Events, LogCompacted{UpTo: to})
	c.dirty = true
}

// releasable returns up to where the log may go when nobody is known to need it:
// a tail behind the snapshot stays.
func (c *Core) releasable() Index {
	end := c.snapshot.Index
	low := c.log.base
	if kept := Index(c.cfg.RetainedEntriesMax); end-low > kept {
		low = end - kept
	}
	return c.log.tailOf(low, end, c.cfg.RetainedBytesMax)
}

// unpinned returns up to where of free no follower needs the log, or needs so
// much of it that it is not kept.
func (c *Core) unpinned(free Index) Index {
	to := free
	keep := func(at Index) {
		if at < to && at >= c.log.base && c.log.sizeBetween(at, free) <= c.cfg.PinnedBytesMax {
			to = at
		}
	}
	for _, p := range c.followers {
		if at, pins := c.pin(p); pins {
			keep(at)
		}
	}
	for id, r := range c.receivers {
		if c.now >= r.heard+c.receiverPatience() {
			delete(c.receivers, id)
			continue
		}
		keep(r.index)
	}
	return to
}

// pin returns the index behind which p needs the log: the snapshot that is on its
// way to it or that it has just received, or else, while it lives, what it holds.
func (c *Core) pin(p *tracker.Progress) (Index, bool) {
	switch o := c.outgoing[p.ID]; {
	case o != nil && o.sending:
		return o.meta.Index, true
	case p.State == tracker.Snapshot:
		return 0, false
	case p.Catching():
		return p.Snapshot, true
	}
	return p.Match, c.now < p.Heard+c.cfg.ElectionTimeoutMin
}
