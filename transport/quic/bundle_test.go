package quic

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport/fec"
	"github.com/wraft/wraft/transport/wire"
)

// numbered is an append that can be told from others by its term.
func numbered(term int, data []byte) raft.Append {
	return raft.Append{Term: raft.Term(term), Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: data}}}
}

// TestBubbleBundlesKeepTheirOrder: whatever is lost, each append is delivered once, in
// order and whole, small and large ones mixed.
func TestBubbleBundlesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, withRepair(fec.ModeOn)), w.node(2, withRepair(fec.ModeOn))
		w.connect(a, b)
		w.sim.lose(0.05)
		chance := rand.New(rand.NewPCG(7, 7))
		const count = 2000
		sizes := make([]int, count)
		for i := range count {
			switch sizes[i] = 1 + chance.IntN(400); {
			case i%400 == 399:
				sizes[i] = 3 * bundleBytesMin
			case i%50 == 49:
				sizes[i] = 1 + chance.IntN(8<<10)
			}
			a.send(b, numbered(i+1, noise(sizes[i])))
			if chance.IntN(3) > 0 {
				time.Sleep(time.Duration(chance.IntN(5)) * time.Millisecond)
			}
		}
		got := b.rec.untilFrames(t, 1, count)
		time.Sleep(10 * time.Second) // virtual: for what may come twice
		if got = b.rec.untilFrames(t, 1, count); len(got) != count {
			t.Fatalf("%d frames of %d", len(got), count)
		}
		for i, f := range got {
			p := f.Payload.(raft.Append)
			if int(p.Term) != i+1 || !bytes.Equal(p.Entries[0].Data, noise(sizes[i])) {
				t.Fatalf("frame %d is append %d of %d bytes", i, p.Term, len(p.Entries[0].Data))
			}
		}
		if !a.net.peers[2].link.Load().bundles() || a.net.Links()[0].PathLostPackets == 0 {
			t.Error("nothing went in bundles, or nothing was lost")
		}
	})
}

// TestBubbleTheNextBundleBringsTheLast: parity never arrives, and yet an append whose
// packet is lost comes with the next one instead of a round trip later.
func TestBubbleTheNextBundleBringsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, withRepair(fec.ModeOn)), w.node(2, withRepair(fec.ModeOn))
		w.connect(a, b)
		var packets atomic.Int64 // of node 1
		w.sim.setLook(func(p simnet.Packet, from raft.NodeID) (drop bool) {
			return fec.Ours(p.Data) || from == 1 && packets.Add(1)%100 == 0
		})
		const gap = time.Second / 110
		took := latencies(t, a, b, 110, 20*time.Second)
		if n := packets.Load(); n < 2000 {
			t.Fatalf("%d packets: hardly any was lost", n)
		}
		if last := took[len(took)-1]; last > simLatency+gap+time.Millisecond {
			t.Errorf("an append took %v over a path of %v, with one more every %v", last, simLatency, gap)
		}
		if at := len(took) * 98 / 100; took[at] > simLatency+time.Millisecond {
			t.Errorf("two in a hundred took %v over a path of %v: what comes after a lost packet waits", took[at], simLatency)
		}
	})
}

// TestBundlesAreDeliveredOnce: by whichever stream comes first.
func TestBundlesAreDeliveredOnce(t *testing.T) {
	var a arrivals
	enter := func(first uint64) uint64 {
		t.Helper()
		from, err := a.enter(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		return from
	}
	if from := enter(0); from != 0 { // bundle 1, which repeats 0
		t.Fatalf("the first delivers from %d", from)
	}
	a.leave(2)
	if from := enter(0); from != 2 { // bundle 0, late: nothing of it is new
		t.Errorf("a late one delivers from %d, want 2", from)
	}
	a.leave(2)
	through := make(chan uint64)
	go func() { through <- enter(3) }() // bundle 5, which repeats 3 and 4: 2 is missing
	if from := enter(2); from != 2 {
		t.Errorf("the missing one delivers from %d", from)
	}
	select {
	case from := <-through:
		t.Errorf("two at once: the other delivers from %d", from)
	default:
	}
	a.leave(3)
	if from := <-through; from != 3 {
		t.Errorf("the waiting one delivers from %d, want 3", from)
	}
	a.leave(6)
}

// TestBundlesOfStrangeShape: what no node writes ends in an error, whatever it is cut to.
func TestBundlesOfStrangeShape(t *testing.T) {
	numbers := func(values ...uint64) (b []byte) {
		for _, v := range values {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	head := func(b []byte) (bundleHead, error) { return readBundleHead(bufio.NewReader(bytes.NewReader(b))) }
	good := append(numbers(1, 9, 2, 3), "abc"...)
	good = append(append(good, numbers(2)...), "de"...)
	good = append(good, numbers(7)...)
	h, err := head(good)
	if err != nil || h.lane != 1 || h.number != 9 || len(h.repeats) != 2 || string(h.repeats[1]) != "de" || h.bytes != 7 {
		t.Fatalf("%+v, %v", h, err)
	}
	for n := range good {
		if _, err := head(good[:n]); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for name, b := range map[string][]byte{
		"no such lane":             numbers(lanesMax, 9, 0, 1),
		"more repeats than before": numbers(0, 1, 2, 0, 0, 1),
		"too many repeats":         numbers(0, 9, repeatsMax+1, 0, 0, 0, 1),
		"a long repeat":            append(numbers(0, 9, 1, repeatsBytes+1), make([]byte, repeatsBytes+2)...),
		"too long":                 numbers(0, 9, 0, 1<<40),
		"a number without end":     bytes.Repeat([]byte{0xff}, 20),
	} {
		if _, err := head(b); err == nil {
			t.Errorf("%s: passes", name)
		}
	}
}

// TestBubbleStrangeBundlesEndTheConnection and nothing else.
func TestBubbleStrangeBundlesEndTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"head":  {bundleMark, lanesMax, 0, 0, 0},
		"frame": {bundleMark, 0, 0, 0, 3, 1, 2, 3},
		"cut":   {bundleMark, 0, 0, 0, 200, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newSimWorld(t)
			x, y := w.node(1, nil), w.node(2, nil)
			w.connect(x, y)
			stream, err := x.net.peers[2].link.Load().conn.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Write(b); err != nil {
				t.Fatal(err)
			}
			_ = stream.Close()
			y.untilCounted(ReasonMalformed, 1)
			y.rec.untilTold(t, "up n1", 2)
			t.Log(name)
		})
	}
}
