package fec

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRefused: there are as many links as there may be, or one of the same ID stands.
// Do without.
var ErrRefused = errors.New("fec: link refused")

const (
	linksMax = 256
	readyMax = rebuiltMax
)

// Conn stands between a socket and quic-go. Without links, or while these are
// quiet, packets pass as they are. The zero value is not usable.
type Conn struct {
	inner net.PacketConn
	cfg   Config
	began time.Time

	coding    atomic.Int32 // links whose sender is active
	listening atomic.Int32 // links whose receiver listens
	foreign   atomic.Uint64
	large     atomic.Uint64
	own       atomic.Uint64
	routes    atomic.Pointer[routes]

	mu    sync.Mutex // guards links, and where each of them is
	links map[*Link]struct{}

	ready []arrival // rebuilt packets that wait to be read; the reader's
}

// routes finds links. It is replaced as a whole when one comes, goes or moves.
type routes struct {
	byID map[uint32]*Link         // of packets of ours that arrive
	to   map[netip.AddrPort]*Link // by where QUIC sends
	from map[netip.AddrPort]*Link // by where its packets come from
}

// arrival is a rebuilt packet on its way up.
type arrival struct {
	rebuilt
	from *net.UDPAddr
}

// New puts a Conn over a socket. The error says what is wrong with the
// configuration. The caller closes the socket, after all links.
func New(inner net.PacketConn, cfg Config) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Conn{inner: inner, cfg: cfg.withDefaults(), began: time.Now(), links: map[*Link]struct{}{}}
	c.routes.Store(&routes{})
	return c, nil
}

// now is the time links go by.
func (c *Conn) now() time.Duration { return time.Since(c.began) }

// reroute finds the links anew. c.mu is held.
func (c *Conn) reroute() {
	r := &routes{byID: map[uint32]*Link{}, to: map[netip.AddrPort]*Link{}, from: map[netip.AddrPort]*Link{}}
	for l := range c.links {
		r.byID[l.end.in.id] = l
		for table, at := range map[*map[netip.AddrPort]*Link]netip.AddrPort{&r.to: l.to, &r.from: l.from} {
			if other := (*table)[at]; other == nil || other.order < l.order {
				(*table)[at] = l
			}
		}
	}
	c.routes.Store(r)
}

// sent is told of what went out to an address: one datagram, or several of segment
// bytes each.
func (c *Conn) sent(b []byte, to net.Addr, segment int, ecn ECN, oob []byte) {
	if c.coding.Load() == 0 {
		return
	}
	if l := c.routes.Load().to[addrPort(to)]; l != nil {
		l.sent(b, segment, ecn, oob)
	}
}

// oversize reports whether a datagram is larger than one whose parity most paths carry.
// QUIC sends such only to find out how large packets may be, and must not.
func (c *Conn) oversize(size int) bool {
	if size <= packetBytesMax {
		return false
	}
	c.large.Add(1)
	return true
}

// arrived looks at a datagram that waited in the socket to be read, and reports whether it is
// for QUIC.
func (c *Conn) arrived(b []byte, from net.Addr, waited time.Duration) bool {
	if Ours(b) {
		c.receive(b, from, waited)
		return false
	}
	if c.listening.Load() == 0 || !Protected(b) {
		return true
	}
	if l := c.routes.Load().from[addrPort(from)]; l != nil {
		c.ready = l.arrived(b, c.ready)
	}
	return true
}

// receive hands a packet of ours to its link.
func (c *Conn) receive(b []byte, from net.Addr, waited time.Duration) {
	if len(b) >= commonHeaderBytes {
		if l := c.routes.Load().byID[binary.BigEndian.Uint32(b[1:])]; l != nil {
			var ok bool
			if c.ready, ok = l.received(b, addrPort(from), waited, c.ready); ok {
				return
			}
		}
	}
	c.foreign.Add(1)
}

// Totals are counts of a whole Conn since its start.
type Totals struct {
	// Foreign packets were neither QUIC's nor of a link, or had a wrong MAC.
	Foreign uint64
	// Oversize packets were too large to be protected, and not sent: all of QUIC's
	// search for the largest packet.
	Oversize uint64
	// Own packets were sent beside QUIC's: parity, beacons and reports.
	Own uint64
}

// Totals returns the counts. It is safe for concurrent use.
func (c *Conn) Totals() Totals {
	return Totals{Foreign: c.foreign.Load(), Oversize: c.large.Load(), Own: c.own.Load()}
}

// addrPort is an address as tables hold it.
func addrPort(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := udp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
