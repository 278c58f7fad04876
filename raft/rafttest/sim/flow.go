package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/rafttest"
)

// stallLook is how often a stalled disk looks whether it may go on.
const stallLook = 500 * time.Millisecond

// drawFlow draws whether nodes are told what their paths are like, as by a driver
// that measures them, and what of the rate; it may be nonsense, because nothing but
// speed may depend on it. Half of the runs call a disk stalled that is merely slow.
func (w *world) drawFlow(s *Setup) {
	rates := [...]uint64{0, 1, 1 << 20, 1<<64 - 1}
	s.Measured = w.chance.hits("paths measured", 0, 700)
	s.DeliveryRate = rates[w.chance.below("delivery rate", 0, uint64(len(rates)))]
	if w.chance.hits("impatient", 0, 500) {
		s.Core.DiskStallTimeout = time.Second
	}
}

// planPaths tells every node once per second what the ways to its peers are like.
func (w *world) planPaths() {
	if !w.setup.Measured {
		return
	}
	var again func() error
	again = func() error {
		w.agenda.plan(w.now+time.Second, again)
		for _, n := range w.nodes {
			if !n.running() {
				continue
			}
			n.Core.Tick(n.clock())
			for _, peer := range w.nodes {
				n.Core.PeerStats(peer.ID, w.net.measured(n.ID, peer.ID))
			}
			if err := n.settle(); err != nil {
				return err
			}
		}
		return nil
	}
	w.agenda.plan(time.Second, again)
}

// measured is what a node finds out about the way to a peer.
func (t *network) measured(from, to raft.NodeID) raft.PathStats {
	if t.cut[from][to] != 0 && t.cut[to][from] != 0 {
		return raft.PathStats{}
	}
	delay := t.delay
	for _, end := range [...]raft.NodeID{from, to} {
		delay += t.slow[end].delay
	}
	return raft.PathStats{RTT: 2 * delay, Variance: t.delay / 2, DeliveryRate: t.w.setup.DeliveryRate, Up: true}
}

// stallDisk lets a disk take nothing for as long as the strike lasts and some more,
// which may be beyond any deadline.
func stallDisk(w *world, number uint64) func() error {
	n := w.victim(number)
	n.stalledUntil = time.Duration(w.plan.strikes[number].Until) + w.pickSpan(number, "longer", 0, 10*time.Second)
	n.stalledBy = number
	w.tracef("the disk of %v stalls until %v", n.ID, n.stalledUntil)
	return nil
}

// fillDisks leaves one disk without room, or some, or all.
func fillDisks(w *world, number uint64) func() error {
	victims := []*node{w.victim(number)}
	if w.pick(number, "more", 3) == 0 {
		for _, n := range w.nodes {
			if w.pick(number, "spared", 4) > 0 {
				victims = append(victims, n)
			}
		}
	}
	look := func() error {
		var errs []error
		for _, n := range victims {
			errs = append(errs, n.lookForRoom())
		}
		return errors.Join(errs...)
	}
	for _, n := range victims {
		n.fullUntil = max(n.fullUntil, time.Duration(w.plan.strikes[number].Until))
		w.tracef("the disk of %v is full until %v", n.ID, n.fullUntil)
		if n.running() {
			w.bite(number)
		}
	}
	w.agenda.plan(w.now, look)
	return look
}

// lookForRoom tells a node's core whether its disk has room.
func (n *node) lookForRoom() error {
	if !n.running() {
		return nil
	}
	n.Core.DiskFull(n.w.now < n.fullUntil)
	return n.settle()
}

// whenDiskMoves is later for the end of a sync.
func (n *node) whenDiskMoves(delay time.Duration, do func() error) {
	n.later(delay, func() error {
		if n.w.now >= n.stalledUntil {
			return do()
		}
		n.w.bite(n.stalledBy)
		n.whenDiskMoves(min(n.stalledUntil-n.w.now, stallLook), do)
		return n.settle()
	})
}

// seeFlow counts what nodes notice of disks and progress. A jump of terms is no fault
// of the network: nothing here campaigns that often.
func (w *world) seeFlow(id raft.NodeID, ev raft.Event) error {
	switch ev := ev.(type) {
	case raft.DiskSlow:
		w.fault("disk called stalled")
	case raft.ProgressStalled:
		w.fault("progress stalled")
	case raft.TermJumped:
		return fmt.Errorf("%v %s", id, rafttest.DescribeEvent(ev))
	}
	return nil
}
