package raft_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// wan is a cluster of three in virtual time whose links have a delay, a rate and a
// loss, and whose disks take a while: what windows and timeouts are measured on.
type wan struct {
	t      testing.TB
	chance *rand.Rand
	now    time.Duration
	order  uint64
	events wanEvents

	delay time.Duration // one way
	rate  uint64        // bytes per second of each link; 0: unlimited
	loss  uint64        // of a thousand messages
	busy  [4][4]time.Duration
	nodes [4]wanNode // by ID

	elections int
	leader    raft.NodeID
	ledSince  time.Duration
}

// wanNode is a replica with its disk.
type wanNode struct {
	core     *raft.Core // nil: dead
	fx       raft.Effects
	gated    []raft.GatedEnvelope
	log      []raft.Entry
	wakeAt   time.Duration
	sync     time.Duration // what a write takes, whatever it holds
	rate     uint64        // bytes per second; 0: unlimited
	syncing  bool
	pending  raft.WriteID
	unsynced uint64
}

// wanEvent is a message, a wake-up, the end of a write or anything else.
type wanEvent struct {
	at       time.Duration
	order    uint64
	from, to raft.NodeID
	message  raft.Message
	wrote    raft.WriteID
	do       func()
}

type wanEvents []wanEvent

func (e wanEvents) Len() int { return len(e) }
func (e wanEvents) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e wanEvents) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *wanEvents) Push(x any)   { *e = append(*e, x.(wanEvent)) }
func (e *wanEvents) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = wanEvent{}
	*e = (*e)[:len(*e)-1]
	return last
}

// newWAN starts three fresh replicas over links with a one-way delay.
func newWAN(t testing.TB, seed uint64, delay time.Duration, cfg raft.Config) *wan {
	w := &wan{t: t, chance: rand.New(rand.NewPCG(seed, 1)), delay: delay}
	for id := raft.NodeID(1); id <= 3; id++ {
		cfg.ID, cfg.Group, cfg.Seed = id, 1, w.chance.Uint64()
		core, err := raft.New(cfg, fresh(1, 2, 3), 0)
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[id].core = core
	}
	return w
}

// measure tells every node about its ways once per second, as a driver does.
func (w *wan) measure() {
	for a := range w.nodes {
		for b := range w.nodes {
			if core := w.nodes[a].core; core != nil && b > 0 {
				core.PeerStats(raft.NodeID(b), raft.PathStats{RTT: 2 * w.delay, Variance: w.delay / 20, Up: true})
				w.settle(raft.NodeID(a))
			}
		}
	}
	w.plan(wanEvent{at: w.now + time.Second, do: w.measure})
}

func (w *wan) plan(e wanEvent) {
	w.order++
	e.order = w.order
	heap.Push(&w.events, e)
}

// run plays events until a moment, or until done.
func (w *wan) run(until time.Duration, done func() bool) {
	for len(w.events) > 0 && w.events[0].at <= until && !done() {
		e := heap.Pop(&w.events).(wanEvent)
		w.now = e.at
		if e.do != nil {
			e.do()
			continue
		}
		n := &w.nodes[e.to]
		if n.core == nil {
			continue
		}
		if e.message == nil && e.wrote == 0 && e.at != n.wakeAt {
			continue // another wake-up took its place
		}
		n.core.Tick(w.now)
		switch {
		case e.message != nil:
			if err := n.core.Receive(e.from, e.message); err != nil {
				w.t.Fatal(err)
			}
		case e.wrote != 0:
			w.wrote(e.to, e.wrote)
		default:
			n.wakeAt = 0
		}
		w.settle(e.to)
	}
}

func never() bool { return false }

// settle carries out what a node wants.
func (w *wan) settle(id raft.NodeID) {
	n := &w.nodes[id]
	for n.core.Pending() {
		n.core.Drain(&n.fx)
		for _, ev := range n.fx.Events {
			w.note(id, ev)
		}
		for _, e := range n.fx.SendNow {
			w.send(id, e)
		}
		for i := range n.fx.Writes {
			n.begin(&n.fx.Writes[i])
		}
		n.gated = append(n.gated, n.fx.SendAfter...)
		w.startSync(id)
		for _, f := range n.fx.Fetches {
			n.core.Fetched(f.Peer, f.Lo, n.log[f.Lo-1:f.Hi-1])
		}
		for _, r := range n.fx.Apply {
			n.core.Applied(r.Last)
		}
	}
	if at := n.core.NextDeadline(); at < w.now+time.Hour && (n.wakeAt == 0 || at < n.wakeAt) {
		n.wakeAt = max(at, w.now)
		w.plan(wanEvent{at: n.wakeAt, to: id})
	}
}

func (w *wan) note(id raft.NodeID, ev raft.Event) {
	if r, ok := ev.(raft.RoleChanged); ok && r.Role == raft.Leader {
		w.elections++
		w.leader, w.ledSince = id, w.now
	}
}

func (n *wanNode) begin(write *raft.Write) {
	if write.Truncate {
		n.log = n.log[:write.TruncateAfter]
	}
	n.log = append(n.log, write.Entries...)
	n.pending = write.ID
	n.unsynced += wanBytes(write.Entries)
}

// startSync writes everything that waits at once, when the disk is idle.
func (w *wan) startSync(id raft.NodeID) {
	n := &w.nodes[id]
	if n.syncing || n.pending == 0 {
		return
	}
	takes := n.sync
	if n.rate > 0 {
		takes += time.Duration(n.unsynced * uint64(time.Second) / n.rate)
	}
	w.plan(wanEvent{at: w.now + takes, to: id, wrote: n.pending})
	n.syncing, n.pending, n.unsynced = true, 0, 0
}

func (w *wan) wrote(id raft.NodeID, write raft.WriteID) {
	n := &w.nodes[id]
	n.syncing = false
	n.core.Persisted(write)
	kept := n.gated[:0]
	for _, g := range n.gated {
		if g.After <= write {
			w.send(id, g.Envelope)
		} else {
			kept = append(kept, g)
		}
	}
	n.gated = kept
	w.startSync(id)
}

// send puts a message on its link, behind what is on it.
func (w *wan) send(from raft.NodeID, e raft.Envelope) {
	if w.chance.Uint64N(1000) < w.loss {
		return
	}
	at := w.now
	if w.rate > 0 {
		bytes := uint64(100)
		if a, ok := e.Message.(raft.Append); ok {
			bytes += wanBytes(a.Entries)
		}
		busy := &w.busy[from][e.To]
		*busy = max(*busy, w.now) + time.Duration(bytes*uint64(time.Second)/w.rate)
		at = *busy
	}
	w.plan(wanEvent{at: at + w.delay, from: from, to: e.To, message: e.Message})
}

func wanBytes(entries []raft.Entry) uint64 {
	bytes := uint64(0)
	for i := range entries {
		bytes += entries[i].Size()
	}
	return bytes
}

// lead makes n1 the leader.
func (w *wan) lead() {
	w.measure()
	w.nodes[1].core.Campaign()
	for id := range w.nodes[1:] {
		w.settle(raft.NodeID(id + 1))
	}
	w.run(w.now+5*time.Second, never)
	if w.leader != 1 {
		w.t.Fatalf("%v leads", w.leader)
	}
}
