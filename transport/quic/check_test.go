package quic

import (
	"errors"
	"net"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// checked plays ticks of a pathCheck: what the connection did since the tick before, and
// which check was answered meanwhile.
type checked struct {
	sent, lost, received uint64
	answered             uint64
	number               uint64 // wanted
	over                 bool   // wanted
}

func TestPathChecks(t *testing.T) {
	stuck := func(ticks int) (rows []checked) {
		for i := range ticks {
			rows = append(rows, checked{sent: 2000, received: 1, number: uint64(i + 2)})
		}
		return rows
	}
	for name, rows := range map[string][]checked{
		"an idle link":        {{sent: 500, received: 1}, {sent: 500, received: 1}, {}},
		"one that works":      {{sent: checkBytes, number: 1}, {sent: 10, answered: 1}, {sent: checkBytes, number: 2}, {answered: 2}, {sent: 10}},
		"a loss":              {{sent: 10, lost: 1, number: 1}, {answered: 1}, {}, {lost: 1, number: 2}},
		"a late answer":       {{lost: 1, number: 1}, {received: 1, number: 2}, {received: 1, number: 3}, {answered: 2, received: 1}, {received: 1}},
		"an old answer":       {{lost: 1, number: 1}, {answered: 1}, {lost: 1, number: 2}, {answered: 1, received: 1, number: 3}},
		"nothing large":       append(append([]checked{{lost: 1, number: 1}}, stuck(5)...), checked{sent: 10, received: 1, number: 7, over: true}),
		"nothing at all":      {{lost: 1, number: 1}, {number: 2}, {number: 3}, {number: 4}, {number: 5}, {number: 6}, {number: 7}, {number: 8}, {number: 9}},
		"cut one way":         append(append([]checked{{lost: 1, number: 1}}, stuck(4)...), checked{number: 6}, checked{number: 7}, checked{number: 8}, checked{number: 9}),
		"answered at the end": append(append([]checked{{lost: 1, number: 1}}, stuck(5)...), checked{received: 1, answered: 6}, checked{received: 1}),
	} {
		check := newPathCheck(3*time.Second, time.Second)
		var all quicgo.ConnectionStats
		var answered uint64
		for i, r := range rows {
			all.BytesSent += r.sent
			all.PacketsLost += r.lost
			all.PacketsReceived += r.received
			answered = max(answered, r.answered)
			if number, over := check.tick(all, answered); number != r.number || over != r.over {
				t.Errorf("%s, tick %d: check %d, over %t; want %d, %t", name, i, number, over, r.number, r.over)
			}
		}
	}
}

func TestChecksAreRead(t *testing.T) {
	for _, row := range []struct {
		packet           []byte
		is, bad          bool
		answer, answered uint64
	}{
		{packet: nil}, {packet: []byte{0, 0}},
		{packet: []byte{checkMark}, is: true, bad: true}, {packet: []byte{answerMark, 0}, is: true, bad: true},
		{packet: []byte{checkMark, 0x80}, is: true, bad: true},
		{packet: []byte{checkMark, 7, 0, 0}, is: true, answer: 7},
		{packet: []byte{answerMark, 0x81, 1}, is: true, answered: 129},
	} {
		l := &link{beats: newBeatQueue(1)}
		is, err := l.readCheck(row.packet)
		if is != row.is || (err != nil) != row.bad || row.bad && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: %t, %v", row.packet, is, err)
		}
		if l.answer.Load() != row.answer || l.answered.Load() != row.answered {
			t.Errorf("%x: to answer %d, answered %d", row.packet, l.answer.Load(), l.answered.Load())
		}
	}
}

// TestWhyALinkIsDown: over real sockets, with the words of a real system.
func TestWhyALinkIsDown(t *testing.T) {
	w := newWorld(t)
	quick := func(c *Config) {
		c.Probe, c.HandshakeTimeout, c.BackoffMax = ProbeUDP, 200*time.Millisecond, 200*time.Millisecond
	}
	mute, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	a, b, c := w.node(2, quick), w.node(3, quick), w.node(5, nil)
	c.list(c) // it is there and does not know the others
	gone := b.crash()
	delete(w.nodes, b.id)
	a.net.SetPeers([]transport.Peer{
		{ID: 1, Address: mute.LocalAddr().String()}, {ID: 3, Address: gone.String()},
		{ID: 4, Address: "no such host:1"}, {ID: 5, Address: c.conn.LocalAddr().String()},
	})
	want := []transport.DownReason{transport.DownSilent, transport.DownAbsent, transport.DownAddress, transport.DownRefused}
	deadline := time.Now().Add(patience)
	for i := 0; i < len(want); {
		if l := a.net.Links()[i]; l.Down == want[i] && !l.Up {
			i++
		} else if time.Now().After(deadline) {
			t.Fatalf("of %v: %q, want %q", l.Peer, l.Down, want[i])
		}
		timer := time.NewTimer(time.Millisecond) // there is no signal to wait for
		<-timer.C
	}
}
