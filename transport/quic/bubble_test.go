package quic

import (
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// These tests run in virtual time over a simulated network. A goroutine that
// Close leaves behind fails them: a bubble must end empty.

func TestBubbleEveryKindArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		nodes := []*node{w.node(1, nil), w.node(2, nil), w.node(3, nil)}
		w.connect(nodes...)
		for _, from := range nodes {
			for _, p := range payloads() {
				from.send(nodes[from.id%3], p)
			}
		}
		for _, from := range nodes {
			nodes[from.id%3].rec.untilFrames(t, from.id, len(payloads()))
		}
		for _, n := range nodes {
			if c := n.net.Counters(); len(c) != 0 {
				t.Errorf("%v counted %v", n.id, c)
			}
		}
		if l := nodes[0].net.Links()[0]; l.RTT < 2*simLatency || l.RTT > 3*simLatency {
			t.Errorf("the RTT over %s each way is %s", simLatency, l.RTT)
		}
	})
}

func TestBubblePartitionIsNoticedAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b, c := w.node(1, nil), w.node(2, nil), w.node(3, nil)
		w.connect(a, b, c)
		cut := time.Now()
		// One direction is enough: nothing is acknowledged any more.
		w.sim.setDrop(func(from, to raft.NodeID) bool { return from == 1 && to == 2 })
		a.rec.untilDown(t, 2)
		b.rec.untilDown(t, 1)
		if noticed := time.Since(cut); noticed > 2*idleTimeoutDefault {
			t.Errorf("noticed after %s, the idle timeout is %s", noticed, idleTimeoutDefault)
		}
		if err := a.net.Send(2, transport.Frame{Payload: raft.Heartbeat{}}); !errors.Is(err, transport.ErrNotConnected) {
			t.Errorf("send over a fallen link: %v", err)
		}
		time.Sleep(time.Minute)
		w.sim.setDrop(nil)
		healed := time.Now()
		a.rec.untilUp(t, 2)
		b.rec.untilUp(t, 1)
		if back := time.Since(healed); back > handshakeTimeoutDefault+2*backoffMaxDefault {
			t.Errorf("back after %s", back)
		}
		for _, n := range []*node{a, b, c} {
			if slices.Contains(n.rec.story, "down n3") {
				t.Errorf("a whole link fell: %q", n.rec.story)
			}
		}
	})
}

func TestBubbleIdleConnectionStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, nil), w.node(2, nil)
		w.connect(a, b)
		time.Sleep(10 * time.Minute)
		a.send(b, raft.Vote{Term: 1})
		b.rec.untilFrames(t, 1, 1)
		if len(a.rec.story) != 1 || len(b.rec.story) != 1 {
			t.Errorf("without traffic: %q, %q", a.rec.story, b.rec.story)
		}
	})
}

func TestBubbleCrashAndRestart(t *testing.T) {
	for _, id := range []raft.NodeID{1, 2} {
		t.Run(id.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				nodes := map[raft.NodeID]*node{1: w.node(1, nil), 2: w.node(2, nil)}
				w.connect(nodes[1], nodes[2])
				crashed, other := nodes[id], nodes[3-id]
				stop := other.beat(crashed)
				defer stop()
				at := crashed.crash()
				time.Sleep(50 * time.Millisecond)
				crashed.start(at)
				crashed.list(nodes[1], nodes[2])
				began := time.Now()
				other.rec.untilTold(t, "up "+id.String(), 2)
				crashed.rec.untilFrames(t, other.id, 1)
				if took := time.Since(began); took > idleTimeoutDefault/2 {
					t.Errorf("back after %s, too close to the idle timeout, %s", took, idleTimeoutDefault)
				}
			})
		})
	}
}

// A node that starts late must not be waited for, with or without an attempt to
// dial it under way.
func TestBubbleLateNodeIsDialledAtOnce(t *testing.T) {
	for _, late := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 900 * time.Millisecond, 2100 * time.Millisecond, time.Minute} {
		t.Run(late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				a := w.node(1, nil)
				a.net.SetPeers([]transport.Peer{{ID: 2, Address: simAddr(2).String()}})
				time.Sleep(late)
				b := w.node(2, nil)
				b.list(a)
				began := time.Now()
				a.rec.untilUp(t, 2)
				b.rec.untilUp(t, 1)
				// A knock takes one and a half round trips, the grace two, a dial two.
				if took := time.Since(began); took > 11*simLatency+2*knockGrace {
					t.Errorf("up after %s", took)
				}
				time.Sleep(time.Minute)
				if len(a.rec.story) != 1 || len(b.rec.story) != 1 {
					t.Errorf("it did not stay so: %q, %q", a.rec.story, b.rec.story)
				}
				if ca, cb := a.net.Counters(), b.net.Counters(); len(ca)+len(cb) != 0 {
					t.Errorf("counted %v, %v", ca, cb)
				}
			})
		})
	}
}

// A node that restarts with a new key cannot reset its old connections; its knock
// must do, even without traffic.
func TestBubbleKnockEndsTheFormerLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		slow := func(c *Config) { c.IdleTimeout, c.KeepAlive = time.Hour, 20*time.Minute }
		a, b := w.node(1, slow), w.node(2, slow)
		w.connect(a, b)
		at := b.crash()
		b.cert = w.identity(2)
		b.start(at)
		b.list(a)
		began := time.Now()
		b.rec.untilUp(t, 1)
		a.rec.untilTold(t, "up n2", 2)
		if took := time.Since(began); took > 20*simLatency {
			t.Errorf("back after %s", took)
		}
	})
}

// Heartbeats must pass by a large append, votes too.
func TestBubbleLargeAppendDoesNotDelayControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, nil), w.node(2, nil)
		w.connect(a, b)
		data := noise(6 << 20)
		a.send(b, raft.Append{Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: data}}})
		a.send(b, transport.Forward{ID: 1, Body: data})
		time.Sleep(simLatency) // the first packets are out
		sent := time.Now()
		a.send(b, raft.Heartbeat{Term: 1})
		a.send(b, raft.Vote{Term: 2})
		got := b.rec.untilFrames(t, 1, 2)
		for i := range 2 {
			if class := transport.ClassOf(got[i].Payload); class != transport.ClassControl {
				t.Fatalf("frame %d is of class %v: the test shows nothing", i, class)
			}
			if took := b.rec.when[1][i].Sub(sent); took > 5*simLatency/2 {
				t.Errorf("%T took %s over a path of %s", got[i].Payload, took, simLatency)
			}
		}
		b.rec.untilFrames(t, 1, 4)
		if took := time.Since(sent); took < 5*simLatency {
			t.Errorf("the large frames took only %s: the test shows nothing", took)
		}
	})
}

func TestBubbleQueuesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a := w.node(1, func(c *Config) { c.QueueBytesMax, c.QueueFramesMax = 1<<20, 100 })
		b := w.node(2, nil)
		w.connect(a, b)
		w.sim.setDrop(func(raft.NodeID, raft.NodeID) bool { return true })
		entry := raft.Append{Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: noise(64 << 10)}}}
		sent := 0
		var err error
		for ; err == nil && sent < 1000; sent++ {
			err = a.net.Send(2, transport.Frame{Group: 1, Payload: entry})
		}
		if !errors.Is(err, transport.ErrQueueFull) || sent > 20 {
			t.Errorf("after %d appends of 64 KiB: %v", sent, err)
		}
		if err := a.net.Send(2, transport.Frame{Group: 2, Payload: entry}); err != nil {
			t.Errorf("a group of another lane: %v", err)
		}
		for err, sent = nil, 0; err == nil && sent < 1000; sent++ {
			err = a.net.Send(2, transport.Frame{Group: 1, Payload: transport.Forward{ID: uint64(sent)}})
		}
		if !errors.Is(err, transport.ErrQueueFull) || sent > 300 {
			t.Errorf("after %d forwards: %v", sent, err)
		}
		for term := range raft.Term(1000) {
			a.send(b, raft.Vote{Term: term})
			a.send(b, raft.Heartbeat{Term: term})
		}
		if dropped := a.net.Links()[0].Dropped; dropped < 1000 {
			t.Errorf("%d frames dropped", dropped)
		}
	})
}

func TestBubbleFilesKeepTheirRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, nil), w.node(2, func(c *Config) { c.FileBytesPerSecond = 1 << 20 })
		w.connect(a, b)
		b.rec.hold("f", noise(10<<20))
		began := time.Now()
		r, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if took := time.Since(began); err != nil || n != 10<<20 || took < 9*time.Second || took > 11*time.Second {
			t.Errorf("%d bytes at 1 MiB/s took %s, %v", n, took, err)
		}
		_ = r.Close()
	})
}

// A file that nobody reads must not be served for ever, one that nobody sends not
// be waited for.
func TestBubbleStalledFilesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, nil), w.node(2, func(c *Config) { c.ServesMax = 1 })
		w.connect(a, b)
		b.rec.hold("f", noise(20<<20))
		r, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * stallTimeoutDefault)
		if r, _, err := a.net.OpenFile(t.Context(), 2, "f", 20<<20); err != nil {
			t.Errorf("the stalled transfer still holds its place: %v", err)
		} else {
			_ = r.Close()
		}
		if n, err := io.Copy(io.Discard, r); err == nil {
			t.Errorf("a transfer that was given up looks complete after %d bytes", n)
		}
		_ = r.Close()
	})
}

func TestBubbleLossySimnet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		a, b := w.node(1, nil), w.node(2, nil)
		w.connect(a, b)
		var packets atomic.Int64
		w.sim.setDrop(func(raft.NodeID, raft.NodeID) bool { return packets.Add(1)%10 == 0 })
		const votes = 300
		for i := range votes {
			a.send(b, raft.Vote{Term: raft.Term(i)})
			time.Sleep(5 * time.Millisecond)
		}
		for i, f := range b.rec.untilFrames(t, 1, votes) {
			if f.Payload.(raft.Vote).Term != raft.Term(i) {
				t.Fatalf("frame %d is %+v", i, f)
			}
		}
		if l := a.net.Links()[0]; l.LostPackets == 0 {
			t.Errorf("no loss was noticed: %+v", l)
		}
	})
}
