package quic

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/ports"
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

func (r *recorder) Deliver(sender raft.Member, frames []transport.Frame) {
	from := sender.Node
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
func (r *recorder) PeerUp(peer raft.NodeID, _ uint64) { r.set(peer, true, "up") }
func (r *recorder) PeerDown(peer raft.NodeID)         { r.set(peer, false, "down") }
func (r *recorder) PeerGone(peer raft.NodeID, boot uint64) {
	r.change(func() { r.story = append(r.story, fmt.Sprintf("boot %d of %v gone", boot, peer)) })
}

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
	r.serve(name, func() (io.ReadSeekCloser, int64, error) {
		return memFile{bytes.NewReader(data)}, int64(len(data)), nil
	})
}

// serve has a file opened in some way.
func (r *recorder) serve(name string, open func() (io.ReadSeekCloser, int64, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = open
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

// listen opens a node's address, anew or again.
func (w *world) listen(id raft.NodeID, at net.Addr) net.PacketConn {
	w.t.Helper()
	if w.sim != nil {
		late := &latecomer{simWorld: w.sim}
		conn := &simConn{link: simnet.Simnet{Router: late}}
		settings := simnet.NodeBiDiLinkSettings{Latency: simLatency}
		if w.sim.settings != nil {
			settings = *w.sim.settings
		}
		conn.SimConn = conn.link.NewEndpoint(simAddr(id), settings)
		if err := conn.link.Start(); err != nil {
			w.t.Fatal(err)
		}
		late.join()
		if w.sim.whole {
			return wholeConn{conn}
		}
		return conn
	}
	if at == nil { // Why not any of the kernel's: it may give it to others before it is used again
		free, err := ports.Addresses(1)
		if err != nil {
			w.t.Fatal(err)
		}
		at = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(free[0]))
	}
	conn, err := net.ListenUDP("udp4", at.(*net.UDPAddr))
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
		Node: n.id, Boot: n.boot, Cluster: "c1", Conn: n.conn, Trust: trust(n.w.authority),
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
	// Why backwards: the lower node dials, and a node refuses whom it does not know
	// yet. Forwards, a slow machine shows a refusal that no test asked for.
	for _, n := range slices.Backward(nodes) {
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

func trust(a *pki.Authority) func() *pki.Trust {
	t := pki.TrustIn(a.Pool())
	return func() *pki.Trust { return t }
}
