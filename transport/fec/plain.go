package fec

import (
	"net"
	"syscall"
)

// PacketConn is what quic-go is given. Its Close closes the socket.
func (c *Conn) PacketConn() net.PacketConn {
	if udp, ok := c.inner.(*net.UDPConn); ok {
		return newSocket(c, udp)
	}
	p := &plain{PacketConn: c.inner, c: c}
	if inner, ok := c.inner.(syscaller); ok {
		return plainSocket{p, inner}
	}
	return p
}

// syscaller is what quic-go asks of a conn before it looks for the largest packet that
// a path carries: that it may forbid fragments.
type syscaller interface {
	SyscallConn() (syscall.RawConn, error)
}

// plainSocket is a plain over something with a socket of the system's.
type plainSocket struct {
	*plain
	syscaller
}

// plain is a Conn over something that is no UDP socket, a simulated network say: one
// packet at a time, and no ECN, so that what was rebuilt under congestion is
// withheld.
type plain struct {
	net.PacketConn
	c *Conn
}

// WriteTo implements net.PacketConn.
func (p *plain) WriteTo(b []byte, to net.Addr) (int, error) {
	if p.c.oversize(len(b)) {
		return len(b), nil
	}
	n, err := p.PacketConn.WriteTo(b, to)
	if err == nil {
		p.c.sent(b, to, len(b), NotECT, nil)
	}
	return n, err
}

// ReadFrom implements net.PacketConn.
func (p *plain) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		for len(p.c.ready) > 0 {
			r := p.c.ready[0]
			p.c.ready = p.c.ready[1:]
			if !r.congested {
				return copy(b, r.packet), r.from, nil
			}
		}
		p.c.ready = nil
		n, from, err := p.PacketConn.ReadFrom(b)
		if err != nil || p.c.arrived(b[:n], from, 0) {
			return n, from, err
		}
	}
}

// SetReadBuffer and SetWriteBuffer are there for quic-go to call; where the inner
// conn has none, its buffers are its own affair.
func (p *plain) SetReadBuffer(n int) error {
	if c, ok := p.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		return c.SetReadBuffer(n)
	}
	return nil
}

// SetWriteBuffer is like SetReadBuffer.
func (p *plain) SetWriteBuffer(n int) error {
	if c, ok := p.PacketConn.(interface{ SetWriteBuffer(int) error }); ok {
		return c.SetWriteBuffer(n)
	}
	return nil
}
