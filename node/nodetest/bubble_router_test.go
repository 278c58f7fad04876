package nodetest_test

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// lossyRouter is a packet network: a delay, the same everywhere unless links have
// their own, and a share of packets lost. A node that joins again at its address
// replaces the earlier one.
type lossyRouter struct {
	delay time.Duration

	mu     sync.Mutex // guards the fields below
	loss   float64
	delays map[[2]string]time.Duration // of links that have their own, by from and to
	chance *rand.Rand
	nodes  map[string]simnet.PacketReceiver
	// isolated are nodes that no packets reach or leave.
	isolated map[string]bool
}

func newLossyRouter(delay time.Duration, seed uint64) *lossyRouter {
	return &lossyRouter{delay: delay, chance: rand.New(rand.NewPCG(seed, 1)), nodes: map[string]simnet.PacketReceiver{}, isolated: map[string]bool{}}
}

// AddNode implements simnet.Router.
func (r *lossyRouter) AddNode(addr net.Addr, to simnet.PacketReceiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[addr.String()] = to
}

// SendPacket implements simnet.Router.
func (r *lossyRouter) SendPacket(p simnet.Packet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, at := p.From.String(), p.To.String()
	to := r.nodes[at]
	if to == nil || r.nodes[from] == nil || r.isolated[from] || r.isolated[at] || r.chance.Float64() < r.loss {
		return nil
	}
	delay, ok := r.delays[[2]string{from, at}]
	if !ok {
		delay = r.delay
	}
	time.AfterFunc(delay, func() { to.RecvPacket(p) })
	return nil
}

// stretch gives the link between two nodes a round trip of its own.
func (r *lossyRouter) stretch(a, b net.Addr, rtt time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.delays == nil {
		r.delays = map[[2]string]time.Duration{}
	}
	r.delays[[2]string{a.String(), b.String()}], r.delays[[2]string{b.String(), a.String()}] = rtt/2, rtt/2
}

// remove takes a node away: nothing goes to it or comes from it any more.
func (r *lossyRouter) remove(addr net.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.nodes, addr.String())
}

// isolate loses all that goes to a node or comes from it; it is there still.
func (r *lossyRouter) isolate(addr net.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isolated[addr.String()] = true
}

// rejoin undoes isolate.
func (r *lossyRouter) rejoin(addr net.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.isolated, addr.String())
}

// stands reports whether a node is there.
func (r *lossyRouter) stands(addr net.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes[addr.String()] != nil
}

// probe is quic.Config.Probe on this network.
func (r *lossyRouter) probe(at net.Addr) (net.Conn, error) {
	return &probeConn{router: r, at: at, refused: make(chan struct{}, 1), closed: make(chan struct{})}, nil
}

// probeConn is a connected socket of which only errors are seen.
type probeConn struct {
	net.Conn // nil
	router   *lossyRouter
	at       net.Addr
	deadline time.Time
	refused  chan struct{} // holds a token when a packet was
	once     sync.Once
	closed   chan struct{}
}

// SetReadDeadline implements net.Conn; Read is called by the same goroutine.
func (c *probeConn) SetReadDeadline(at time.Time) error {
	c.deadline = at
	return nil
}

// Read implements net.Conn.
func (c *probeConn) Read([]byte) (int, error) {
	timer := time.NewTimer(time.Until(c.deadline))
	defer timer.Stop()
	select {
	case <-c.refused:
		return 0, syscall.ECONNREFUSED
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

// Write implements net.Conn.
func (c *probeConn) Write(p []byte) (int, error) {
	time.AfterFunc(c.router.delay, func() {
		if !c.router.stands(c.at) {
			time.AfterFunc(c.router.delay, func() {
				select {
				case c.refused <- struct{}{}:
				default:
				}
			})
		}
	})
	return len(p), nil
}

// Close implements net.Conn.
func (c *probeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// lose sets the share of packets that vanish.
func (r *lossyRouter) lose(share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loss = share
}

// certificate is a source that always gives the same certificate.
func certificate(c tls.Certificate) func() (tls.Certificate, error) {
	return func() (tls.Certificate, error) { return c, nil }
}
