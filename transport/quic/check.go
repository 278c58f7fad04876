package quic

import (
	"encoding/binary"
	"errors"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/transport/wire"
)

// Checks of a path. QUIC finds the largest packet that a path carries when a connection
// begins (RFC 8899) and never looks again; quic-go does not detect black holes. When a
// route changes to one that drops large packets without a word, acknowledgements and
// other small packets keep the connection alive while nothing large arrives any more:
// heartbeats pass and appends do not, for ever.
//
// So a datagram as large as the connection's packets is sent now and then, and the peer
// answers it with a small one. When the answers stay out while packets of the peer
// arrive, the connection is ended, and the next one begins with the smallest packets
// QUIC may have. A connection that loses nothing and carries little is not checked.

const (
	// featureChecks is the bit of a hello by which a node says that it answers checks.
	featureChecks = 1 << 2
	// checkMark and answerMark are the first bytes of such datagrams, where others have
	// that of a frame's length, 0. A number follows, in a check besides zeros.
	checkMark  = 0x11
	answerMark = 0x12
	// checkBytes is what a connection sends without a check though it loses nothing.
	checkBytes = 32 << 10
	// packetBytesMin is the size of packets that a connection begins with, the least
	// that QUIC allows (RFC 9000 §14).
	packetBytesMin = 1200
)

// pathCheck decides when to check a path, and when it is over. It has no clock: it is
// asked at regular intervals.
type pathCheck struct {
	missesMax  int
	sent, lost uint64 // by the connection, when it was known last that the path is whole
	received   uint64 // when it was asked last
	number     uint64 // of the last check
	first      uint64 // the first one that nothing was heard of; 0: none waits
	misses     int    // intervals since then in which packets of the peer arrived
}

// newPathCheck returns one for a connection that is asked once per keep-alive interval.
//
// Why so many misses: over a path that is cut one way only, the peer sends on until its
// idle timeout, which begins with its last sign of life. That is no black hole.
func newPathCheck(idle, interval time.Duration) *pathCheck {
	return &pathCheck{missesMax: int((idle+interval-1)/interval) + 3}
}

// tick takes in what the connection did and the number of the last check that was
// answered. number is that of a check to send, or 0; over says that nothing large
// arrives any more.
func (c *pathCheck) tick(now quicgo.ConnectionStats, answered uint64) (number uint64, over bool) {
	heard := now.PacketsReceived != c.received
	c.received = now.PacketsReceived
	switch {
	case c.first > 0 && answered >= c.first:
		c.sent, c.lost, c.first, c.misses = now.BytesSent, now.PacketsLost, 0, 0
		return 0, false
	case c.first > 0:
		if heard {
			c.misses++
		}
	case now.BytesSent-c.sent < checkBytes && now.PacketsLost == c.lost:
		return 0, false
	}
	c.number++
	if c.first == 0 {
		c.first = c.number
	}
	return c.number, c.misses >= c.missesMax
}

// checkPath checks the path until the connection ends.
func (l *link) checkPath() {
	cfg := &l.p.n.cfg
	if l.hello.Features&featureChecks == 0 || !l.conn.ConnectionState().SupportsDatagrams.Remote {
		return
	}
	ticker := time.NewTicker(cfg.KeepAlive)
	defer ticker.Stop()
	check := newPathCheck(cfg.IdleTimeout, cfg.KeepAlive)
	for {
		select {
		case <-ticker.C:
		case <-l.conn.Context().Done():
			return
		}
		number, over := check.tick(l.conn.ConnectionStats(), l.answered.Load())
		if over {
			l.p.narrowed.Add(1)
			cfg.Logger.Warn("the path to a peer carries no large packets any more, the connection is made anew",
				"node", cfg.Node, "peer", l.p.id, "address", l.conn.RemoteAddr().String(), "bytes", l.largest(), "unanswered", check.misses)
			_ = l.conn.CloseWithError(codeNarrow, "large packets do not arrive")
			return
		}
		if number > 0 {
			l.ask.Store(number)
			signal(l.beats.wake)
		}
	}
}

// tooLarge is a datagram that fits into no packet.
var tooLarge [1 << 11]byte

// largest is the size of the largest datagram that the connection would send now.
func (l *link) largest() int {
	var large *quicgo.DatagramTooLargeError
	if errors.As(l.conn.SendDatagram(tooLarge[:]), &large) {
		return int(large.MaxDatagramPayloadSize)
	}
	return 0
}

// writeChecks sends the check and the answer that are due. An error is a lost packet:
// the connection ended, or its packets have just become smaller.
//
// Why by the writer of heartbeats: SendDatagram blocks while nothing gets through, which
// must not keep checkPath from noticing.
func (l *link) writeChecks() {
	if number := l.answer.Swap(0); number > 0 {
		_ = l.conn.SendDatagram(binary.AppendUvarint([]byte{answerMark}, number))
	}
	if number := l.ask.Swap(0); number > 0 {
		check := binary.AppendUvarint([]byte{checkMark}, number)
		_ = l.conn.SendDatagram(append(check, make([]byte, max(0, l.largest()-len(check)))...))
	}
}

// readCheck takes in a datagram if it is a check or an answer.
func (l *link) readCheck(packet []byte) (is bool, err error) {
	if len(packet) == 0 || packet[0] != checkMark && packet[0] != answerMark {
		return false, nil
	}
	number, n := binary.Uvarint(packet[1:])
	if n <= 0 || number == 0 {
		return true, refuse(ReasonMalformed, "quic: %w: a check without a number", wire.ErrMalformed)
	}
	if packet[0] == answerMark {
		l.answered.Store(max(number, l.answered.Load())) // of this one reader
		return true, nil
	}
	l.answer.Store(number)
	signal(l.beats.wake)
	return true, nil
}
