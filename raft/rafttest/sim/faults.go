package sim

import (
	"errors"
	"time"

	"github.com/wraft/wraft/raft"
)

func loss(w *world, number uint64) func() error {
	return w.disturb(&w.net.lose, number, 10+w.pick(number, "per mille", 400))
}

func repetition(w *world, number uint64) func() error {
	return w.disturb(&w.net.repeat, number, 50+w.pick(number, "per mille", 500))
}

func lateness(w *world, number uint64) func() error {
	return w.disturb(&w.net.reorder, number, 10+w.pick(number, "per mille", 300))
}

// disturb sets a disturbance of the network; one of the same sort that is under
// way ends with it.
func (w *world) disturb(d *disturbance, number, perMille uint64) func() error {
	*d = disturbance{number, perMille}
	return func() error {
		if d.number == number {
			*d = disturbance{}
		}
		return nil
	}
}

// partition splits the nodes in two.
func partition(w *world, number uint64) func() error {
	side := w.pick(number, "side", 1<<nodesMax)
	return w.cutLinks(number, func(from, to raft.NodeID) bool { return side>>(from-1)&1 != side>>(to-1)&1 })
}

// bridge splits the nodes in two, but one of them sees both sides.
func bridge(w *world, number uint64) func() error {
	side := w.pick(number, "side", 1<<nodesMax)
	both := w.victim(number).ID
	return w.cutLinks(number, func(from, to raft.NodeID) bool {
		return from != both && to != both && side>>(from-1)&1 != side>>(to-1)&1
	})
}

// isolation cuts a leader off from everybody: it goes on for a while as if it led.
func isolation(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil {
		return nil
	}
	w.tracef("%v is isolated", n.ID)
	return w.isolate(number, n)
}

// oneWay cuts single directions.
func oneWay(w *world, number uint64) func() error {
	const all = 1 << (nodesMax * nodesMax)
	bits := w.pick(number, "ways", all) & w.pick(number, "ways", all)
	return w.cutLinks(number, func(from, to raft.NodeID) bool { return bits>>((from-1)*nodesMax+to-1)&1 == 1 })
}

// flapping cuts all links of a node, mends them, and again.
func flapping(w *world, number uint64) func() error {
	n := w.victim(number)
	every := w.pickSpan(number, "every", 20*time.Millisecond, 2*time.Second)
	mend, over := func() error { return nil }, false
	var flap func() error
	flap = func() error {
		if over || w.plan.over {
			return nil
		}
		mend = w.isolate(number, n)
		w.agenda.plan(w.now+every/2, func() error { return mend() })
		w.agenda.plan(w.now+every, flap)
		return nil
	}
	w.agenda.plan(w.now, flap)
	return func() error { over = true; return mend() }
}

// slowLink makes everything to and from a node take long, or crawl.
func slowLink(w *world, number uint64) func() error {
	n := w.victim(number)
	l := slow{
		number: number, on: true,
		delay: [...]time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond}[w.pick(number, "delay", 3)],
		byteTime: [...]time.Duration{
			8 * time.Microsecond, 80 * time.Microsecond, 0}[w.pick(number, "rate", 3)], // 1 Mbit/s, 100 kbit/s, as usual
	}
	w.net.slow[n.ID] = l
	w.tracef("links of %v: %v more, %v a byte", n.ID, l.delay, l.byteTime)
	return func() error {
		if w.net.slow[n.ID].number == number {
			w.net.slow[n.ID] = slow{}
		}
		return nil
	}
}

// cutLinks cuts what is chosen and returns how to mend that.
func (w *world) cutLinks(number uint64, chosen func(from, to raft.NodeID) bool) func() error {
	var cut [][2]raft.NodeID
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if a != b && chosen(a.ID, b.ID) && w.net.cut[a.ID][b.ID] == 0 {
				w.net.cut[a.ID][b.ID] = number + 1
				cut = append(cut, [2]raft.NodeID{a.ID, b.ID})
			}
		}
	}
	w.tracef("cut: %v", cut)
	return func() error {
		for _, l := range cut {
			if w.net.cut[l[0]][l[1]] == number+1 {
				w.net.cut[l[0]][l[1]] = 0
			}
		}
		w.tracef("links mended")
		return nil
	}
}

func slowDisk(w *world, number uint64) func() error {
	n := w.victim(number)
	n.slowUntil, n.slowBy = time.Duration(w.plan.strikes[number].Until), number
	return nil
}

// failDisk lets a write fail: the node is out of service until it is restarted.
func failDisk(w *world, number uint64) func() error {
	n := w.victim(number)
	if !n.running() {
		return nil
	}
	w.bite(number)
	w.tracef("the disk of %v fails", n.ID)
	n.Fail(errors.New("input/output error"))
	life := n.life
	err := n.settle()
	return func() error {
		if n.Core == nil || n.life != life {
			return err
		}
		n.crash()
		return errors.Join(err, n.start())
	}
}

// rot takes a node down and the newest entries from its disk.
func rot(w *world, number uint64) func() error {
	n := w.victim(number)
	count := 1 + w.pick(number, "entries", 30)
	if !w.maySpare(n) {
		return nil
	}
	w.bite(number)
	n.crash()
	n.Disk.Rot(int(count))
	w.tracef("up to %d entries of %v rot", count, n.ID)
	return w.startAgain(n)
}

// maySpare reports whether a quorum of whole logs stays without n's, in the one
// configuration that there is: without such a quorum there is no cure.
func (w *world) maySpare(n *node) bool {
	damaged := 1
	at := raft.ConfigAt{}
	for i, other := range w.nodes {
		if other.Core == nil {
			return false
		}
		is := other.Core.Status().Configuration
		if i > 0 && is.Index != at.Index {
			return false
		}
		at = is
		if other != n && other.Disk.Damaged() {
			damaged++
		}
	}
	return !at.Configuration.Joint() && 2*damaged < len(at.Configuration.Voters)
}

// pause freezes a node; it wakes up to everything that happened meanwhile.
func pause(w *world, number uint64) func() error {
	n := w.victim(number)
	n.pausedUntil, n.pausedBy = time.Duration(w.plan.strikes[number].Until), number
	w.tracef("%v is paused", n.ID)
	return nil
}

// clockJump moves a node's clock, forward or back, where clocks misbehave at all
// and no lease counts on them.
func clockJump(w *world, number uint64) func() error {
	n := w.victim(number)
	by := w.pickSpan(number, "by", -5*time.Second, 10*time.Second)
	if !w.setup.Skew || w.setup.Core.LeaseReads || !n.running() {
		return nil
	}
	w.bite(number)
	w.tracef("the clock of %v jumps by %v", n.ID, by)
	n.offset += by
	n.jumped = true
	n.Core.Tick(n.clock())
	err := n.settle()
	return func() error { return err }
}
