package quic

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport/fec"
)

// TestBubbleLatePacketsDeliverNothing: every packet of a connection arrives once more,
// while it stands and long after another took its place: no frame is handed over twice,
// nothing is counted as hostile, and the connection that stands does not fall.
func TestBubbleLatePacketsDeliverNothing(t *testing.T) {
	for _, mode := range []fec.Mode{fec.ModeOff, fec.ModeOn} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				a, b := w.node(1, withRepair(mode)), w.node(2, withRepair(mode))
				var mu sync.Mutex // guards packets
				var packets []simnet.Packet
				w.sim.setLook(func(p simnet.Packet, _ raft.NodeID) bool {
					mu.Lock()
					defer mu.Unlock()
					packets = append(packets, p)
					return false
				})
				w.connect(a, b)
				send := func(terms raft.Term) {
					for term := range terms {
						a.send(b, raft.Vote{Term: term})
						a.send(b, raft.Append{Term: term, Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: noise(300)}}})
						b.send(a, raft.Heartbeat{Term: term})
						time.Sleep(10 * time.Millisecond)
					}
					time.Sleep(time.Second)
				}
				send(200)
				w.sim.setLook(func(simnet.Packet, raft.NodeID) bool { return false })
				mu.Lock()
				late := slices.Clone(packets)
				mu.Unlock()
				w.replay(t, late, a, b, 1)
				w.sim.setDrop(func(raft.NodeID, raft.NodeID) bool { return true })
				a.rec.untilDown(t, 2)
				b.rec.untilDown(t, 1)
				w.sim.setDrop(nil)
				a.rec.untilUp(t, 2)
				b.rec.untilUp(t, 1)
				w.replay(t, late, a, b, 2)
				send(10) // it still carries
				if n := b.rec.count(1); n != 2*210 {
					t.Errorf("%d frames came, 420 were sent", n)
				}
			})
		})
	}
}

// replay delivers packets again and wants nothing to come of them; links is how many
// connections there were up to then.
func (w *world) replay(t *testing.T, packets []simnet.Packet, a, b *node, links int) {
	t.Helper()
	if len(packets) < 100 {
		t.Fatalf("%d packets show nothing", len(packets))
	}
	fromA, fromB := b.rec.count(1), a.rec.count(2)
	for _, p := range packets {
		_ = w.sim.SendPacket(p)
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Second) // longer than a connection without its peer's packets stands
	if moreA, moreB := b.rec.count(1)-fromA, a.rec.count(2)-fromB; moreA != 0 || moreB != 0 {
		t.Errorf("late packets brought %d and %d frames", moreA, moreB)
	}
	for _, n := range []*node{a, b} {
		if l := n.net.Links()[0]; !l.Up || l.Reconnects != uint64(links-1) || len(n.net.Counters()) != 0 {
			t.Errorf("%v: late packets did harm: %+v, counted %v", n.id, l, n.net.Counters())
		}
	}
}

// count says how many frames of a peer were handed over.
func (r *recorder) count(from raft.NodeID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.frames[from])
}
