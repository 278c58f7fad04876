package sim

import (
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/rafttest"
)

// node is a replica in the world: it ticks when its core asks for it, syncs with
// its disk's delay and applies with its machine's.
type node struct {
	rafttest.Node
	w    *world
	cfg  raft.Config
	life uint64 // counts starts; events of an earlier life are void
	rate uint64 // of its clock, in per mille of the world's

	wakeAt      time.Duration // the earliest tick planned; 0: none
	pausedUntil time.Duration
	syncing     bool
	applying    bool
	apply       []raft.ApplyRange
	pausedBy    uint64        // the strike
	slowUntil   time.Duration // its disk is slow until then
	slowBy      uint64        // the strike

	stalledUntil time.Duration // its disk takes nothing until then
	stalledBy    uint64        // the strike

	fullUntil time.Duration // its disk has no room until then

	offset time.Duration // its clock has jumped by this
	jumped bool          // in this life
	trap   trap
	absent bool // it never starts

	machine *machine
	waiting map[raft.Index]call // commands committed and not applied here yet
	readers []call              // reads that wait for their index
}

// start starts the node from its disk.
func (n *node) start() error {
	if n.absent {
		return nil
	}
	n.life++
	n.waiting, n.readers = map[raft.Index]call{}, nil
	n.wakeAt, n.syncing, n.applying, n.apply = 0, false, false, nil
	cfg := n.cfg
	cfg.Seed = n.w.chance.next("seed", uint64(n.ID))
	if err := n.Start(cfg, n.clock()); err != nil {
		return err
	}
	n.jumped = false
	if err := n.restore(); err != nil {
		return err
	}
	n.w.tellRuns(n)
	return n.lookForRoom()
}

// clock is the node's own time: it may run faster or slower than the world's.
func (n *node) clock() time.Duration { return max(0, n.w.now*time.Duration(n.rate)/1000+n.offset) }

// later plans something for this life of the node; a paused node does it when it
// wakes up.
func (n *node) later(delay time.Duration, do func() error) {
	life := n.life
	var run func() error
	run = func() error {
		if n.Core == nil || n.life != life {
			return nil
		}
		if n.w.now < n.pausedUntil {
			n.w.bite(n.pausedBy)
			n.w.agenda.plan(n.pausedUntil, run)
			return nil
		}
		n.Core.Tick(n.clock())
		return do()
	}
	n.w.agenda.plan(n.w.now+delay, run)
}

// settle carries out what the core wants and checks the node.
func (n *node) settle() error {
	for n.Core != nil && n.Core.Pending() {
		fx, err := n.Drain()
		if err != nil {
			return err
		}
		// Before the clients hear of a commit, it has to stand up to the checker.
		if err := n.w.checker.Check(&n.Node, n.w.all); err != nil {
			return err
		}
		n.w.noteCommitted()
		if err := n.perform(fx); err != nil {
			return err
		}
	}
	if n.Core == nil {
		return nil // a trap has sprung
	}
	n.wake()
	term, _ := n.Core.Leads()
	n.w.digest(uint64(n.w.now), uint64(n.ID), uint64(term), n.machine.hash())
	return nil
}

func (n *node) perform(fx *raft.Effects) error {
	for _, ev := range fx.Events {
		if err := n.w.seeFlow(n.ID, ev); err != nil {
			return err
		}
		if n.w.o.Trace != nil {
			n.w.tracef("%v %s", n.ID, rafttest.DescribeEvent(ev))
		}
		if r, ok := ev.(raft.RoleChanged); ok && r.Role == raft.Leader {
			n.w.elected(n)
		}
	}
	if err := n.w.net.launch(n, fx.SendNow); err != nil {
		return err
	}
	if n.Core == nil {
		return nil
	}
	if err := n.w.history.results(n, fx); err != nil {
		return err
	}
	for _, f := range fx.Fetches {
		n.later(n.w.chance.between("fetch", uint64(n.ID), 0, 5*time.Millisecond), func() error {
			n.Fetch(f)
			return n.settle()
		})
	}
	if err := n.command(fx.Snapshots); err != nil {
		return err
	}
	if slices.ContainsFunc(fx.Writes, func(w raft.Write) bool { return w.Reset }) {
		n.apply = nil // the snapshot has what they did
	}
	n.apply = append(n.apply, fx.Apply...)
	n.planApply()
	n.planSync()
	return nil
}

// wake plans the tick that the core asks for.
func (n *node) wake() {
	at := n.Core.NextDeadline()
	if at > n.clock()+time.Hour {
		return
	}
	at = max((at-n.offset)*1000/time.Duration(n.rate)+1, n.w.now)
	if n.wakeAt != 0 && n.wakeAt <= at {
		return
	}
	n.wakeAt = at
	n.later(at-n.w.now, func() error {
		if n.wakeAt <= n.w.now {
			n.wakeAt = 0
		}
		return n.settle()
	})
}

// planSync starts a sync of everything pending unless one is running.
func (n *node) planSync() {
	if n.syncing || n.Disk.Pending() == 0 {
		return
	}
	n.syncing = true
	delay := n.w.chance.between("sync", uint64(n.ID), time.Duration(n.w.setup.Sync)/2, time.Duration(n.w.setup.Sync)*3/2)
	if n.w.now < n.slowUntil {
		n.w.bite(n.slowBy)
		n.w.fault("slow sync")
		delay = n.w.chance.between("slow sync", uint64(n.ID), 10*time.Millisecond, 3*time.Second)
	}
	count := n.Disk.Pending()
	n.whenDiskMoves(delay, func() error {
		n.syncing = false
		if n.failing() || n.at(beforeSync) {
			return nil
		}
		if n.trap.point == afterSync && n.w.now < n.trap.until {
			n.Disk.Sync(count)
			n.at(afterSync)
			return nil
		}
		if err := n.w.net.launch(n, n.Sync(count)); err != nil {
			return err
		}
		n.planSync()
		return n.settle()
	})
}

// planApply runs the oldest range through the machine after a while.
func (n *node) planApply() {
	if n.applying || len(n.apply) == 0 {
		return
	}
	n.applying = true
	n.later(n.w.chance.between("apply", uint64(n.ID), 0, 2*time.Millisecond), func() error {
		n.applying = false
		if len(n.apply) == 0 {
			return nil // a snapshot came instead
		}
		from := len(n.Applied)
		if err := n.Apply(n.apply[0]); err != nil {
			return err
		}
		n.apply = n.apply[1:]
		if err := n.run(n.Applied[from:]); err != nil {
			return err
		}
		n.takeSnapshot()
		n.planApply()
		return n.settle()
	})
}

// run applies entries to the machine, and answers who waited for them.
func (n *node) run(entries []raft.Entry) error {
	for i := range entries {
		e := &entries[i]
		a := n.machine.apply(e)
		if err := n.w.history.observe(n.ID, e, a, n.machine.hash()); err != nil {
			return err
		}
		if c, waits := n.waiting[e.Index]; waits {
			delete(n.waiting, e.Index)
			if err := n.w.answered(c, a); err != nil {
				return err
			}
		}
	}
	return n.answerReaders()
}

// crash stops the node; a random part of its unsynced writes survives.
func (n *node) crash() {
	keep := int(n.w.chance.below("crash keeps", uint64(n.ID), uint64(n.Disk.Pending())+1))
	n.w.tracef("%v crashes, %d of %d unsynced writes survive", n.ID, keep, n.Disk.Pending())
	if keep < n.Disk.Pending() {
		n.w.fault("unsynced writes lost")
	}
	n.Crash(keep)
	n.w.tellGone(n)
	n.w.fault("node crashed")
}
