package nodetest_test

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// linkFaults are what may be wrong with links besides delay and loss. It belongs to a
// router, which guards it.
type linkFaults struct {
	cut    map[[2]string]bool // from a host to a host
	max    map[string]int     // bytes of the largest packet from or to a host
	moved  map[string]*net.UDPAddr
	origin map[string]*net.UDPAddr // the inverse of moved
	tap    func(simnet.Packet)     // sees what is not swallowed; may be nil
}

// swallow reports whether a packet vanishes.
func (f *linkFaults) swallow(from, to net.Addr, bytes int) bool {
	for _, at := range []string{host(from), host(to)} {
		if max := f.max[at]; max > 0 && bytes > max {
			return true
		}
	}
	return f.cut[[2]string{host(from), host(to)}]
}

// outside is where packets of a node seem to come from.
func (f *linkFaults) outside(at net.Addr) net.Addr {
	if moved := f.moved[at.String()]; moved != nil {
		return moved
	}
	return at
}

// inside is which node packets to an address go to. Both the address in the catalogue,
// which is forwarded, and the one that packets come from lead to it.
func (f *linkFaults) inside(at net.Addr) net.Addr {
	if origin := f.origin[at.String()]; origin != nil {
		return origin
	}
	return at
}

// host is an address without its port.
func host(at net.Addr) string { return at.(*net.UDPAddr).IP.String() }

// cutOff loses what goes from one host to another, or no longer.
func (r *lossyRouter) cutOff(from, to net.Addr, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults.cut == nil {
		r.faults.cut = map[[2]string]bool{}
	}
	r.faults.cut[[2]string{host(from), host(to)}] = cut
}

// narrow has larger packets from and to a host vanish; 0: none.
func (r *lossyRouter) narrow(at net.Addr, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults.max == nil {
		r.faults.max = map[string]int{}
	}
	r.faults.max[host(at)] = bytes
}

// rebind has a node's packets come from another port from now on, as a translator does
// that has forgotten it. What is sent to the one before is lost.
func (r *lossyRouter) rebind(at *net.UDPAddr, port int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults.moved == nil {
		r.faults.moved, r.faults.origin = map[string]*net.UDPAddr{}, map[string]*net.UDPAddr{}
	}
	if before := r.faults.moved[at.String()]; before != nil {
		delete(r.faults.origin, before.String())
	}
	now := &net.UDPAddr{IP: at.IP, Port: port}
	r.faults.moved[at.String()], r.faults.origin[now.String()] = now, at
}

// setTap has a function see all packets, one at a time; nil: none.
func (r *lossyRouter) setTap(tap func(simnet.Packet)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.tap = tap
}

// replay delivers packets anew, as they were, to whoever is there now; pause is called
// after each, since a queue holds 32.
func (r *lossyRouter) replay(packets []simnet.Packet, pause func()) {
	for _, p := range packets {
		r.mu.Lock()
		to := r.nodes[p.To.String()]
		r.mu.Unlock()
		if to != nil {
			to.RecvPacket(p)
		}
		pause()
	}
}

// probe is quic.Config.Probe of a host on this network.
func (r *lossyRouter) probe(from, at *net.UDPAddr) net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &probeConn{router: r, at: at, refused: make(chan struct{}, 1), got: make(chan simnet.Packet, 16), closed: make(chan struct{})}
	for port := 20000; c.from == nil; port++ {
		if own := (&net.UDPAddr{IP: from.IP, Port: port}); r.nodes[own.String()] == nil {
			c.from = own
		}
	}
	r.nodes[c.from.String()] = c
	return c
}

// probeConn is a connected socket.
type probeConn struct {
	net.Conn // nil
	router   *lossyRouter
	from, at *net.UDPAddr
	deadline time.Time
	refused  chan struct{} // holds a token when a packet was
	got      chan simnet.Packet
	once     sync.Once
	closed   chan struct{}
}

// RecvPacket implements simnet.PacketReceiver.
func (c *probeConn) RecvPacket(p simnet.Packet) {
	select {
	case c.got <- p:
	default:
	}
}

// SetReadDeadline implements net.Conn; Read is called by the same goroutine.
func (c *probeConn) SetReadDeadline(at time.Time) error {
	c.deadline = at
	return nil
}

// Read implements net.Conn.
func (c *probeConn) Read(b []byte) (int, error) {
	timer := time.NewTimer(time.Until(c.deadline))
	defer timer.Stop()
	select {
	case p := <-c.got:
		return copy(b, p.Data), nil
	case <-c.refused:
		return 0, syscall.ECONNREFUSED
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

// Write implements net.Conn. Where nobody listens, the system of the other host says so.
func (c *probeConn) Write(b []byte) (int, error) {
	c.router.mu.Lock()
	there := c.router.nodes[c.at.String()] != nil
	lost := c.router.swallows(c.from, c.at, len(b)) || c.router.swallows(c.at, c.from, 0)
	c.router.mu.Unlock()
	if there {
		return len(b), c.router.SendPacket(simnet.Packet{From: c.from, To: c.at, Data: append([]byte(nil), b...)})
	}
	if !lost {
		time.AfterFunc(2*c.router.delay, func() {
			select {
			case c.refused <- struct{}{}:
			default:
			}
		})
	}
	return len(b), nil
}

// Close implements net.Conn.
func (c *probeConn) Close() error {
	c.once.Do(func() {
		c.router.remove(c.from)
		close(c.closed)
	})
	return nil
}

// wholeConn is an endpoint whose packets are never cut, so that QUIC looks for the
// largest that the path carries.
type wholeConn struct{ net.PacketConn }

func (wholeConn) SyscallConn() (syscall.RawConn, error) { return noSocket{}, nil }

// noSocket takes every option and has none.
type noSocket struct{}

func (noSocket) Control(func(uintptr)) error    { return nil }
func (noSocket) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (noSocket) Write(func(uintptr) bool) error { return errors.ErrUnsupported }
