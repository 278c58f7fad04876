package fec

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a net.PacketConn whose packets the test carries.
type pipe struct {
	net.PacketConn
	out chan []byte
	in  chan []byte
}

var peerAddr = &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 7}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.out <- append([]byte(nil), b...)
	return len(b), nil
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	packet, ok := <-p.in
	if !ok {
		return 0, nil, net.ErrClosed
	}
	return copy(b, packet), peerAddr, nil
}

func pipeConn(t *testing.T, cfg Config) (*pipe, *Conn) {
	t.Helper()
	p := &pipe{out: make(chan []byte, 1024), in: make(chan []byte, 1024)}
	c, err := New(p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func dataPacket(n byte, size int) []byte {
	packet := make([]byte, size)
	packet[0], packet[size-1], packet[size-2] = 0x40, n, n*3
	return packet
}

// readAll reads from a conn, as quic-go does, until its pipe is closed.
func readAll(t *testing.T, c *Conn) <-chan []byte {
	read := make(chan []byte, 16)
	go func() {
		defer close(read)
		for {
			buf := make([]byte, datagramBytesMax)
			n, from, err := c.PacketConn().ReadFrom(buf)
			if err != nil {
				return
			}
			if from.String() != peerAddr.String() {
				t.Errorf("from %v", from)
			}
			read <- buf[:n]
		}
	}()
	return read
}

// A packet that fell between two conns is read as if it had come.
func TestConnRebuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Mode: ModeOn}
		pa, ca := pipeConn(t, cfg)
		pb, cb := pipeConn(t, cfg)
		la, err := ca.Open(material(), true, peerAddr)
		if err != nil {
			t.Fatal(err)
		}
		lb, err := cb.Open(material(), false, peerAddr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cb.Open(material(), false, peerAddr); !errors.Is(err, ErrRefused) {
			t.Errorf("a second link of one ID: %v", err)
		}
		read := readAll(t, cb)
		synctest.Wait() // the first beacon is out
		for i := range byte(4) {
			if _, err := ca.PacketConn().WriteTo(dataPacket(i, 100), peerAddr); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * holdMax)
		data := 0
		for len(pa.out) > 0 {
			packet := <-pa.out
			if !Ours(packet) {
				if data++; data == 2 {
					continue // it falls
				}
			}
			pb.in <- packet
		}
		pb.in <- []byte{0x3f, 1, 2}
		synctest.Wait()
		close(pb.in)
		seen := map[byte]bool{}
		for packet := range read {
			seen[packet[99]] = true
		}
		if data != 4 || len(seen) != 4 || !seen[1] {
			t.Errorf("of %d packets, without the second, these were read: %v", data, seen)
		}
		if s := lb.Stats(); s.Rebuilt != 1 || s.Garbled != 0 {
			t.Errorf("%+v", s)
		}
		if s := la.Stats(); !s.Active || s.Parity == 0 || s.Data != 4 {
			t.Errorf("%+v", s)
		}
		if got := cb.Totals(); got.Foreign != 1 {
			t.Errorf("%+v", got)
		}
		la.Close()
		lb.Close()
		lb.Close() // twice is once
		if ca.coding.Load() != 0 || cb.listening.Load() != 0 || len(cb.routes.Load().byID) != 0 {
			t.Error("a closed link is still counted")
		}
	})
}

// Without links packets pass, but for those whose parity few paths carry.
func TestConnPassesAndLimits(t *testing.T) {
	p, c := pipeConn(t, Config{})
	conn := c.PacketConn()
	for _, size := range []int{1, 100, packetBytesMax, packetBytesMax + 1, datagramBytesMax} {
		if n, err := conn.WriteTo(make([]byte, size), peerAddr); n != size || err != nil {
			t.Errorf("%d bytes: %d, %v", size, n, err)
		}
	}
	if len(p.out) != 3 || c.Totals().Oversize != 2 {
		t.Errorf("%d packets went out, %+v", len(p.out), c.Totals())
	}
	if _, err := New(p, Config{Mode: "x"}); err == nil {
		t.Error("any mode is taken")
	}
	if _, err := c.Open(nil, true, peerAddr); err == nil {
		t.Error("no keying material is taken")
	}
}

// Nothing is sent to an address but the one QUIC uses; packets may come from others.
func TestConnSendsWhereQUICDoes(t *testing.T) {
	p, c := pipeConn(t, Config{Mode: ModeOn})
	l, err := c.Open(material(), false, peerAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from, _ := pair(t)
	elsewhere := &net.UDPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 9}
	b := beacon{header: header{kind: kindBeacon, id: from.id, epoch: 1, number: 1}}
	if c.arrived(from.seal(b.append(nil)), elsewhere, 0) {
		t.Error("a packet of ours is handed to QUIC")
	}
	r := c.routes.Load()
	if r.from[addrPort(elsewhere)] != l || r.to[addrPort(elsewhere)] != nil || r.to[addrPort(peerAddr)] != l {
		t.Errorf("routes %+v", r)
	}
	l.Observe(elsewhere, Path{})
	if r := c.routes.Load(); r.to[addrPort(elsewhere)] != l || r.to[addrPort(peerAddr)] != nil {
		t.Errorf("QUIC has moved, but routes are %+v", r)
	}
	forged := from.seal(b.append(nil))
	forged[len(forged)-1]++
	c.arrived(forged, peerAddr, 0)
	if c.routes.Load().from[addrPort(peerAddr)] != nil || c.Totals().Foreign != 1 {
		t.Error("a forged packet moves a link")
	}
	if len(p.out) > 100 {
		t.Errorf("%d packets", len(p.out))
	}
}
