package quic

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
)

// simWorld is a network with a delay per link and a filter for packets.
type simWorld struct {
	simnet.PerfectRouter
	whole bool // QUIC's packets grow to what the path carries
	// settings are those of endpoints that are opened from now on; nil: a delay of simLatency.
	settings *simnet.NodeBiDiLinkSettings

	mu   sync.Mutex
	drop func(from, to raft.NodeID) bool
	look func(p simnet.Packet, from raft.NodeID) (drop bool)
}

// newSimWorld must be called in a bubble.
func newSimWorld(t *testing.T) *world {
	oneProcessor(t)
	w := newWorld(t)
	w.sim = &simWorld{}
	return w
}

const simLatency = 20 * time.Millisecond

func simAddr(id raft.NodeID) *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(id)).To4(), Port: 7000}
}

func (s *simWorld) SendPacket(p simnet.Packet) error {
	s.mu.Lock()
	drop, look := s.drop, s.look
	s.mu.Unlock()
	id := func(a net.Addr) raft.NodeID { return raft.NodeID(a.(*net.UDPAddr).IP.To4()[3]) }
	if drop != nil && drop(id(p.From), id(p.To)) {
		return nil
	}
	if look != nil && look(p, id(p.From)) {
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

// setLook has look see every packet, one at a time.
func (s *simWorld) setLook(look func(p simnet.Packet, from raft.NodeID) (drop bool)) {
	var mu sync.Mutex // guards what look keeps
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look = func(p simnet.Packet, from raft.NodeID) bool {
		mu.Lock()
		defer mu.Unlock()
		return look(p, from)
	}
}

// latecomer is the world as a starting endpoint sees it: it can send, but nothing
// reaches it until it is joined, since simnet adds a link before it starts it.
type latecomer struct {
	*simWorld
	addr     net.Addr
	receiver simnet.PacketReceiver
}

func (l *latecomer) AddNode(addr net.Addr, receiver simnet.PacketReceiver) {
	l.addr, l.receiver = addr, receiver
}

func (l *latecomer) join() { l.simWorld.AddNode(l.addr, l.receiver) }

// wholeConn is an endpoint whose packets are never cut, so that QUIC looks for the
// largest that the path carries.
type wholeConn struct{ *simConn }

func (wholeConn) SyscallConn() (syscall.RawConn, error) { return noSocket{}, nil }

// noSocket takes every option and has none.
type noSocket struct{}

func (noSocket) Control(func(uintptr)) error   { return nil }
func (noSocket) Read(func(uintptr) bool) error { return errors.ErrUnsupported }
func (noSocket) Write(func(uintptr) bool) error {
	return errors.ErrUnsupported
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
