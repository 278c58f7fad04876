package quic

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// loneAppends sends appends that no others follow soon, while no parity arrives and of the
// first node's packets one falls in many, and returns how long each took, ascending, and how
// many packets the first node sent.
func loneAppends(t *testing.T, away bool) ([]time.Duration, int64) {
	w := newSimWorld(t)
	a, b := w.node(1, withRepair(fec.ModeOn)), w.node(2, withRepair(fec.ModeOn))
	w.connect(a, b)
	if away {
		peers := []transport.Peer{a.peer(), b.peer(), {ID: 3, Address: simAddr(3).String()}}
		a.net.SetPeers(peers)
		b.net.SetPeers(peers)
	}
	var packets, lost atomic.Int64
	var fell time.Time
	chance := rand.New(rand.NewPCG(5, 5))
	w.sim.setLook(func(p simnet.Packet, from raft.NodeID) (drop bool) {
		if fec.Ours(p.Data) {
			return true
		}
		if from == 1 && fec.Protected(p.Data) {
			packets.Add(1)
			// Why apart: what is sent again must not fall too.
			if drop = time.Since(fell) > 4*simLatency && chance.Float64() < 0.2; drop {
				fell = time.Now()
			}
		}
		if drop {
			lost.Add(1)
		}
		return drop
	})
	took := latencies(t, a, b, 5, 40*time.Second)
	if n := lost.Load(); n < 20 {
		t.Fatalf("%d packets fell: the test shows nothing", n)
	}
	return took, packets.Load()
}

// TestBubbleALoneBundleIsSentAgain: with a peer away, an append whose packet is lost comes soon
// after even if no other follows. With all peers there it waits for QUIC, and costs no packet
// more.
func TestBubbleALoneBundleIsSentAgain(t *testing.T) {
	const soon = simLatency + 2*simLatency/echoPerRTT + time.Millisecond
	var late [2]int
	var packets [2]int64
	for i, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			took, sent := loneAppends(t, away)
			packets[i] = sent
			for _, d := range took {
				if d > soon {
					late[i]++
				}
			}
			t.Logf("away %t: %d of %d late, the last took %v; %d packets", away, late[i], len(took), took[len(took)-1], sent)
		})
	}
	if late[0] < 5 || late[1] > 0 {
		t.Errorf("%d appends are late with all peers, %d with one away", late[0], late[1])
	}
	if packets[1] < packets[0]+100 {
		t.Errorf("%d packets with all peers, %d with one away", packets[0], packets[1])
	}
}

// TestBubbleEchoesEnd: when nothing was lost for long, nothing is sent twice.
func TestBubbleEchoesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, withRepair(fec.ModeAuto)), w.node(2, withRepair(fec.ModeAuto))
		w.connect(a, b)
		a.net.SetPeers([]transport.Peer{a.peer(), b.peer(), {ID: 3, Address: simAddr(3).String()}})
		link := a.net.peers[2].link.Load()
		appends := func(perSecond int, d time.Duration) {
			b.rec.change(func() { clear(b.rec.frames); clear(b.rec.when) })
			latencies(t, a, b, perSecond, d)
		}
		appends(20, 10*time.Second)
		if link.bundles() {
			t.Error("bundles before anything was lost")
		}
		w.sim.lose(0.03)
		appends(100, 20*time.Second)
		if !link.bundles() {
			t.Errorf("no bundles: %+v", a.net.Links()[0])
		}
		w.sim.lose(0)
		appends(100, time.Minute)
		before := a.net.Links()[0].SentPackets
		appends(20, 10*time.Second)
		if sent := a.net.Links()[0].SentPackets - before; link.bundles() || sent > 350 {
			t.Errorf("200 appends are %d packets, in bundles: %t", sent, link.bundles())
		}
	})
}

// TestBubbleABatchIsSentAgain: appends that follow one right behind the other, in bundles of their
// own, fall together in a burst. With a peer away all of them come as soon as it is over, not the
// last of them alone.
func TestBubbleABatchIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			batches, appends = 200, 10
			bursts           = 20 // one in so many batches meets one
			apart            = 300 * time.Microsecond
			burst            = 12 * time.Millisecond
			soon             = simLatency + 20*time.Millisecond
		)
		w := newSimWorld(t)
		a, b := w.node(1, withRepair(fec.ModeOn)), w.node(2, withRepair(fec.ModeOn))
		w.connect(a, b)
		peers := []transport.Peer{a.peer(), b.peer(), {ID: 3, Address: simAddr(3).String()}}
		a.net.SetPeers(peers)
		b.net.SetPeers(peers)
		var until, fell atomic.Int64 // when the burst is over, by UnixNano
		w.sim.setLook(func(p simnet.Packet, from raft.NodeID) (drop bool) {
			if from == 1 && fec.Protected(p.Data) && time.Now().UnixNano() < until.Load() {
				fell.Add(1)
				return true
			}
			return fec.Ours(p.Data)
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
			time.Sleep(100 * time.Millisecond) // virtual
		}
		got := b.rec.untilFrames(t, 1, len(sent))
		for i, f := range got {
			term := int(f.Payload.(raft.Append).Term)
			if took := b.rec.when[1][i].Sub(sent[term-1]); took > soon {
				t.Errorf("append %d took %v", term, took)
			}
		}
		if n := fell.Load(); n < batches/bursts*appends {
			t.Errorf("%d packets fell: the test shows nothing", n)
		}
	})
}

// TestEchoesBringEveryBundleOnce: of bundles that follow one right behind the other those are sent
// again that bring all of them, and no more; not those that are old or that take too many bytes.
func TestEchoesBringEveryBundleOnce(t *testing.T) {
	began := time.Now()
	send := func(repeats []uint64, bytes []int, gap time.Duration) (numbers []uint64) {
		var e echoes
		for i := range repeats {
			b := sentBundle{first: uint64(i) - repeats[i], number: uint64(i), at: began.Add(time.Duration(i) * gap), bytes: make([]byte, bytes[i])}
			e.add(b, 35*time.Millisecond)
		}
		for _, b := range e.last {
			numbers = append(numbers, b.number)
		}
		return numbers
	}
	for _, c := range []struct {
		what    string
		repeats []uint64
		bytes   []int
		gap     time.Duration
		want    []uint64
	}{
		{"each repeats two", []uint64{0, 1, 2, 2, 2, 2, 2, 2}, []int{200, 400, 600, 600, 600, 600, 600, 600}, time.Millisecond, []uint64{2, 5, 7}},
		{"none repeats any", []uint64{0, 0, 0}, []int{900, 900, 900}, time.Millisecond, []uint64{0, 1, 2}},
		{"one that is large among them", []uint64{0, 1, 0, 0, 1}, []int{200, 400, 900, 200, 400}, time.Millisecond, []uint64{1, 2, 4}},
		{"too many bytes", []uint64{0, 0, 0}, []int{900, 2500, 1000}, time.Millisecond, []uint64{1, 2}},
		{"old ones", []uint64{0, 0, 0}, []int{900, 900, 900}, 20 * time.Millisecond, []uint64{1, 2}},
	} {
		if got := send(c.repeats, c.bytes, c.gap); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are sent again, want %v", c.what, got, c.want)
		}
	}
}
