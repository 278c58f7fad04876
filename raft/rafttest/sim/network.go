package sim

import (
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/rafttest"
)

// network carries messages between nodes, or does not.
type network struct {
	w       *world
	delay   time.Duration // of a link, at least half and at most once and a half
	cut     map[[2]raft.NodeID]bool
	lose    uint64 // per mille
	repeat  uint64 // per mille
	reorder uint64 // per mille, arriving much later
}

func (t *network) init(w *world) {
	delays := [...]time.Duration{200 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 75 * time.Millisecond}
	t.w, t.cut = w, map[[2]raft.NodeID]bool{}
	t.delay = delays[w.chance.below("delay", 0, uint64(len(delays)))]
}

// heal ends every disturbance.
func (t *network) heal() {
	clear(t.cut)
	t.lose, t.repeat, t.reorder = 0, 0, 0
}

// launch sends messages on their way.
func (t *network) launch(from *node, envelopes []raft.Envelope) error {
	for _, e := range envelopes {
		if err := t.w.checker.Sent(&from.Node, e); err != nil {
			return err
		}
		entity := uint64(from.ID)<<8 | uint64(e.To)
		if t.cut[[2]raft.NodeID{from.ID, e.To}] {
			t.w.fault("message cut off")
			if t.w.chance.hits("told", entity, 300) {
				from.later(time.Millisecond, func() error { from.Core.Unreachable(e.To); return from.settle() })
			}
			continue
		}
		if t.w.chance.hits("lose", entity, t.lose) {
			t.w.fault("message lost")
			continue
		}
		t.send(from.ID, e, entity)
		if t.w.chance.hits("repeat", entity, t.repeat) {
			t.w.fault("message repeated")
			t.send(from.ID, e, entity)
		}
	}
	return nil
}

// send plans the arrival of one message.
func (t *network) send(from raft.NodeID, e raft.Envelope, entity uint64) {
	delay := t.w.chance.between("travel", entity, t.delay/2, t.delay*3/2)
	if t.w.chance.hits("reorder", entity, t.reorder) {
		t.w.fault("message late")
		delay += t.w.chance.between("late", entity, 0, 3*time.Second)
	}
	to := t.w.nodes[e.To-1]
	t.w.agenda.plan(t.w.now+delay, func() error { return t.arrive(from, to, e.Message) })
}

// arrive hands a message to a node if it runs, whichever life it is in: a late
// message may meet a restarted node.
func (t *network) arrive(from raft.NodeID, to *node, m raft.Message) error {
	if to.Core == nil {
		return nil
	}
	if t.w.now < to.pausedUntil {
		t.w.agenda.plan(to.pausedUntil, func() error { return t.arrive(from, to, m) })
		return nil
	}
	if t.w.o.Trace != nil {
		t.w.tracef("%v->%v %s", from, to.ID, rafttest.Describe(m))
	}
	to.Core.Tick(to.clock())
	if err := to.Core.Receive(from, m); err != nil && !to.failing() {
		return err
	}
	return to.settle()
}

// failing reports that the node's disk has failed: it refuses everything then.
func (n *node) failing() bool { return n.Core.Status().DiskFailed }
