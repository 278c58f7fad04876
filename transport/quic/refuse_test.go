package quic

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// Every row is a connection that node 2 must refuse, though it lists node 1.
func TestAcceptingSideRefuses(t *testing.T) {
	w := newWorld(t)
	certs := newStrangeCerts(w)
	protocol := clientTLS(&certs.good)
	protocol.NextProtos = []string{"h3"}
	hello := func(change func(*wire.Hello)) *wire.Hello {
		h := goodHello()
		change(&h)
		return &h
	}
	same := hello(func(*wire.Hello) {})
	for name, row := range map[string]struct {
		tls    *tls.Config
		hello  *wire.Hello
		reason Reason
		code   quicgo.ApplicationErrorCode // 0: refused in the TLS handshake
	}{
		"no certificate":       {clientTLS(nil), nil, ReasonNoCertificate, 0},
		"expired":              {clientTLS(&certs.expired), nil, ReasonExpired, 0},
		"not yet valid":        {clientTLS(&certs.early), nil, ReasonExpired, 0},
		"revoked":              {clientTLS(&certs.revoked), nil, ReasonRevoked, 0},
		"foreign authority":    {clientTLS(&certs.foreign), nil, ReasonAuthority, 0},
		"foreign cluster":      {clientTLS(&certs.otherCluster), nil, ReasonCluster, 0},
		"a client":             {clientTLS(&certs.client), nil, ReasonNotANode, 0},
		"ourselves":            {clientTLS(&certs.self), nil, ReasonWrongNode, 0},
		"another protocol":     {protocol, nil, ReasonProtocol, 0},
		"unknown peer":         {clientTLS(&certs.unknown), hello(func(h *wire.Hello) { h.Node = 7 }), ReasonUnknownPeer, codeUnknownPeer},
		"spoofed node":         {clientTLS(&certs.unknown), same, ReasonHello, codeHello},
		"hello of no cluster":  {clientTLS(&certs.good), hello(func(h *wire.Hello) { h.Cluster = "" }), ReasonCluster, codeCluster},
		"hello of another one": {clientTLS(&certs.good), hello(func(h *wire.Hello) { h.Cluster = "c2" }), ReasonCluster, codeCluster},
		"later versions only":  {clientTLS(&certs.good), hello(func(h *wire.Hello) { h.VersionMin, h.VersionMax = 2, 3 }), ReasonVersion, codeVersion},
		"malformed hello":      {clientTLS(&certs.good), hello(func(h *wire.Hello) { h.VersionMin = 0 }), ReasonMalformed, codeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, authority: w.authority, nodes: map[raft.NodeID]*node{}}
			n := w.node(2, trusting(certs))
			defer n.close()
			n.net.SetPeers([]transport.Peer{{ID: 1}})
			conn, err := w.stranger().dial(n, row.tls)
			if err == nil && row.hello != nil {
				err = shake(conn, *row.hello)
			}
			if err == nil {
				// The accepting side finishes last: its refusal may still be on its way.
				_, err = conn.AcceptUniStream(t.Context())
			}
			var app *quicgo.ApplicationError
			if (errors.As(err, &app) && app.Remote) != (row.code != 0) || app != nil && app.ErrorCode != row.code {
				t.Errorf("closed with %v, want code %d", err, row.code)
			}
			n.untilCounted(row.reason, 1)
			for reason, count := range n.net.Counters() {
				if reason != row.reason || count != 1 {
					t.Errorf("also counted %q %d times", reason, count)
				}
			}
			if len(n.rec.story) != 0 {
				t.Errorf("the node was told %q", n.rec.story)
			}
		})
	}
}

// Every row is a server that node 1 must refuse when it dials node 2.
func TestDiallingSideRefuses(t *testing.T) {
	w := newWorld(t)
	certs := newStrangeCerts(w)
	two := w.identity(2)
	hello := func(change func(*wire.Hello)) *wire.Hello {
		h := goodHello()
		h.Node = 2
		change(&h)
		return &h
	}
	for name, row := range map[string]struct {
		cert   tls.Certificate
		alpn   string
		hello  *wire.Hello
		reason Reason
	}{
		"expired":             {issue(t, w.authority, 2, time.Now().Add(-48*time.Hour)), ALPN, nil, ReasonExpired},
		"revoked":             {certs.revokedTwo, ALPN, nil, ReasonRevoked},
		"foreign authority":   {certs.foreign, ALPN, nil, ReasonAuthority},
		"foreign cluster":     {certs.otherCluster, ALPN, nil, ReasonCluster},
		"a client":            {certs.client, ALPN, nil, ReasonBadCertificate},
		"another node":        {w.identity(3), ALPN, nil, ReasonWrongNode},
		"ourselves":           {certs.good, ALPN, nil, ReasonWrongNode},
		"another protocol":    {two, "h3", nil, ReasonByPeer},
		"hello of another":    {two, ALPN, hello(func(h *wire.Hello) { h.Node = 3 }), ReasonHello},
		"hello of no cluster": {two, ALPN, hello(func(h *wire.Hello) { h.Cluster = "" }), ReasonCluster},
		"hello of later ones": {two, ALPN, hello(func(h *wire.Hello) { h.VersionMin, h.VersionMax = 2, 2 }), ReasonVersion},
		"malformed hello":     {two, ALPN, hello(func(h *wire.Hello) { h.VersionMin = 0 }), ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, authority: w.authority, nodes: map[raft.NodeID]*node{}}
			s := w.stranger()
			listener, err := s.tr.Listen(&tls.Config{
				Certificates: []tls.Certificate{row.cert}, NextProtos: []string{row.alpn}, ClientAuth: tls.RequireAnyClientCert,
			}, strangeConfig)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			defer wg.Wait()
			defer func() { _ = listener.Close() }()
			wg.Go(func() {
				for {
					conn, err := listener.Accept(t.Context())
					if err != nil {
						return
					}
					if row.hello == nil {
						continue
					}
					if stream, err := conn.AcceptStream(t.Context()); err == nil {
						_ = writeHello(stream, *row.hello)
					}
				}
			})
			n := w.node(1, trusting(certs))
			defer n.close()
			n.net.SetPeers([]transport.Peer{{ID: 2, Address: s.conn.LocalAddr().String()}})
			n.untilCounted(row.reason, 2) // it tries again
			if c := n.net.Counters(); len(c) != 1 {
				t.Errorf("counted %v", c)
			}
			if len(n.rec.story) != 0 {
				t.Errorf("the node was told %q", n.rec.story)
			}
		})
	}
}

// A refusal is told once in a while, not each time.
func TestRefusalsAreLoggedOnceInAWhile(t *testing.T) {
	var lines strings.Builder
	r := newRefusals(slog.New(slog.NewTextHandler(&lines, nil)))
	for range 50 {
		r.note(refuse(ReasonExpired, "late"), "peer", 1)
	}
	r.note(refuse(ReasonStale, "old"), "peer", 2)
	r.note(errors.New("a timeout, say"))
	if got := strings.Count(lines.String(), "\n"); got != 2 {
		t.Errorf("%d lines:\n%s", got, lines.String())
	}
	if c := r.snapshot(); c[ReasonExpired] != 50 || c[ReasonStale] != 1 || len(c) != 2 {
		t.Errorf("counted %v", c)
	}
	r.logged[ReasonExpired] = time.Now().Add(-refusalLogsInterval)
	r.note(refuse(ReasonExpired, "late"))
	if !strings.Contains(lines.String(), "suppressed=49") {
		t.Errorf("no word of what was suppressed:\n%s", lines.String())
	}
}

// pose connects to node 2 as node 1 and says hello.
func (w *world) pose(n *node, h wire.Hello) *quicgo.Conn {
	w.t.Helper()
	cert := w.identity(1)
	conn, err := w.stranger().dial(n, clientTLS(&cert))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := shake(conn, h); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// closedWith waits until a connection is gone and returns the other side's code.
func closedWith(t *testing.T, conn *quicgo.Conn) quicgo.ApplicationErrorCode {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-conn.Context().Done():
	case <-timer.C:
		t.Fatal("the connection was not closed")
	}
	var app *quicgo.ApplicationError
	if _, err := conn.AcceptUniStream(t.Context()); !errors.As(err, &app) || !app.Remote {
		t.Fatalf("closed with %v", err)
	}
	return app.ErrorCode
}

func TestNewerConnectionReplacesOlder(t *testing.T) {
	w := newWorld(t)
	n := w.node(2, nil)
	n.net.SetPeers([]transport.Peer{{ID: 1}})
	hello := func(incarnation raft.Incarnation, boot, connection uint64) wire.Hello {
		h := goodHello()
		h.Incarnation, h.Boot, h.Connection = incarnation, boot, connection
		return h
	}
	stands := w.pose(n, hello(1, 5, 5))
	for i, h := range []wire.Hello{hello(1, 5, 6), hello(1, 6, 1), hello(2, 1, 1)} {
		newer := w.pose(n, h)
		if code := closedWith(t, stands); code != codeReplaced {
			t.Errorf("step %d: the older one was closed with code %d", i, code)
		}
		stands = newer
		n.rec.untilTold(t, "up n1", i+2)
	}
	cert := w.identity(1)
	for i, h := range []wire.Hello{hello(2, 1, 1), hello(1, 9, 9), hello(2, 0, 9)} {
		late, err := w.stranger().dial(n, clientTLS(&cert))
		if err != nil {
			t.Fatal(err)
		}
		_ = shake(late, h)
		if code := closedWith(t, late); code != codeStale {
			t.Errorf("late one %d: closed with code %d", i, code)
		}
	}
	if stands.Context().Err() != nil {
		t.Error("the newest connection fell")
	}
}

func TestMalformedBytesEndTheConnection(t *testing.T) {
	uni := func(data ...byte) func(*quicgo.Conn) {
		return func(conn *quicgo.Conn) {
			if stream, err := conn.OpenUniStream(); err == nil {
				_, _ = stream.Write(data)
				_ = stream.Close()
			}
		}
	}
	bidi := func(data ...byte) func(*quicgo.Conn) {
		return func(conn *quicgo.Conn) {
			if stream, err := conn.OpenStream(); err == nil {
				_, _ = stream.Write(data)
				_ = stream.Close()
			}
		}
	}
	datagram := func(data ...byte) func(*quicgo.Conn) {
		return func(conn *quicgo.Conn) { _ = conn.SendDatagram(data) }
	}
	hello, _ := wire.AppendHello(nil, goodHello())
	beat, _ := wire.Append(nil, transport.Frame{Group: 1, Payload: raft.Heartbeat{Term: 1}})
	entries, _ := wire.Append(nil, transport.Frame{Group: 1, Payload: raft.Append{Term: 1}})
	for name, misdeed := range map[string]func(*quicgo.Conn){
		"a stream of class 3":          uni(3),
		"text on a stream":             uni([]byte("\x00GET / HTTP/1.1\r\n\r\n")...),
		"a frame of another class":     uni(append([]byte{1}, beat...)...),
		"a hello among frames":         uni(append([]byte{0}, hello...)...),
		"a stream that ends in a head": uni(append([]byte{0}, beat[:3]...)...),
		"a stream that ends in a body": uni(append([]byte{0}, beat[:len(beat)-1]...)...),
		"a length bomb":                uni(1, 0xff, 0xff, 0xff, 0xff, 1, 1),
		"text in a datagram":           datagram([]byte("hello")...),
		"an append in a datagram":      datagram(entries...),
		"half a datagram":              datagram(beat[:len(beat)-1]...),
		"text as file request":         bidi([]byte("GET / HTTP/1.1\r\n\r\n")...),
		"a second hello":               bidi(hello...),
		"a file without a name":        bidi(0, 0, 0, 1, 1, byte(wire.KindFileRequest), 0xa0),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node(2, nil)
			n.net.SetPeers([]transport.Peer{{ID: 1}})
			conn := w.pose(n, goodHello())
			n.rec.untilUp(t, 1)
			misdeed(conn)
			if code := closedWith(t, conn); code != codeMalformed {
				t.Errorf("closed with code %d", code)
			}
			n.rec.untilDown(t, 1)
			if c := n.net.Counters(); c[ReasonMalformed] != 1 || len(c) != 1 {
				t.Errorf("counted %v", c)
			}
		})
	}
}

// A dialling node that says nothing is not waited for longer than is allowed.
func TestSilentStrangerIsTurnedAway(t *testing.T) {
	w := newWorld(t)
	n := w.node(2, func(c *Config) { c.HandshakeTimeout = 50 * time.Millisecond })
	n.net.SetPeers([]transport.Peer{{ID: 1}})
	cert := w.identity(1)
	for deadline := time.Now().Add(patience); ; {
		conn, err := w.stranger().dial(n, clientTLS(&cert))
		if err == nil {
			_, err = conn.AcceptUniStream(t.Context())
		}
		var app *quicgo.ApplicationError
		if errors.As(err, &app) && app.Remote {
			if app.ErrorCode != codeHello {
				t.Errorf("closed with code %d", app.ErrorCode)
			}
			break
		}
		// Why again: on a busy machine the handshake itself may take too long, which ends
		// without a word.
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	n.untilCounted(ReasonHello, 1)
}

// A renewed certificate is used from the next handshake on, without a restart.
func TestRenewedCertificateIsUsed(t *testing.T) {
	w := newWorld(t)
	good, expired := w.identity(1), issue(t, w.authority, 1, time.Now().Add(-48*time.Hour))
	var current atomic.Pointer[tls.Certificate]
	current.Store(&good)
	a := w.node(1, func(c *Config) {
		c.Certificate = func() (tls.Certificate, error) { return *current.Load(), nil }
	})
	b := w.node(2, nil)
	current.Store(&expired)
	a.list(b)
	b.list(a)
	b.untilCounted(ReasonExpired, 1)
	a.untilCounted(ReasonByPeer, 1)
	current.Store(&good)
	a.rec.untilUp(t, 2)
	b.rec.untilUp(t, 1)
}

// While many handshakes hang, addresses must be proved, and a true peer gets in.
func TestCrowdedNodeStillTakesItsPeers(t *testing.T) {
	w := newWorld(t)
	b := w.node(2, func(c *Config) { c.HandshakeTimeout = patience / 6 })
	release := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	hanging := clientTLS(nil)
	hanging.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		<-release
		return nil, errors.New("never mind")
	}
	s := w.stranger()
	for range handshakesTrusted {
		wg.Go(func() {
			if conn, err := s.dial(b, hanging); err == nil {
				t.Errorf("a handshake without a certificate succeeded: %v", conn.RemoteAddr())
			}
		})
	}
	deadline := time.Now().Add(patience)
	for b.net.pending.Load() < handshakesTrusted && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if !b.net.crowded(nil) {
		t.Fatalf("%d handshakes are under way", b.net.pending.Load())
	}
	a := w.node(1, nil)
	w.connect(a, b)
	close(release)
	wg.Wait()
	for b.net.pending.Load() != 0 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if left := b.net.pending.Load(); left != 0 {
		t.Errorf("%d handshakes are still counted", left)
	}
}
