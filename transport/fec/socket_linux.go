package fec

import (
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Capable reports whether losses can be repaired over a socket.
func Capable(net.PacketConn) bool { return true }

// socket is a Conn over a UDP socket with all that quic-go uses of one: batches,
// segmentation offload, ECN marks.
type socket struct {
	*net.UDPConn
	c     *Conn
	batch *ipv4.PacketConn
}

func newSocket(c *Conn, udp *net.UDPConn) net.PacketConn {
	stampArrivals(udp)
	return &socket{UDPConn: udp, c: c, batch: ipv4.NewPacketConn(udp)}
}

// WriteMsgUDP sends one datagram, or several of one size when oob asks the kernel
// to cut them (UDP_SEGMENT).
func (s *socket) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	coding := s.c.coding.Load() > 0
	if !coding && len(b) <= packetBytesMax {
		return s.UDPConn.WriteMsgUDP(b, oob, to)
	}
	control := readControl(oob)
	if control.segment == 0 && s.c.oversize(len(b)) {
		return len(b), len(oob), nil
	}
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, to)
	if err == nil && coding {
		segment := control.segment
		if segment == 0 {
			segment = len(b)
		}
		s.c.sent(b, to, segment, control.ecn, control.rest)
	}
	return n, oobn, err
}

// WriteTo implements net.PacketConn.
func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.AddrError{Err: "no UDP address", Addr: to.String()}
	}
	n, _, err := s.WriteMsgUDP(b, nil, udp)
	return n, err
}

// ReadBatch reads datagrams as ipv4.PacketConn does, those that were rebuilt among
// them.
func (s *socket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	for {
		if n := s.deliver(ms); n > 0 {
			return n, nil
		}
		n, err := s.batch.ReadBatch(ms, flags)
		if err != nil || n == 0 {
			return n, err
		}
		if n = s.sift(ms[:n]); n > 0 {
			return n, nil
		}
	}
}

// sift moves the datagrams that are for QUIC to the front and returns their number.
func (s *socket) sift(ms []ipv4.Message) int {
	kept := 0
	for i := range ms {
		m := &ms[i]
		var waited time.Duration
		if Ours(m.Buffers[0][:m.N]) {
			waited = sinceArrival(m.OOB[:m.NN])
		}
		if !s.c.arrived(m.Buffers[0][:m.N], m.Addr, waited) {
			continue
		}
		if kept < i {
			to := &ms[kept]
			copy(to.Buffers[0], m.Buffers[0][:m.N])
			copy(to.OOB[:cap(to.OOB)], m.OOB[:m.NN])
			to.N, to.NN, to.Flags, to.Addr = m.N, m.NN, m.Flags, m.Addr
		}
		kept++
	}
	return kept
}

// deliver puts rebuilt packets into messages. What fell from a queue goes up with the
// mark that the queue did not set, or not at all when QUIC marks nothing.
func (s *socket) deliver(ms []ipv4.Message) int {
	n := 0
	for n < len(ms) && len(s.c.ready) > 0 {
		r := s.c.ready[0]
		s.c.ready = s.c.ready[1:]
		mark := r.ecn
		if r.congested {
			if mark == NotECT {
				continue
			}
			mark = CE
		}
		m := &ms[n]
		m.N = copy(m.Buffers[0], r.packet)
		m.NN, m.Flags, m.Addr = putMark(m.OOB, mark), 0, r.from
		n++
	}
	if len(s.c.ready) == 0 {
		s.c.ready = nil
	}
	return n
}

// ReadFrom implements net.PacketConn.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, _, from, err := s.ReadMsgUDP(b, nil)
	return n, from, err
}

// ReadMsgUDP reads one datagram.
func (s *socket) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	ms := []ipv4.Message{{Buffers: [][]byte{b}, OOB: oob}}
	if _, err = s.ReadBatch(ms, 0); err != nil {
		return 0, 0, 0, nil, err
	}
	from, _ = ms[0].Addr.(*net.UDPAddr)
	return ms[0].N, ms[0].NN, ms[0].Flags, from, nil
}

// control is what QUIC asks of the kernel with a packet.
type control struct {
	segment int // bytes per datagram; 0: it is one
	ecn     ECN
	rest    []byte // the messages but those two
}

// readControl reads control messages. rest points into oob when nothing else is
// before it, which holds for those of quic-go: the source address comes first.
func readControl(oob []byte) control {
	out := control{rest: oob}
	for at := 0; len(oob)-at >= unix.SizeofCmsghdr; { // Why: the parser reads a header before it looks at the length
		h, body, rest, err := unix.ParseOneSocketControlMessage(oob[at:])
		if err != nil {
			return out
		}
		ours := true
		switch {
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_SEGMENT && len(body) >= 2:
			out.segment = int(binary.NativeEndian.Uint16(body))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS && len(body) >= 1,
			h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_TCLASS && len(body) >= 1:
			out.ecn = ECN(body[0] & 3)
		default:
			ours = false
		}
		if ours && len(out.rest) > at {
			out.rest = oob[:at]
		}
		at = len(oob) - len(rest)
	}
	return out
}

// putMark writes an ECN mark as a control message, as the kernel does, and returns
// its length.
func putMark(oob []byte, mark ECN) int {
	space := unix.CmsgSpace(1)
	if len(oob) < space {
		return 0
	}
	clear(oob[:space])
	message := unix.Cmsghdr{Level: unix.IPPROTO_IP, Type: unix.IP_TOS}
	message.SetLen(unix.CmsgLen(1))
	head := oob[:unix.SizeofCmsghdr]
	if unix.SizeofCmsghdr == 16 {
		binary.NativeEndian.PutUint64(head, uint64(message.Len))
	} else {
		binary.NativeEndian.PutUint32(head, uint32(message.Len))
	}
	binary.NativeEndian.PutUint32(head[unix.SizeofCmsghdr-8:], uint32(message.Level))
	binary.NativeEndian.PutUint32(head[unix.SizeofCmsghdr-4:], uint32(message.Type))
	oob[unix.CmsgSpace(0)] = byte(mark)
	return space
}

// writeTo sends a packet of ours.
func writeTo(inner net.PacketConn, b, oob []byte, to *net.UDPAddr) error {
	if udp, ok := inner.(*net.UDPConn); ok {
		_, _, err := udp.WriteMsgUDP(b, oob, to)
		return err
	}
	_, err := inner.WriteTo(b, to)
	return err
}
