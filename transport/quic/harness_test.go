package quic

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

// recorder is a Handler that keeps all it is told.
type recorder struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every change
	frames  map[raft.NodeID][]transport.Frame
	when    map[raft.NodeID][]time.Time
	up      map[raft.NodeID]bool
	story   []string
	wrong   []string // breaches of the Handler's contract
	files   map[string]func() (io.ReadSeekCloser, int64, error)
}

func newRecorder() *recorder {
	return &recorder{
		changed: make(chan struct{}), frames: map[raft.NodeID][]transport.Frame{}, when: map[raft.NodeID][]time.Time{},
		up: map[raft.NodeID]bool{}, files: map[string]func() (io.ReadSeekCloser, int64, error){},
	}
}

func (r *recorder) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) Deliver(from raft.NodeID, frames []transport.Frame) {
	r.change(func() {
		if !r.up[from] {
			r.wrong = append(r.wrong, fmt.Sprintf("frames of %v while it is down", from))
		}
		for _, f := range frames {
			r.frames[from] = append(r.frames[from], f)
			r.when[from] = append(r.when[from], time.Now())
		}
	})
}

func (r *recorder) set(peer raft.NodeID, up bool, word string) {
	r.change(func() {
		if r.up[peer] == up {
			r.wrong = append(r.wrong, fmt.Sprintf("%v is %s twice", peer, word))
		}
		r.up[peer] = up
		r.story = append(r.story, fmt.Sprintf("%s %v", word, peer))
	})
}
func (r *recorder) PeerUp(peer raft.NodeID)   { r.set(peer, true, "up") }
func (r *recorder) PeerDown(peer raft.NodeID) { r.set(peer, false, "down") }

func (r *recorder) ServeFile(name string) (io.ReadSeekCloser, int64, error) {
	r.mu.Lock()
	open := r.files[name]
	r.mu.Unlock()
	if open == nil {
		return nil, 0, fmt.Errorf("no %s: %w", name, transport.ErrNotFound)
	}
	return open()
}

type memFile struct{ *bytes.Reader }

func (memFile) Close() error { return nil }

func (r *recorder) hold(name string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = func() (io.ReadSeekCloser, int64, error) {
		return memFile{bytes.NewReader(data)}, int64(len(data)), nil
	}
}

// until waits until the condition holds; it is called with r.mu held.
func (r *recorder) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		ok, changed, story := condition(), r.changed, slices.Clone(r.story)
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited %s in vain: %s; the story so far: %q", patience, what, story)
		}
	}
}

func (r *recorder) untilUp(t *testing.T, peer raft.NodeID) {
	t.Helper()
	r.until(t, fmt.Sprint(peer, " up"), func() bool { return r.up[peer] })
}

func (r *recorder) untilDown(t *testing.T, peer raft.NodeID) {
	t.Helper()
	r.until(t, fmt.Sprint(peer, " down"), func() bool { return !r.up[peer] })
}

// untilTold waits until the story holds the words n times.
func (r *recorder) untilTold(t *testing.T, words string, n int) {
	t.Helper()
	r.until(t, fmt.Sprintf("%q %d times", words, n), func() bool {
		count := 0
		for _, s := range r.story {
			if s == words {
				count++
			}
		}
		return count >= n
	})
}

func (r *recorder) untilFrames(t *testing.T, from raft.NodeID, n int) []transport.Frame {
	t.Helper()
	r.until(t, fmt.Sprintf("%d frames of %v", n, from), func() bool { return len(r.frames[from]) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames[from])
}

// world makes nodes of one cluster, on loopback or on a simulated network.
type world struct {
	t         *testing.T
	authority *pki.Authority
	sim       *simWorld // nil: loopback
	nodes     map[raft.NodeID]*node
}

type node struct {
	w    *world
	id   raft.NodeID
	boot uint64
	cert tls.Certificate
	conn net.PacketConn
	net  *Network
	rec  *recorder
	cfg  func(*Config) // changes of the test's
}

func newWorld(t *testing.T) *world {
	t.Helper()
	authority, err := pki.NewAuthority("c1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, authority: authority, nodes: map[raft.NodeID]*node{}}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.close()
			n.rec.mu.Lock()
			for _, wrong := range n.rec.wrong {
				t.Errorf("node %v: the contract was broken: %s", n.id, wrong)
			}
			n.rec.mu.Unlock()
		}
	})
	return w
}

// simWorld is a network with a delay per link and a filter for packets.
type simWorld struct {
	simnet.PerfectRouter

	mu   sync.Mutex
	drop func(from, to raft.NodeID) bool
}

// newSimWorld must be called in a bubble.
func newSimWorld(t *testing.T) *world {
	w := newWorld(t)
	w.sim = &simWorld{}
	return w
}

const simLatency = 20 * time.Millisecond

func simAddr(id raft.NodeID) *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(id)), Port: 7000}
}

func (s *simWorld) SendPacket(p simnet.Packet) error {
	s.mu.Lock()
	drop := s.drop
	s.mu.Unlock()
	id := func(a net.Addr) raft.NodeID { return raft.NodeID(a.(*net.UDPAddr).IP.To4()[3]) }
	if drop != nil && drop(id(p.From), id(p.To)) {
		return nil
	}
	_ = s.PerfectRouter.SendPacket(p) // an unknown destination is a lost packet
	return nil
}

func (s *simWorld) setDrop(drop func(from, to raft.NodeID) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop = drop
}

// simConn is an endpoint that takes its link with it when it is closed.
type simConn struct {
	*simnet.SimConn
	link simnet.Simnet
	once sync.Once
}

func (c *simConn) Close() error {
	err := c.SimConn.Close()
	c.once.Do(func() { err = errors.Join(err, c.link.Close()) })
	return err
}

// listen opens a node's address, anew or again.
func (w *world) listen(id raft.NodeID, at net.Addr) net.PacketConn {
	w.t.Helper()
	if w.sim != nil {
		conn := &simConn{link: simnet.Simnet{Router: w.sim}}
		conn.SimConn = conn.link.NewEndpoint(simAddr(id), simnet.NodeBiDiLinkSettings{Latency: simLatency})
		if err := conn.link.Start(); err != nil {
			w.t.Fatal(err)
		}
		return conn
	}
	udp := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if at != nil {
		udp = at.(*net.UDPAddr)
	}
	conn, err := net.ListenUDP("udp4", udp)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// identity issues a node's certificate that is valid now.
func (w *world) identity(id raft.NodeID) tls.Certificate {
	return issue(w.t, w.authority, id, time.Now())
}

func issue(t *testing.T, a *pki.Authority, id raft.NodeID, from time.Time) tls.Certificate {
	t.Helper()
	pair, err := a.IssueNode(id, nil, from, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// node starts a node; change, which may be nil, changes its configuration.
func (w *world) node(id raft.NodeID, change func(*Config)) *node {
	w.t.Helper()
	n := &node{w: w, id: id, cfg: change, cert: w.identity(id)}
	n.start(nil)
	w.nodes[id] = n
	return n
}

func (n *node) start(at net.Addr) {
	n.w.t.Helper()
	n.boot++
	n.rec = newRecorder()
	n.conn = n.w.listen(n.id, at)
	cfg := Config{
		Node: n.id, Boot: n.boot, Cluster: "c1", Conn: n.conn, CAs: n.w.authority.Pool(),
		Certificate: func() (tls.Certificate, error) { return n.cert, nil },
		Logger:      slog.New(slog.NewTextHandler(logWriter{n.w.t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if n.cfg != nil {
		n.cfg(&cfg)
	}
	net, err := New(cfg, n.rec)
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.net = net
}

// logWriter shows the nodes' logs when a test fails.
type logWriter struct{ t *testing.T }

func (l logWriter) Write(b []byte) (int, error) {
	l.t.Log(string(bytes.TrimSpace(b)))
	return len(b), nil
}

func (n *node) peer() transport.Peer {
	return transport.Peer{ID: n.id, Address: n.conn.LocalAddr().String()}
}

func (n *node) close() {
	if err := n.net.Close(); err != nil {
		n.w.t.Errorf("close %v: %v", n.id, err)
	}
	_ = n.conn.Close()
}

// crash ends a node without a word to its peers.
func (n *node) crash() net.Addr {
	at := n.conn.LocalAddr()
	_ = n.conn.Close()
	_ = n.net.Close()
	return at
}

// connect makes the nodes list each other and waits until all links stand.
func (w *world) connect(nodes ...*node) {
	w.t.Helper()
	for _, n := range nodes {
		n.list(nodes...)
	}
	for _, n := range nodes {
		for _, other := range nodes {
			if other != n {
				n.rec.untilUp(w.t, other.id)
			}
		}
	}
}

func (n *node) list(nodes ...*node) {
	var peers []transport.Peer
	for _, other := range nodes {
		peers = append(peers, other.peer())
	}
	n.net.SetPeers(peers)
}

func (n *node) send(to *node, payload transport.Payload) {
	n.w.t.Helper()
	if err := n.net.Send(to.id, transport.Frame{Group: 1, Payload: payload}); err != nil {
		n.w.t.Fatalf("%v to %v: %v", n.id, to.id, err)
	}
}

// beat sends heartbeats until the returned function is called.
func (n *node) beat(to *node) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			_ = n.net.Send(to.id, transport.Frame{Group: 1, Payload: raft.Heartbeat{Term: 1}})
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-done }
}

// untilCounted waits until a refusal was counted.
func (n *node) untilCounted(reason Reason, count uint64) {
	n.w.t.Helper()
	deadline := time.Now().Add(patience)
	for n.net.Counters()[reason] < count {
		if time.Now().After(deadline) {
			n.w.t.Fatalf("%v: waited in vain for %d of %q: %v", n.id, count, reason, n.net.Counters())
		}
		timer := time.NewTimer(time.Millisecond) // counters have no signal to wait for
		<-timer.C
	}
}

// stranger is a QUIC endpoint that keeps to no rules of ours.
type stranger struct {
	t    *testing.T
	conn net.PacketConn
	tr   *quicgo.Transport
}

func (w *world) stranger() *stranger {
	w.t.Helper()
	conn := w.listen(99, nil)
	s := &stranger{t: w.t, conn: conn, tr: &quicgo.Transport{Conn: conn}}
	w.t.Cleanup(func() {
		_ = s.tr.Close()
		_ = conn.Close()
	})
	return s
}

var strangeConfig = &quicgo.Config{EnableDatagrams: true, MaxIncomingUniStreams: 100}

// dial connects to a node with any TLS configuration.
func (s *stranger) dial(to *node, cfg *tls.Config) (*quicgo.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.tr.Dial(ctx, to.conn.LocalAddr(), cfg, strangeConfig)
}

// clientTLS is what a correct node dials with, but for the certificate.
func clientTLS(cert *tls.Certificate) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{ALPN}, InsecureSkipVerify: true}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	return cfg
}
