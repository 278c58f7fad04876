package fec

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// message is a control message as quic-go or the kernel makes it.
func message(level, kind int32, body []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(body)))
	n := putMark(b, 0)
	if n == 0 {
		panic("no room")
	}
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(body))))
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(kind))
	copy(b[unix.CmsgSpace(0):], body)
	return b
}

func TestControlMessagesAreRead(t *testing.T) {
	source := message(unix.IPPROTO_IP, unix.IP_PKTINFO, bytes.Repeat([]byte{7}, 12))
	segment := message(unix.IPPROTO_UDP, unix.UDP_SEGMENT, binary.NativeEndian.AppendUint16(nil, 1200))
	mark4 := message(unix.IPPROTO_IP, unix.IP_TOS, []byte{2})
	mark6 := message(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, []byte{2, 0, 0, 0})
	for name, row := range map[string]struct {
		oob  []byte
		want control
	}{
		"nothing":          {nil, control{}},
		"source":           {source, control{rest: source}},
		"all":              {bytes.Join([][]byte{source, segment, mark4}, nil), control{segment: 1200, ecn: ECT0, rest: source}},
		"without a source": {bytes.Join([][]byte{segment, mark6}, nil), control{segment: 1200, ecn: ECT0}},
		"rubbish":          {[]byte{1, 2, 3}, control{rest: []byte{1, 2, 3}}},
	} {
		got := readControl(row.oob)
		if got.segment != row.want.segment || got.ecn != row.want.ecn || !bytes.Equal(got.rest, row.want.rest) {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
	}
}

func TestMarksAreWrittenAsTheKernelDoes(t *testing.T) {
	oob := make([]byte, 128)
	n := putMark(oob, CE)
	if got := readControl(oob[:n]); got.ecn != CE {
		t.Errorf("%+v of %x", got, oob[:n])
	}
	if putMark(nil, CE) != 0 {
		t.Error("a mark without room")
	}
}

// A batch keeps its order and its messages while ours are taken out of it and
// rebuilt ones are put before it.
func TestBatchesAreSifted(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	c, err := New(udp, Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := c.PacketConn().(*socket)
	ms := make([]ipv4.Message, 4)
	for i, first := range []byte{0x01, 0x41, 0x3f, 0xc2} {
		ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 64)}, OOB: make([]byte, 64), N: 30 + i, NN: i, Addr: peerAddr}
		ms[i].Buffers[0][0], ms[i].OOB[0] = first, byte(i)
	}
	if n := s.sift(ms); n != 2 || ms[0].Buffers[0][0] != 0x41 || ms[0].N != 31 || ms[0].NN != 1 || ms[0].OOB[0] != 1 || ms[1].Buffers[0][0] != 0xc2 || ms[1].N != 33 {
		t.Errorf("%d kept: %+v", n, ms)
	}
	for _, r := range []rebuilt{{packet: []byte{0x40, 1}, ecn: ECT0}, {packet: []byte{0x40, 2}, ecn: ECT0, congested: true}, {packet: []byte{0x40, 3}, congested: true}} {
		c.ready = append(c.ready, arrival{rebuilt: r, from: peerAddr})
	}
	n, err := s.ReadBatch(ms, 0)
	if n != 2 || err != nil || ms[0].Buffers[0][1] != 1 || ms[1].Buffers[0][1] != 2 {
		t.Fatalf("%d read, %v: %+v", n, err, ms)
	}
	for i, want := range []ECN{ECT0, CE} {
		if got := readControl(ms[i].OOB[:ms[i].NN]).ecn; got != want || ms[i].Addr != net.Addr(peerAddr) {
			t.Errorf("message %d has mark %d, from %v", i, got, ms[i].Addr)
		}
	}
}

// While a link has nothing to do, a packet costs what it costs over the bare socket.
func TestQuietLinksAllocateNothing(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	c, err := New(udp, Config{})
	if err != nil {
		t.Fatal(err)
	}
	self := udp.LocalAddr().(*net.UDPAddr)
	l, err := c.Open(material(), true, self)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type write = func(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error)
	type read = func(ms []ipv4.Message, flags int) (int, error)
	cost := func(w write, r read) float64 {
		packet := dataPacket(1, 1200)
		ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, datagramBytesMax)}, OOB: make([]byte, 128)}}
		return testing.AllocsPerRun(200, func() {
			if _, _, err := w(packet, nil, self); err != nil {
				t.Fatal(err)
			}
			if n, err := r(ms, 0); n != 1 || err != nil || ms[0].N != len(packet) {
				t.Fatalf("%d messages, %v", n, err)
			}
		})
	}
	s := c.PacketConn().(*socket)
	if without, with := cost(udp.WriteMsgUDP, ipv4.NewPacketConn(udp).ReadBatch), cost(s.WriteMsgUDP, s.ReadBatch); with > without {
		t.Errorf("%v allocations per packet over the bare socket, %v over ours", without, with)
	}
}
