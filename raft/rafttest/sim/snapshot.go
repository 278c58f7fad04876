package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/rafttest"
)

// Snapshots says how often snapshots are taken and how their transfers go. Chances
// are per mille.
type Snapshots struct {
	Take uint64 `json:"take"` // after a range was applied
	Time Span   `json:"time"` // of a transfer, give or take a half
	// In a calm run nothing of this happens.
	Cut    uint64 `json:"cut"`    // a transfer breaks off
	Silent uint64 `json:"silent"` // its end is not told to the sender
	Repeat uint64 `json:"repeat"` // the bytes come again, later
}

// drawSnapshots draws them: never, seldom, or all the time.
func (w *world) drawSnapshots() Snapshots {
	pick := func(what string, from ...uint64) uint64 {
		return from[w.chance.below("snapshots "+what, 0, uint64(len(from)))]
	}
	s := Snapshots{Take: pick("taken", 0, 5, 30, 200, 1000)}
	s.Time = Span(time.Duration(pick("time", 20, 300, 3000)) * time.Millisecond)
	if !w.setup.Calm {
		s.Cut, s.Silent, s.Repeat = pick("cut", 0, 100, 400), pick("silent", 0, 200), pick("repeat", 0, 200)
	}
	return s
}

// takeSnapshot takes a snapshot now and then.
func (n *node) takeSnapshot() {
	if n.w.chance.hits("take snapshot", uint64(n.ID), n.w.setup.Snapshots.Take) && n.TakeSnapshot(n.machine.encode()) {
		n.w.fault("snapshot taken")
		n.w.tracef("%v takes a snapshot at %d", n.ID, n.machine.at)
	}
}

// restore makes the machine what it was in the snapshot the node has started from
// or installed. Who waits for an entry before that gets no answer here.
func (n *node) restore() error {
	n.machine, n.apply = newMachine(n.w.setup.Sessions), nil
	if n.State != nil {
		var err error
		if n.machine, err = decodeMachine(n.State); err != nil {
			return err
		}
	}
	if int(n.machine.at) != len(n.Applied) {
		return fmt.Errorf("%v is restored up to %d, its snapshot is of %d", n.ID, n.machine.at, len(n.Applied))
	}
	for index := range n.waiting {
		if index <= n.machine.at {
			delete(n.waiting, index)
		}
	}
	return n.answerReaders()
}

// command does what a core wants about snapshots and the node does not do itself.
func (n *node) command(commands []raft.SnapshotCommand) error {
	for _, c := range commands {
		if n.w.o.Trace != nil {
			n.w.tracef("%v %s", n.ID, rafttest.DescribeCommand(c))
		}
		switch c.Action {
		case raft.SnapshotRestore:
			n.w.fault("snapshot installed")
			if err := n.restore(); err != nil {
				return err
			}
		case raft.SnapshotSend:
			s, _ := n.Disk.Snapshot()
			if s.Meta.Index != c.Snapshot.Index {
				n.w.fault("snapshot sent on")
				s = n.w.brought[rafttest.Brought{To: c.Peer, Index: c.Snapshot.Index}] // a part of it is there already
			}
			if s.Meta.Index != c.Snapshot.Index {
				return errors.New("a snapshot is to be sent that is neither the newest nor on its way")
			}
			n.w.brought[rafttest.Brought{To: c.Peer, Index: s.Meta.Index}] = s
			n.sendSnapshot(n.w.nodes[c.Peer-1], s)
		}
	}
	return nil
}

// sendSnapshot lets a snapshot travel. Why nobody stops it when the core says so:
// what is late or comes though nobody waits for it must do no harm.
func (n *node) sendSnapshot(to *node, s rafttest.Snapshot) {
	w, plan, entity := n.w, &n.w.setup.Snapshots, uint64(n.ID)<<8|uint64(to.ID)
	w.fault("snapshot sent")
	took := w.chance.between("snapshot travel", entity, time.Duration(plan.Time)/2, time.Duration(plan.Time)*3/2)
	for part := range uint64(4) {
		for _, m := range w.nodes {
			if m == to {
				continue
			}
			m.later(took*time.Duration(part)/4, func() error {
				if w.net.cut[to.ID][m.ID] == 0 {
					m.Core.SnapshotProgress(to.ID, s.Meta.Index, part)
				}
				return m.settle()
			})
		}
	}
	broken := w.chance.hits("snapshot cut", entity, plan.Cut) && !w.plan.over
	silent := w.chance.hits("snapshot silent", entity, plan.Silent) && !w.plan.over
	life, offer := n.life, raft.InstallSnapshot{Term: n.Core.Status().Term, Snapshot: s.Meta}
	w.agenda.plan(w.now+took, func() error {
		var err error
		if broken || w.net.cut[n.ID][to.ID] != 0 {
			w.fault("snapshot broken off")
			err = errors.New("broken off")
		} else {
			err = n.bring(to, s, offer)
		}
		if n.Core == nil || n.life != life || silent {
			return nil
		}
		n.later(0, func() error {
			n.Core.SnapshotDone(to.ID, s.Meta.Index, err)
			return n.settle()
		})
		return nil
	})
}

// bring lets the bytes arrive, and perhaps once more, behind a late copy of their
// offer. A node that is down or paused has none of them.
func (n *node) bring(to *node, s rafttest.Snapshot, offer raft.InstallSnapshot) error {
	w, entity := n.w, uint64(n.ID)<<8|uint64(to.ID)
	if !to.running() {
		return errors.New("nobody there")
	}
	receive := func() error {
		if to.ReceiveSnapshot(s) == nil {
			return to.settle()
		}
		return nil
	}
	if w.chance.hits("snapshot repeat", entity, w.setup.Snapshots.Repeat) {
		w.fault("snapshot repeated")
		to.later(w.chance.between("snapshot late", entity, 0, 5*time.Second), func() error {
			if err := w.net.arrive(n.ID, to, offer); err != nil {
				return err
			}
			return receive()
		})
	}
	to.later(0, receive)
	return nil
}
