package quic

import (
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
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

// hedge is a socket to an address that refuses whoever is not let in, the counterpart of the
// peer alone, as a translator of addresses does.
type hedge struct {
	net.Conn // nil
	probes   *atomic.Int64
	refusals chan struct{}
	once     sync.Once
	closed   chan struct{}
	deadline time.Time
}

func newHedge(probes *atomic.Int64) *hedge {
	return &hedge{probes: probes, refusals: make(chan struct{}, 64), closed: make(chan struct{})}
}

func (h *hedge) Write(b []byte) (int, error) {
	h.probes.Add(1)
	select {
	case h.refusals <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (h *hedge) Read([]byte) (int, error) {
	timer := time.NewTimer(time.Until(h.deadline))
	defer timer.Stop()
	select {
	case <-h.refusals:
		return 0, syscall.ECONNREFUSED
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	case <-h.closed:
		return 0, net.ErrClosed
	}
}

func (h *hedge) SetReadDeadline(at time.Time) error {
	h.deadline = at
	return nil
}

func (h *hedge) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// TestBubbleAHedgeIsNotBelieved: an address that refuses probes while the peer is heard from
// there says nothing of the peer's end, and is left alone soon.
func TestBubbleAHedgeIsNotBelieved(t *testing.T) {
	for _, pause := range []time.Duration{20 * time.Millisecond, 400 * time.Millisecond} {
		t.Run(pause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				var probes atomic.Int64
				a, b := w.node(1, func(c *Config) {
					c.Probe = func(net.Addr) (net.Conn, error) { return newHedge(&probes), nil }
					c.ProbeInterval = 50 * time.Millisecond
				}), w.node(2, nil)
				w.connect(a, b)
				talk := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(pause) {
						b.send(a, raft.Heartbeat{Term: 1})
					}
				}
				talk(2 * time.Second)
				asked := probes.Load()
				talk(time.Minute)
				if n := probes.Load(); asked == 0 || n != asked {
					t.Errorf("%d probes in two seconds, then %d", asked, n-asked)
				}
				a.rec.mu.Lock()
				defer a.rec.mu.Unlock()
				if slices.Contains(a.rec.story, "boot 1 of n2 gone") {
					t.Errorf("%q", a.rec.story)
				}
			})
		})
	}
}

// TestDoubt: an end that is real is told, at the latest a second after what was heard last.
func TestDoubt(t *testing.T) {
	at := time.Now()
	in := func(d time.Duration) time.Time { return at.Add(d) }
	d := doubt{began: at}
	if d.heard(in(time.Minute)); !d.refused(in(time.Hour)) {
		t.Error("the first refusal of an address that took probes for an hour is not believed")
	}
	if d.heard(in(time.Hour + time.Millisecond)) {
		t.Error("what was on its way when the process ended shows that the address lies")
	}
	if d.refused(in(time.Hour+refusalAge)) || !d.refused(in(time.Hour+2*refusalAge)) {
		t.Error("a refusal a second behind what was heard is not believed, or one before that is")
	}
	d = doubt{began: at}
	if d.refused(in(time.Millisecond)) || !d.refused(in(2*time.Millisecond)) {
		t.Error("of a peer that ends at once the second refusal is not believed, or the first is")
	}
	if d.heard(in(time.Second)) || !d.heard(in(2*time.Second)) {
		t.Error("a peer that is heard two seconds after a refusal ended, or one that is heard within a second did not")
	}
}
