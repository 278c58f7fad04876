package nodetest_test

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// lossyRouter is a packet network: a delay, the same everywhere unless links have
// their own, and a share of packets lost. A node that joins again at its address
// replaces the earlier one.
type lossyRouter struct {
	delay time.Duration

	mu     sync.Mutex                  // guards the fields below
	delays map[[2]string]time.Duration // of links that have their own, by from and to
	chance *rand.Rand
	nodes  map[string]simnet.PacketReceiver
	// isolated are hosts that no packets reach or leave.
	isolated map[string]bool
	lost     lossState
	faults   linkFaults
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
	p.To = r.faults.inside(p.To)
	from, at := p.From.String(), p.To.String()
	to := r.nodes[at]
	if to == nil || r.nodes[from] == nil || r.swallows(p.From, p.To, len(p.Data)) {
		return nil
	}
	if r.faults.tap != nil {
		r.faults.tap(p)
	}
	p.From = r.faults.outside(p.From)
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

// swallows reports whether a packet vanishes on its way. r.mu is held.
func (r *lossyRouter) swallows(from, to net.Addr, bytes int) bool {
	return r.isolated[host(from)] || r.isolated[host(to)] || r.faults.swallow(from, to, bytes) || r.lost.swallow(from, to, r.chance)
}

// isolate loses all that goes to a node or comes from it; it is there still.
func (r *lossyRouter) isolate(addr net.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isolated[host(addr)] = true
}

// rejoin undoes isolate.
func (r *lossyRouter) rejoin(addr net.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.isolated, host(addr))
}

// lose sets the share of packets that vanish, each on its own.
func (r *lossyRouter) lose(share float64) { r.loseAs(wanLoss{share: share}) }

// loseAs says how packets vanish from now on.
func (r *lossyRouter) loseAs(l wanLoss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = lossState{loss: l, ways: map[[2]string]*direction{}}
}

// certificate is a source that always gives the same certificate.
func certificate(c tls.Certificate) func() (tls.Certificate, error) {
	return func() (tls.Certificate, error) { return c, nil }
}
