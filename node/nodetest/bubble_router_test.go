package nodetest_test

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// lossyRouter is a packet network: a fixed delay, and a share of packets lost. A
// node that joins again at its address replaces the earlier one.
type lossyRouter struct {
	delay time.Duration

	mu     sync.Mutex // guards the fields below
	loss   float64
	chance *rand.Rand
	nodes  map[string]simnet.PacketReceiver
}

func newLossyRouter(delay time.Duration, seed uint64) *lossyRouter {
	return &lossyRouter{delay: delay, chance: rand.New(rand.NewPCG(seed, 1)), nodes: map[string]simnet.PacketReceiver{}}
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
	to := r.nodes[p.To.String()]
	if to == nil || r.chance.Float64() < r.loss {
		return nil
	}
	time.AfterFunc(r.delay, func() { to.RecvPacket(p) })
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
