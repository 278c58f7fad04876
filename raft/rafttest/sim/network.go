package sim

import (
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/rafttest"
)

const (
	// messageOverhead is what a message weighs on a link besides its entries, and
	// linkByteTime what a byte takes on a healthy one: 10 MB/s.
	messageOverhead = 100
	linkByteTime    = 100 * time.Nanosecond
	// linkQueueTime is how far a link may fall behind before it drops messages.
	linkQueueTime = 200 * time.Millisecond
)

// disturbance happens to one message in so many.
type disturbance struct{ number, perMille uint64 }

// slow is what slows the links of a node down.
type slow struct {
	on       bool
	number   uint64
	delay    time.Duration
	byteTime time.Duration
}

// network carries messages between nodes, or does not.
type network struct {
	w       *world
	delay   time.Duration                             // of a link, at least half and at most once and a half
	cut     [nodesMax + 1][nodesMax + 1]uint64        // by from and to: 1 + the strike that cut it; 0: whole
	busy    [nodesMax + 1][nodesMax + 1]time.Duration // the link is busy until then
	newest  [nodesMax + 1][nodesMax + 1]time.Duration // arrival in time on the link
	slow    [nodesMax + 1]slow
	lose    disturbance
	repeat  disturbance
	reorder disturbance // arriving much later
}

// heal ends every disturbance.
func (t *network) heal() { *t = network{w: t.w, delay: t.delay, busy: t.busy, newest: t.newest} }

// hits decides for one message whether a disturbance strikes it.
func (t *network) hits(what string, entity uint64, d disturbance) bool {
	if d.perMille == 0 || !t.w.chance.hits(what, entity, d.perMille) {
		return false
	}
	t.w.bite(d.number)
	return true
}

// launch sends messages on their way.
func (t *network) launch(from *node, envelopes []raft.Envelope) error {
	for _, e := range envelopes {
		if err := t.w.checker.Sent(&from.Node, e); err != nil {
			return err
		}
		entity := uint64(from.ID)<<8 | uint64(e.To)
		if by := t.cut[from.ID][e.To]; by != 0 {
			t.w.bite(by - 1)
			t.refuse(from, e.To, entity)
			continue
		}
		if t.hits("lose", entity, t.lose) {
			t.w.fault("message lost")
			continue
		}
		t.send(from, e, entity)
		if t.hits("repeat", entity, t.repeat) {
			t.w.fault("message repeated")
			t.send(from, e, entity)
		}
		if from.trap.point == afterAppend && hasEntries(e.Message) && from.at(afterAppend) {
			return nil // what follows was never sent
		}
	}
	return nil
}

// refuse drops a message; sometimes its sender is told.
func (t *network) refuse(from *node, to raft.NodeID, entity uint64) {
	t.w.fault("message cut off")
	if t.w.chance.hits("told", entity, 300) {
		from.later(time.Millisecond, func() error { from.Core.Unreachable(to); return from.settle() })
	}
}

// send plans the arrival of one message.
func (t *network) send(from *node, e raft.Envelope, entity uint64) {
	busy := &t.busy[from.ID][e.To]
	if *busy > t.w.now+linkQueueTime {
		t.w.fault("link overflowed")
		t.refuse(from, e.To, entity)
		return
	}
	byteTime, delay := linkByteTime, t.w.chance.between("travel", entity, t.delay/2, t.delay*3/2)
	for _, end := range [...]raft.NodeID{from.ID, e.To} {
		if s := &t.slow[end]; s.on {
			t.w.bite(s.number)
			delay += s.delay
			byteTime = max(byteTime, s.byteTime)
		}
	}
	*busy = max(*busy, t.w.now) + byteTime*time.Duration(weight(e.Message))
	delay += *busy - t.w.now
	if !t.w.setup.Unordered {
		newest := &t.newest[from.ID][e.To]
		*newest = max(*newest, t.w.now+delay)
		delay = *newest - t.w.now
	}
	if t.hits("reorder", entity, t.reorder) {
		t.w.fault("message late")
		delay += t.w.chance.between("late", entity, 0, 3*time.Second)
	}
	to := t.w.nodes[e.To-1]
	t.w.agenda.plan(t.w.now+delay, func() error { return t.arrive(from.ID, to, e.Message) })
}

// weight is what a message takes of a link, in bytes.
func weight(m raft.Message) uint64 {
	bytes := uint64(messageOverhead)
	if a, ok := m.(raft.Append); ok {
		for i := range a.Entries {
			bytes += a.Entries[i].Size()
		}
	}
	return bytes
}

// arrive hands a message to a node if it runs, whichever life it is in: a late
// message may meet a restarted node.
func (t *network) arrive(from raft.NodeID, to *node, m raft.Message) error {
	if to.Core == nil {
		return nil
	}
	if t.w.now < to.pausedUntil {
		t.w.bite(to.pausedBy)
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
