package sim

import (
	"errors"
	"time"

	"github.com/wraft/wraft/raft"
)

// faultPlan is the swarm: each seed picks some kinds of faults and how often
// they strike; one in ten has none.
type faultPlan struct {
	w     *world
	kinds []fault
	every time.Duration
	over  bool
}

// fault begins something bad and returns how it ends; nil when it ends by itself.
type fault func(w *world, number uint64) (end func() error)

func (p *faultPlan) init(w *world) {
	p.w = w
	if w.chance.below("calm", 0, 10) == 0 {
		w.result.Calm = true
		return
	}
	all := [...]fault{loss, repetition, lateness, partition, isolation, oneWay, crash, crash, massCrash, slowDisk, failDisk, pause, churn, churn, handOver}
	for i, f := range all {
		if w.chance.hits("swarm", uint64(i), 500) {
			p.kinds = append(p.kinds, f)
		}
	}
	if len(p.kinds) == 0 {
		p.kinds = all[:]
	}
	p.every = w.chance.between("fault rate", 0, 3*time.Second, 40*time.Second)
}

// begin plans the first strike.
func (p *faultPlan) begin() {
	if len(p.kinds) > 0 {
		p.next(0)
	}
}

// next plans strike number: a random kind for a random time.
func (p *faultPlan) next(number uint64) {
	w := p.w
	wait := w.chance.between("fault wait", number, p.every/2, p.every*3/2)
	w.agenda.plan(w.now+wait, func() error {
		if p.over {
			return nil
		}
		kind := p.kinds[w.chance.below("fault kind", number, uint64(len(p.kinds)))]
		if end := kind(w, number); end != nil {
			w.agenda.plan(w.now+w.chance.between("fault time", number, 200*time.Millisecond, 15*time.Second), end)
		}
		p.next(number + 1)
		return nil
	})
}

// end stops all faults and starts every node that is down or failed.
func (p *faultPlan) end() error {
	p.over = true
	p.w.net.heal()
	var errs []error
	for _, n := range p.w.nodes {
		n.slowUntil, n.pausedUntil = 0, 0
		if n.Core != nil && n.failing() {
			n.crash()
		}
		if n.Core == nil {
			errs = append(errs, n.start())
		}
	}
	return errors.Join(errs...)
}

func (w *world) victim(number uint64) *node {
	return w.nodes[w.chance.below("victim", number, uint64(len(w.nodes)))]
}

func loss(w *world, number uint64) func() error {
	w.net.lose = 10 + w.chance.below("lose rate", number, 400)
	w.tracef("loss of %d per mille", w.net.lose)
	return func() error { w.net.lose = 0; return nil }
}

func repetition(w *world, number uint64) func() error {
	w.net.repeat = 50 + w.chance.below("repeat rate", number, 500)
	return func() error { w.net.repeat = 0; return nil }
}

func lateness(w *world, number uint64) func() error {
	w.net.reorder = 10 + w.chance.below("reorder rate", number, 300)
	return func() error { w.net.reorder = 0; return nil }
}

// partition splits the nodes in two.
func partition(w *world, number uint64) func() error {
	side := w.chance.next("side", number)
	w.fault("partition")
	w.tracef("partition %b", side&0xff)
	return w.cutLinks(func(from, to raft.NodeID) bool { return side>>from&1 != side>>to&1 })
}

// isolation cuts a leader off from everybody: it goes on for a while as if it led.
func isolation(w *world, _ uint64) func() error {
	n := w.aLeader(0)
	if n == nil {
		return nil
	}
	w.fault("leader isolated")
	w.tracef("%v is isolated", n.ID)
	return w.cutLinks(func(from, to raft.NodeID) bool { return from == n.ID || to == n.ID })
}

// oneWay cuts single directions.
func oneWay(w *world, number uint64) func() error {
	bits := w.chance.next("ways", number) & w.chance.next("ways", number)
	w.fault("one-way cut")
	w.tracef("one-way cuts %b", bits)
	return w.cutLinks(func(from, to raft.NodeID) bool { return bits>>(uint64(from)*8+uint64(to))&1 == 1 })
}

// cutLinks cuts what is chosen and returns how to mend that.
func (w *world) cutLinks(chosen func(from, to raft.NodeID) bool) func() error {
	var cut [][2]raft.NodeID
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if l := [2]raft.NodeID{a.ID, b.ID}; a != b && chosen(a.ID, b.ID) && !w.net.cut[l] {
				w.net.cut[l] = true
				cut = append(cut, l)
			}
		}
	}
	return func() error {
		for _, l := range cut {
			delete(w.net.cut, l)
		}
		w.tracef("links mended")
		return nil
	}
}

func crash(w *world, number uint64) func() error {
	n := w.victim(number)
	if n.Core == nil {
		return nil
	}
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
func massCrash(w *world, _ uint64) func() error {
	w.fault("mass crash")
	var ends []func() error
	for _, n := range w.nodes {
		if n.Core != nil {
			n.crash()
			ends = append(ends, w.startAgain(n))
		}
	}
	return func() error {
		var errs []error
		for _, end := range ends {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
}

func slowDisk(w *world, number uint64) func() error {
	n := w.victim(number)
	n.slowUntil = w.now + w.chance.between("slow", number, time.Second, 20*time.Second)
	return nil
}

// failDisk lets a write fail: the node is out of service until it is restarted.
func failDisk(w *world, number uint64) func() error {
	n := w.victim(number)
	if n.Core == nil || w.now < n.pausedUntil {
		return nil
	}
	w.fault("disk failed")
	n.Core.PersistFailed(1, errors.New("input/output error"))
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

// pause freezes a node; it wakes up to everything that happened meanwhile.
func pause(w *world, number uint64) func() error {
	n := w.victim(number)
	w.fault("pause")
	n.pausedUntil = w.now + w.chance.between("paused", number, 500*time.Millisecond, 12*time.Second)
	w.tracef("%v is paused until %v", n.ID, n.pausedUntil)
	return nil
}
