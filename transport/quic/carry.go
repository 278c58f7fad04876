package quic

import (
	"context"
	"errors"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/transport"
)

// Files travel far on connections of their own, beside the link to the same peer and over
// the same two sockets, so that the repair of the link's losses covers them.
//
// Why: a congestion controller that never sees a file keeps a small window, and one whose
// slow start a loss has ended grows by one packet in a round trip: over a long way it takes
// a minute to fill a fast path. A new connection starts slowly, which is fast, under
// parity that knows the path by then. And a file that meets a full queue does not take the
// window from the appends.
//
// Such a connection has no hello: the certificate says whose it is, and it lives no longer
// than the link. Where none can be had, a file comes over the link.

const (
	// featureFiles is the bit of a hello by which a node says that it serves files on
	// connections of their own.
	featureFiles = 1 << 3
	// filesALPN names the protocol on them: file-request and file-reply, as on a link.
	filesALPN = "wraft-files/1"
	// farRTT is the least round trip at which a connection is worth its handshake.
	farRTT = 5 * time.Millisecond
)

var errNear = errors.New("quic: files come over the link")

// carriers are the connections beside a link that carry files, both those that were dialled
// and those that were accepted.
type carriers struct {
	mu    sync.Mutex // guards all below
	open  map[*quicgo.Conn]struct{}
	past  traffic // of those that ended
	never bool    // the peer could not be reached with one
}

// traffic is what connections sent and received.
type traffic struct{ sentBytes, recvBytes, sentPackets, lostPackets uint64 }

func (t *traffic) add(s quicgo.ConnectionStats) {
	t.sentBytes += s.BytesSent
	t.recvBytes += s.BytesReceived
	t.sentPackets += s.PacketsSent
	t.lostPackets += s.PacketsLost
}

// addTo adds them to the figures of a link.
func (t traffic) addTo(out *transport.LinkStats) {
	out.SentBytes += t.sentBytes
	out.RecvBytes += t.recvBytes
	out.SentPackets += t.sentPackets
	out.LostPackets += t.lostPackets
}

// enter adds a connection, if there are fewer than there may be.
func (c *carriers) enter(conn *quicgo.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= 2*fetchesPerPeer {
		return false
	}
	if c.open == nil {
		c.open = map[*quicgo.Conn]struct{}{}
	}
	c.open[conn] = struct{}{}
	return true
}

// leave notes that a connection has ended.
func (c *carriers) leave(conn *quicgo.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, is := c.open[conn]; is {
		delete(c.open, conn)
		c.past.add(conn.ConnectionStats())
	}
}

// traffic is that of all of them since the link began.
func (c *carriers) traffic() traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.past
	for conn := range c.open {
		sum.add(conn.ConnectionStats())
	}
	return sum
}

// traffic is that of the link and of the files beside it.
func (l *link) traffic() traffic {
	sum := l.carriers.traffic()
	sum.add(l.conn.ConnectionStats())
	return sum
}

// carrier dials a connection for a file. The error says that the file should come over
// the link.
func (l *link) carrier(ctx context.Context) (*quicgo.Conn, error) {
	c := &l.carriers
	c.mu.Lock()
	never := c.never
	c.mu.Unlock()
	if never || l.hello.Features&featureFiles == 0 || l.conn.ConnectionStats().SmoothedRTT < farRTT {
		return nil, errNear
	}
	n := l.p.n
	try, cancel := context.WithTimeout(ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	conn, err := n.transport.Dial(try, l.conn.RemoteAddr(), n.clientTLS(l.p.id, filesALPN), n.quicConfig())
	if err != nil {
		if ctx.Err() == nil {
			n.cfg.Logger.Debug("no connection for files", "node", n.cfg.Node, "peer", l.p.id, "err", err)
			c.mu.Lock()
			c.never = true // Why: else each file would wait for that
			c.mu.Unlock()
		}
		return nil, err
	}
	if !c.enter(conn) {
		_ = conn.CloseWithError(codeBusy, string(ReasonBusy))
		return nil, errNear
	}
	l.tie(conn)
	return conn, nil
}

// tie has a connection of the link's files end with the link, and be counted.
func (l *link) tie(conn *quicgo.Conn) {
	untie := context.AfterFunc(l.conn.Context(), func() { _ = conn.CloseWithError(codeShutdown, "the link has ended") })
	context.AfterFunc(conn.Context(), func() {
		untie()
		l.carriers.leave(conn)
	})
}

// forFiles reports whether a connection that was accepted is for files.
func forFiles(conn *quicgo.Conn) bool {
	return conn.ConnectionState().TLS.NegotiatedProtocol == filesALPN
}

// carry serves files on a connection that a peer dialled for them, until it ends.
func (n *Network) carry(ctx context.Context, conn *quicgo.Conn) {
	id, err := n.identify(conn.ConnectionState().TLS)
	if err != nil {
		n.turnAway(conn, err)
		return
	}
	p, err := n.peer(id)
	if err != nil {
		n.turnAway(conn, refuse(ReasonUnknownPeer, "quic: %w", err))
		return
	}
	l := p.link.Load()
	if l == nil || !l.carriers.enter(conn) {
		_ = conn.CloseWithError(codeBusy, string(ReasonBusy)) // the peer has its link
		return
	}
	l.tie(conn)
	unwatch := context.AfterFunc(ctx, func() { _ = conn.CloseWithError(codeShutdown, "closing down") })
	defer unwatch()
	if repair := l.repair.Load(); repair != nil {
		repair.Expect()
	}
	fileServer{n: n, peer: id, conn: conn}.run()
}
