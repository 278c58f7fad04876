package sim

import (
	"time"

	"github.com/wraft/wraft/raft"
)

// trap is a crash that waits for its moment.
type trap struct {
	point  point
	number uint64 // of the strike
	until  time.Duration
}

// point is a moment of a node's life to crash at.
type point uint8

const (
	noPoint     point = iota
	beforeSync        // a write was begun and is not durable
	afterSync         // a write is durable and nobody was told
	afterAppend       // a leader has sent an append
)

// at springs the node's trap if it is set for this point, and reports whether the
// node is down now.
func (n *node) at(p point) bool {
	if n.trap.point != p || n.w.now >= n.trap.until {
		return false
	}
	number := n.trap.number
	n.trap = trap{}
	n.w.bite(number)
	n.crash()
	return true
}

// setTrap lets a node crash at a point and start again when the strike ends.
func (w *world) setTrap(n *node, number uint64, p point) func() error {
	until := time.Duration(w.plan.strikes[number].Until)
	// Why half: the other half is what it stays down for.
	n.trap = trap{point: p, number: number, until: w.now + (until-w.now)/2}
	return w.startAgain(n)
}

func crashBeforeSync(w *world, number uint64) func() error {
	return w.setTrap(w.victim(number), number, beforeSync)
}

func crashAfterSync(w *world, number uint64) func() error {
	return w.setTrap(w.victim(number), number, afterSync)
}

// crashAfterSend takes a leader down that has just sent entries to a follower, and
// maybe not to the others.
func crashAfterSend(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil {
		return nil
	}
	return w.setTrap(n, number, afterAppend)
}

func crash(w *world, number uint64) func() error {
	n := w.victim(number)
	if n.Core == nil {
		return nil
	}
	w.bite(number)
	n.crash()
	return w.startAgain(n)
}

// startAgain returns a start of a node that is down.
func (w *world) startAgain(n *node) func() error {
	return func() error {
		if n.Core != nil {
			return nil
		}
		w.tracef("%v starts", n.ID)
		return n.start()
	}
}

// massCrash takes all nodes down at once.
func massCrash(w *world, number uint64) func() error {
	var ends []func() error
	for _, n := range w.nodes {
		if n.Core != nil {
			w.bite(number)
			n.crash()
			ends = append(ends, w.startAgain(n))
		}
	}
	return all(ends)
}

// restartStorm kills a node again and again, some lives being very short.
func restartStorm(w *world, number uint64) func() error {
	n, over := w.victim(number), false
	var again func() error
	again = func() error {
		if over || w.plan.over {
			return nil
		}
		w.agenda.plan(w.now+w.pickSpan(number, "life", time.Millisecond, time.Second), again)
		if n.Core == nil {
			return n.start()
		}
		w.bite(number)
		n.crash()
		return nil
	}
	w.agenda.plan(w.now, again)
	return func() error { over = true; return w.startAgain(n)() }
}

// hasEntries reports whether a message carries entries.
func hasEntries(m raft.Message) bool {
	a, ok := m.(raft.Append)
	return ok && len(a.Entries) > 0
}
