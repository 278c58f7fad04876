package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// mark says that up to index was committed somewhere at a moment.
type mark struct {
	at    time.Duration
	index raft.Index
}

// drawLeases turns lease reads on in two of five runs, with a drift bound.
func (w *world) drawLeases(cfg *raft.Config) {
	if w.chance.hits("leases", 0, 400) {
		cfg.LeaseReads = true
		cfg.ClockDriftPerMilleMax = [...]uint64{50, 200, 500}[w.chance.below("drift", 0, 3)]
	}
}

// leaseRate is a clock's rate, in per mille of the world's, where leases count on
// its bound.
func (w *world) leaseRate(id raft.NodeID) uint64 {
	return 1000 - w.chance.below("clock rate", uint64(id), w.setup.Core.ClockDriftPerMilleMax+1)
}

// drawPriorities draws one for each node in half of all runs.
func (w *world) drawPriorities(nodes int) {
	if w.chance.below("prioritised", 0, 2) == 0 {
		return
	}
	for i := range nodes {
		w.setup.Priorities = append(w.setup.Priorities, -int(w.chance.below("priority", uint64(i+1), -raft.PriorityMin+1)))
	}
}

// readMode draws how a client reads: by lease half of the time, which must be as
// good as any other way.
func (w *world) readMode(operation uint64) raft.ReadMode {
	if w.chance.hits("by lease", operation, 500) {
		return raft.ReadLease
	}
	return raft.ReadLinearizable
}

// glance makes a read that may miss something, and that nobody waits for.
func (w *world) glance(o Operation) error {
	n := w.nodes[w.chance.below("glance at", o.Number, uint64(len(w.nodes)))]
	if !n.running() {
		return nil
	}
	w.history.last++
	r := raft.ReadRequest{ID: raft.ReadID(w.history.last), Mode: raft.ReadLocal}
	c := call{read: true, node: n, mode: raft.ReadLocal}
	if o.Kind == Bounded {
		r.Mode, c.mode = raft.ReadBounded, raft.ReadBounded
		r.MaxStaleness = w.chance.between("staleness", o.Number, time.Millisecond, 3*time.Second)
		// A nanosecond of the node's clock may be lost in rounding.
		c.maxAge = r.MaxStaleness*1000/time.Duration(n.rate) + time.Microsecond
	}
	w.history.calls[w.history.last] = c
	n.Core.Tick(n.clock())
	n.Core.Read(r)
	return n.settle()
}

// noteCommitted remembers since when what was committed.
func (w *world) noteCommitted() {
	if is := w.checker.Committed(); len(w.marks) == 0 || w.marks[len(w.marks)-1].index < is {
		w.marks = append(w.marks, mark{at: w.now, index: is})
	}
}

// committedAt returns what was committed before a moment.
func (w *world) committedAt(at time.Duration) raft.Index {
	i, _ := slices.BinarySearchFunc(w.marks, at, func(m mark, at time.Duration) int { return cmp.Compare(m.at, at) })
	if i == 0 {
		return 0
	}
	return w.marks[i-1].index
}

// checkRead states what each mode promises (I11): nothing that was committed before
// the read began is missing, or nothing that was committed maxAge before it is
// ready; a clock that jumped measures no age.
func (w *world) checkRead(id uint64, index raft.Index, c *call) error {
	must := c.known
	switch {
	case c.mode == raft.ReadLocal, c.mode == raft.ReadBounded && c.node.jumped:
		must = 0
	case c.mode == raft.ReadBounded:
		must = w.committedAt(w.now - c.maxAge)
	}
	if index < must || index > w.checker.Committed() {
		return fmt.Errorf("read %d of mode %d sees up to %d, it has to see %d, %d is committed now",
			id, c.mode, index, must, w.checker.Committed())
	}
	w.result.Reads[c.mode]++
	return nil
}

// tellGone tells the others that a node's process has ended, most of them soon,
// some late and some never.
func (w *world) tellGone(n *node) {
	peer, boot := n.ID, n.life
	for _, other := range w.nodes {
		if other == n || other.Core == nil || w.chance.hits("never told", uint64(other.ID), 300) {
			continue
		}
		delay := w.chance.between("told gone", uint64(other.ID), time.Millisecond, 60*time.Millisecond)
		if w.chance.hits("told late", uint64(other.ID), 200) {
			delay += w.chance.between("how late", uint64(other.ID), 0, 20*time.Second)
		}
		w.tell(other, delay, "process said to be gone", func(c *raft.Core) { c.PeerGone(peer, boot) })
	}
}

// tellRuns tells the others that a new process of a node runs.
func (w *world) tellRuns(n *node) {
	peer, boot := n.ID, n.life
	for _, other := range w.nodes {
		if other != n && other.Core != nil {
			delay := w.chance.between("told runs", uint64(other.ID), 0, 20*time.Millisecond)
			w.tell(other, delay, "process said to run", func(c *raft.Core) { c.PeerRuns(peer, boot) })
		}
	}
}

func (w *world) tell(n *node, delay time.Duration, what string, say func(*raft.Core)) {
	n.later(delay, func() error {
		w.fault(what)
		say(n.Core)
		return n.settle()
	})
}

// rumour tells some nodes that a process has ended which runs, mostly the leader's.
func rumour(w *world, number uint64) func() error {
	n := w.victim(number)
	if leader := w.aLeader(0); leader != nil && w.pick(number, "of the leader", 10) < 7 {
		n = leader
	}
	if n.Core == nil {
		return nil
	}
	peer, boot := n.ID, n.life
	for _, other := range w.nodes {
		if hears := w.pick(number, "hears", 10) < 6; other == n || other.Core == nil || !hears {
			continue
		}
		w.tell(other, w.pickSpan(number, "delay", 0, 50*time.Millisecond), "process falsely said to be gone", func(c *raft.Core) {
			w.bite(number)
			c.PeerGone(peer, boot)
		})
	}
	return nil
}
