package quic

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// batchesInBursts sends appends one right behind the other, in bundles of their own, ten at a
// time. Some such batches fall whole with a burst, and the parity for them. It returns
// how many appends came later than they could behind the end of it, and how many packets of the
// first node's were copies.
func batchesInBursts(t *testing.T, away bool) (late int, copies uint64) {
	const (
		batches, appends = 200, 10
		bursts           = 20 // one in so many batches meets one
		apart            = 300 * time.Microsecond
		burst            = 30 * time.Millisecond
		soon             = simLatency + burst + 2*simLatency/8 + 2*time.Millisecond
	)
	w := newSimWorld(t)
	a, b := w.node(1, withRepair(fec.ModeOn)), w.node(2, withRepair(fec.ModeOn))
	w.connect(a, b)
	if away {
		peers := []transport.Peer{a.peer(), b.peer(), {ID: 3, Address: simAddr(3).String()}}
		a.net.SetPeers(peers)
		b.net.SetPeers(peers)
	}
	var until, fell atomic.Int64 // when the burst is over, by UnixNano
	w.sim.setLook(func(p simnet.Packet, from raft.NodeID) (drop bool) {
		drop = from == 1 && time.Now().UnixNano() < until.Load()
		if drop && fec.Protected(p.Data) {
			fell.Add(1)
		}
		return drop
	})
	var sent []time.Time
	for batch := range batches {
		if batch%bursts == bursts-1 {
			until.Store(time.Now().Add(burst).UnixNano())
		}
		for range appends {
			sent = append(sent, time.Now())
			a.send(b, numbered(len(sent), noise(200)))
			time.Sleep(apart) // virtual
		}
		time.Sleep(150 * time.Millisecond) // virtual
	}
	got := b.rec.untilFrames(t, 1, len(sent))
	for i, f := range got {
		if took := b.rec.when[1][i].Sub(sent[int(f.Payload.(raft.Append).Term)-1]); took > soon {
			late++
		}
	}
	if n := fell.Load(); n < batches/bursts*appends {
		t.Errorf("%d packets fell: the test shows nothing", n)
	}
	return late, a.net.Links()[0].CopyPackets
}

// TestBubbleWhatFellInABurstIsSentAgain: with a peer away, appends that fall together in a burst
// come as soon as it is over. With all peers there they wait for QUIC, and no packet is a copy.
func TestBubbleWhatFellInABurstIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if late, copies := batchesInBursts(t, true); late > 0 || copies == 0 {
			t.Errorf("with a peer away: %d appends are late, %d copies", late, copies)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if late, copies := batchesInBursts(t, false); late < 20 || copies > 0 {
			t.Errorf("with all peers: %d appends are late, %d copies", late, copies)
		}
	})
}

// TestBubbleCopiesEnd: before anything was lost, and when nothing was lost for long, nothing is
// sent twice.
func TestBubbleCopiesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, withRepair(fec.ModeAuto)), w.node(2, withRepair(fec.ModeAuto))
		w.connect(a, b)
		a.net.SetPeers([]transport.Peer{a.peer(), b.peer(), {ID: 3, Address: simAddr(3).String()}})
		link := a.net.peers[2].link.Load()
		appends := func(perSecond int, d time.Duration) (copies uint64) {
			b.rec.change(func() { clear(b.rec.frames); clear(b.rec.when) })
			before := a.net.Links()[0].CopyPackets
			latencies(t, a, b, perSecond, d)
			return a.net.Links()[0].CopyPackets - before
		}
		if n := appends(20, 10*time.Second); n > 0 || link.bundles() {
			t.Errorf("%d copies before anything was lost, in bundles: %t", n, link.bundles())
		}
		w.sim.lose(0.03)
		if n := appends(100, 20*time.Second); n < 2000 || !link.bundles() {
			t.Errorf("%d copies of 2,000 appends where losses are, in bundles: %t", n, link.bundles())
		}
		w.sim.lose(0)
		appends(100, time.Minute)
		if n := appends(20, 10*time.Second); n > 0 || link.bundles() {
			t.Errorf("%d copies when losses are over, in bundles: %t", n, link.bundles())
		}
	})
}
