package quic

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
)

// floodPackets is how many first packets arrive, far more than are trusted.
const floodPackets = 8 * handshakesTrusted

// firstPackets are what so many that dial send first: of connections of their own, and
// nobody will read the answers.
func firstPackets(t *testing.T, count int) [][]byte {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &mute{sent: make(chan []byte), ended: make(chan struct{})}
	tr := &quicgo.Transport{Conn: c}
	defer func() {
		cancel()
		close(c.ended)
		_ = tr.Close()
	}()
	packets := make([][]byte, 0, count)
	for range count {
		dialled, give := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if conn, err := tr.Dial(dialled, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, clientTLS(nil), strangeConfig); err == nil {
				t.Errorf("a handshake without answers succeeded: %v", conn.RemoteAddr())
			}
		}()
		packets = append(packets, <-c.sent)
		give()
		for open := true; open; { // Why: what it sends besides is of no use
			select {
			case <-c.sent:
			case <-done:
				open = false
			}
		}
	}
	return packets
}

// mute is a net.PacketConn that hands over what is sent, and receives nothing.
type mute struct {
	sent  chan []byte
	ended chan struct{}
}

func (m *mute) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case m.sent <- append([]byte(nil), b...):
	case <-m.ended:
	}
	return len(b), nil
}

func (m *mute) ReadFrom([]byte) (int, net.Addr, error) {
	<-m.ended
	return 0, nil, net.ErrClosed
}

func (*mute) Close() error                     { return nil }
func (*mute) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10} }
func (*mute) SetDeadline(time.Time) error      { return nil }
func (*mute) SetReadDeadline(time.Time) error  { return nil }
func (*mute) SetWriteDeadline(time.Time) error { return nil }

// TestFloodFromForgedAddresses: first packets of dialling come from addresses at which
// nobody answers, as if they were forged. A few become handshakes, all others cost one
// answer, which is counted, and a true peer gets in meanwhile.
func TestFloodFromForgedAddresses(t *testing.T) {
	packets := firstPackets(t, floodPackets)
	w := newWorld(t)
	b := w.node(2, func(c *Config) { c.HandshakeTimeout = 2 * patience })
	for _, p := range packets {
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.WriteTo(p, b.conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(patience)
	for b.net.pending.Load() < handshakesTrusted || b.net.Retries() < floodPackets/2 {
		if time.Now().After(deadline) {
			t.Fatalf("%d handshakes are under way and %d were asked for their address", b.net.pending.Load(), b.net.Retries())
		}
		runtime.Gosched()
	}
	if n := b.net.pending.Load(); n > handshakesTrusted {
		t.Errorf("%d handshakes are under way for addresses that nobody proved, want at most %d", n, handshakesTrusted)
	}
	before := b.net.Retries()
	w.connect(w.node(1, nil), b)
	if b.net.Retries() == before {
		t.Error("the true peer did not have to prove its address")
	}
}

// TestHandshakesAreBounded: addresses may be proved and still say nothing more.
func TestHandshakesAreBounded(t *testing.T) {
	w := newWorld(t)
	n := w.node(1, nil)
	n.net.pending.Add(handshakesUnderWay)
	defer n.net.pending.Add(-handshakesUnderWay)
	var own *refusal
	_, err := n.net.watchHandshake(t.Context(), &quicgo.ClientInfo{RemoteAddr: n.conn.LocalAddr()})
	if !errors.As(err, &own) || own.reason != ReasonBusy || n.net.Counters()[ReasonBusy] != 1 {
		t.Errorf("%v; counted %v", err, n.net.Counters())
	}
}
