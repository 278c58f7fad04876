package quic

import (
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport/wire"
)

// probing makes nodes on loopback probe each other. The peers in these tests are
// silent for longer than the interval, so that there is a probe for each.
func probing(c *Config) {
	c.Probe, c.ProbeInterval = ProbeUDP, 2*time.Millisecond
	c.IdleTimeout = patience // Why: only a probe may find out
	c.KeepAlive = time.Second
}

func TestAKilledProcessIsGone(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.node(1, probing), w.node(2, probing), w.node(3, probing)
	w.connect(a, b, c)
	at := b.crash()
	a.rec.untilTold(t, "boot 1 of n2 gone", 1)
	c.rec.untilTold(t, "boot 1 of n2 gone", 1)
	b.start(at)
	b.list(a, b, c)
	a.rec.untilTold(t, "up n2", 2)
	b.crash()
	a.rec.untilTold(t, "boot 2 of n2 gone", 1)
	for _, n := range []*node{a, c} {
		n.rec.mu.Lock()
		if slices.Contains(n.rec.story, "boot 1 of n1 gone") || slices.Contains(n.rec.story, "boot 1 of n3 gone") {
			t.Errorf("of %v: %q", n.id, n.rec.story)
		}
		n.rec.mu.Unlock()
	}
}

// muteConn is a socket whose process can be stopped: packets are taken and not
// answered.
type muteConn struct {
	net.PacketConn
	mute atomic.Bool
}

func (m *muteConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := m.PacketConn.ReadFrom(p)
		if err != nil || !m.mute.Load() {
			return n, from, err
		}
	}
}

func (m *muteConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if m.mute.Load() {
		return len(p), nil
	}
	return m.PacketConn.WriteTo(p, to)
}

func TestASilentProcessIsNotGone(t *testing.T) {
	w := newWorld(t)
	short := func(c *Config) {
		probing(c)
		c.IdleTimeout, c.KeepAlive = 300*time.Millisecond, 100*time.Millisecond
	}
	var mute *muteConn
	a, b := w.node(1, short), w.node(2, func(c *Config) {
		short(c)
		mute = &muteConn{PacketConn: c.Conn}
		c.Conn = mute
	})
	w.connect(a, b)
	mute.mute.Store(true)
	a.rec.untilDown(t, 2) // by the idle timeout, after many probes
	mute.mute.Store(false)
	a.rec.untilTold(t, "up n2", 2)
	a.rec.mu.Lock()
	defer a.rec.mu.Unlock()
	if slices.Contains(a.rec.story, "boot 1 of n2 gone") {
		t.Errorf("%q", a.rec.story)
	}
}

// TestWhoEndsSaysSo: without probes.
func TestWhoEndsSaysSo(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.node(1, nil), w.node(2, nil), w.node(3, nil)
	w.connect(a, b, c)
	c.list(b, c) // it drops a link, and lives on
	a.rec.untilDown(t, 3)
	if err := b.net.Close(); err != nil {
		t.Fatal(err)
	}
	a.rec.untilTold(t, "boot 1 of n2 gone", 1)
	c.rec.untilTold(t, "boot 1 of n2 gone", 1)
	a.rec.untilDown(t, 2)
	a.rec.mu.Lock()
	defer a.rec.mu.Unlock()
	if slices.Contains(a.rec.story, "boot 1 of n3 gone") {
		t.Errorf("%q", a.rec.story)
	}
}

func TestAnEndIsNoRefusal(t *testing.T) {
	ends := &quicgo.ApplicationError{Remote: true, ErrorCode: codeEnds}
	if reason, ok := reasonOf(ends); ok || !saidEnd(ends) {
		t.Errorf("counted as %q", reason)
	}
	own := &quicgo.ApplicationError{ErrorCode: codeEnds}
	if saidEnd(own) || saidEnd(&quicgo.ApplicationError{Remote: true, ErrorCode: codeShutdown}) || saidEnd(nil) {
		t.Error("what is no word of the peer's end was taken for it")
	}
}

func TestLivesAreOrderedByOneNumber(t *testing.T) {
	before := uint64(0)
	for _, h := range []struct{ incarnation, boot uint64 }{{1, 1}, {1, 2}, {1, 1 << 50}, {2, 1}, {2, 7}, {3, 0}} {
		if now := bootNumber(helloOf(h.incarnation, h.boot)); now <= before {
			t.Errorf("%+v: %d, the life before %d", h, now, before)
		} else {
			before = now
		}
	}
}

func helloOf(incarnation, boot uint64) wire.Hello {
	return wire.Hello{Incarnation: raft.Incarnation(incarnation), Boot: boot}
}
