package quic

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// payloads holds one of each kind, an append with much data among them.
func payloads() []transport.Payload {
	return []transport.Payload{
		raft.Append{Term: 2, PrevIndex: 4, Entries: []raft.Entry{{Index: 5, Term: 2, Type: raft.EntryCommand, Data: bytes.Repeat([]byte("x"), 2<<20)}}},
		raft.AppendReply{Term: 2, Match: 5},
		raft.Heartbeat{Term: 2, Commit: 5, Round: 1},
		raft.HeartbeatReply{Term: 2, Round: 1},
		raft.Vote{Term: 3, LastIndex: 5, LastTerm: 2},
		raft.VoteReply{Term: 3, Granted: true},
		raft.PreVote{Term: 3, LastIndex: 5, LastTerm: 2},
		raft.PreVoteReply{Term: 3, Reason: raft.RefusedLog},
		raft.TimeoutNow{Term: 3},
		raft.ReadIndex{Term: 3, ID: 8},
		raft.ReadIndexReply{Term: 3, ID: 8, Index: 5},
		transport.Forward{ID: 1, Op: 2, Body: []byte("incr")},
		transport.ForwardReply{ID: 1, Body: bytes.Repeat([]byte("y"), 1<<20)},
	}
}

func TestEveryKindArrivesEverywhere(t *testing.T) {
	w := newWorld(t)
	nodes := []*node{w.node(1, nil), w.node(2, nil), w.node(3, nil)}
	w.connect(nodes...)
	for _, from := range nodes {
		for _, to := range nodes {
			if from == to {
				continue
			}
			for _, p := range payloads() {
				from.send(to, p)
			}
			got := to.rec.untilFrames(t, from.id, len(payloads()))
			for _, p := range payloads() {
				want := transport.Frame{Group: 1, Payload: p}
				if !slices.ContainsFunc(got, func(f transport.Frame) bool { return reflect.DeepEqual(f, want) }) {
					t.Errorf("%v to %v: no %T as it was sent", from.id, to.id, p)
				}
			}
		}
	}
}

func TestAppendsOfAGroupStayInOrder(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	w.connect(a, b)
	const each = 500
	for i := range each {
		for group := range raft.GroupID(4) {
			err := a.net.Send(2, transport.Frame{Group: group, Payload: raft.AppendReply{Term: 1, Match: raft.Index(i + 1)}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	last := map[raft.GroupID]raft.Index{}
	for _, f := range b.rec.untilFrames(t, 1, 4*each) {
		match := f.Payload.(raft.AppendReply).Match
		if match != last[f.Group]+1 {
			t.Fatalf("group %d: %d came after %d", f.Group, match, last[f.Group])
		}
		last[f.Group] = match
	}
}

func TestSendErrors(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	frame := transport.Frame{Payload: raft.Heartbeat{}}
	if err := a.net.Send(2, frame); !errors.Is(err, transport.ErrUnknownPeer) {
		t.Errorf("before it is listed: %v", err)
	}
	b.list(a)
	if err := b.net.Send(1, frame); !errors.Is(err, transport.ErrNotConnected) {
		t.Errorf("before it is connected: %v", err)
	}
	w.connect(a, b)
	if err := a.net.Send(1, frame); !errors.Is(err, transport.ErrUnknownPeer) {
		t.Errorf("to itself: %v", err)
	}
	if err := a.net.Send(2, transport.Frame{Payload: 7}); !errors.Is(err, wire.ErrUnknownPayload) {
		t.Errorf("a number: %v", err)
	}
	tooLarge := transport.Frame{Payload: transport.Forward{Body: make([]byte, wire.BodyBytesMax)}}
	if err := a.net.Send(2, tooLarge); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	a.close()
	if err := a.net.Send(2, frame); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	b.rec.untilDown(t, 1)
}

func TestPeersComeAndGo(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.node(1, nil), w.node(2, nil), w.node(3, nil)
	w.connect(a, b, c)
	a.list(a, c)
	a.rec.untilDown(t, 2)
	b.rec.untilDown(t, 1)
	if err := a.net.Send(2, transport.Frame{Payload: raft.Heartbeat{}}); !errors.Is(err, transport.ErrUnknownPeer) {
		t.Errorf("to a removed peer: %v", err)
	}
	a.list(a, b, c)
	a.rec.untilUp(t, 2)
	b.rec.untilUp(t, 1)
	a.rec.mu.Lock()
	defer a.rec.mu.Unlock()
	if slices.Contains(a.rec.story, "down n3") {
		t.Errorf("a peer that stayed was disconnected: %q", a.rec.story)
	}
}

func TestNewAddressIsTriedAtOnce(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, func(c *Config) { c.BackoffMin, c.BackoffMax = time.Hour, time.Hour }), w.node(2, nil)
	b.list(a, b)
	nobody := w.listen(98, nil)
	defer func() { _ = nobody.Close() }()
	a.net.SetPeers([]transport.Peer{{ID: 2, Address: "not an address"}})
	a.net.SetPeers([]transport.Peer{{ID: 2, Address: nobody.LocalAddr().String()}})
	a.list(a, b)
	a.rec.untilUp(t, 2)
}

// A restarted node must be back long before any idle timeout, whichever side dials.
func TestRestartAtTheSameAddress(t *testing.T) {
	for _, id := range []raft.NodeID{1, 2} {
		t.Run(id.String()+" restarts", func(t *testing.T) {
			w := newWorld(t)
			slow := func(c *Config) { c.IdleTimeout, c.KeepAlive = time.Hour, 10*time.Minute }
			nodes := map[raft.NodeID]*node{1: w.node(1, slow), 2: w.node(2, slow)}
			w.connect(nodes[1], nodes[2])
			restarted, other := nodes[id], nodes[3-id]
			before := other.net.Links()[0].Reconnects
			at := restarted.crash()
			restarted.start(at)
			restarted.list(nodes[1], nodes[2])
			// What tells the survivor is the answer to what it sends.
			defer other.beat(restarted)()
			restarted.rec.untilUp(t, other.id)
			other.rec.untilTold(t, "down "+id.String(), 1)
			other.rec.untilTold(t, "up "+id.String(), 2)
			restarted.rec.untilFrames(t, other.id, 1)
			if links := other.net.Links(); links[0].Reconnects != before+1 || !links[0].Up {
				t.Errorf("links %+v", links)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1, nil), w.node(2, nil)
	a.net.SetPeers([]transport.Peer{{ID: 9, Address: "127.0.0.1:1"}, b.peer()})
	b.list(a)
	a.rec.untilUp(t, 2)
	for i := range 100 {
		a.send(b, raft.AppendReply{Match: raft.Index(i)})
	}
	b.rec.untilFrames(t, 1, 100)
	links := a.net.Links()
	if len(links) != 2 || links[0].Peer != 2 || links[1].Peer != 9 {
		t.Fatalf("links %+v", links)
	}
	if l := links[0]; !l.Up || l.RTT <= 0 || l.SentBytes == 0 || l.RecvBytes == 0 || l.SentPackets == 0 {
		t.Errorf("the link that stands: %+v", l)
	}
	if l := links[1]; l.Up || l.SentBytes != 0 {
		t.Errorf("the link that does not: %+v", l)
	}
	sent := links[0].SentBytes
	b.close()
	a.rec.untilDown(t, 2)
	if l := a.net.Links()[0]; l.Up || l.SentBytes < sent {
		t.Errorf("after the link fell: %+v", l)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.node(1, nil), w.node(2, nil), w.node(3, nil)
	w.connect(a, b, c)
	b.rec.hold("f", make([]byte, 8<<20))
	if _, _, err := a.net.OpenFile(t.Context(), 2, "f", 0); err != nil {
		t.Fatal(err)
	}
	a.net.SetPeers(append([]transport.Peer{{ID: 9, Address: "127.0.0.1:1"}}, b.peer(), c.peer()))
	for _, n := range []*node{a, b, c} {
		for _, p := range payloads() {
			_ = n.net.Send(n.id%3+1, transport.Frame{Payload: p})
		}
	}
	for _, n := range []*node{a, b, c} {
		n.close()
		n.close()
	}
	deadline := time.Now().Add(patience)
	for {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		stacks = slices.DeleteFunc(stacks, func(s string) bool {
			return !strings.Contains(s, "quic") || strings.Contains(s, "TestCloseLeavesNothingRunning")
		})
		if len(stacks) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running after Close:\n%s", strings.Join(stacks, "\n\n"))
		}
		runtime.Gosched()
	}
}

func TestConfigIsChecked(t *testing.T) {
	w := newWorld(t)
	good := w.node(1, nil).net.cfg
	if _, err := New(Config{BackoffMin: 2, BackoffMax: 1, Lanes: 9, IdleTimeout: -1}, newRecorder()); err == nil {
		t.Error("an empty configuration was taken")
	} else {
		for _, want := range []string{"node", "conn", "certificate", "trust", "cluster", "backoff", "lanes", "idle timeout"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not among what is wrong: %v", want, err)
			}
		}
	}
	for name, change := range map[string]func(*Config){
		"another node's certificate": func(c *Config) { c.Node = 2 },
		"another cluster":            func(c *Config) { c.Cluster = "c2" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg, newRecorder()); err == nil || !strings.Contains(err.Error(), "own certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
