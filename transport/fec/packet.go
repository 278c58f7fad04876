package fec

import (
	"encoding/binary"
	"errors"
	"time"
)

// ECN is the mark of a packet in its IP header (RFC 3168 §5), the two bits as they
// stand there.
type ECN uint8

// The marks.
const (
	NotECT ECN = iota
	ECT1
	ECT0
	CE
)

const (
	// datagramBytesMax is the largest packet quic-go sends or reads.
	datagramBytesMax = 1452
	// DataBytesMax is the largest packet that may be protected: its parity and the
	// names of a full block fit into datagramBytesMax.
	DataBytesMax = datagramBytesMax - parityHeaderBytes - nameBytes*dataShardsMax - macBytes - lengthBytes
	// parityOver is what the parity of a full block is larger than its largest packet.
	parityOver = datagramBytesMax - DataBytesMax
	// packetBytesMax is the largest packet that QUIC may send, so that parity for it has at
	// most 1,372 bytes. Those get through most tunnels (an MTU of 1,400 over IPv4, of 1,420
	// over IPv6), where parity for packets as large as can be protected would not.
	packetBytesMax = 1372 - parityOver
	// dataBytesMin is the smallest: a QUIC packet with the shortest payload.
	dataBytesMin = 21

	commonHeaderBytes = 14
	parityHeaderBytes = commonHeaderBytes + 10
	beaconBytes       = commonHeaderBytes + 4
	reportBytes       = commonHeaderBytes + 29
	nameBytes         = 3
	lengthBytes       = 2

	timeAt        = 10                    // in a packet: header.time
	parityCountAt = commonHeaderBytes + 7 // in a parity packet: how many names follow
	shardBytesMax = DataBytesMax + lengthBytes
)

// kind is a packet's first byte. Bits 0x80 and 0x40 are clear: QUIC sets at least
// one of them in every packet (RFC 9000 §17).
type kind uint8

const (
	kindParity kind = 1 + iota
	kindBeacon
	kindReport
)

var errMalformed = errors.New("fec: malformed packet")

// header is what all packets begin with.
type header struct {
	kind   kind
	id     uint32
	epoch  uint8 // counts the sender's phases of activity, 6 bits
	ecn    ECN   // of the block's data packets; only parity has it
	number uint32
	time   uint32 // the sender's clock in microseconds
	// waited is how long the packet lay in this end's socket before it was read. It is not on the wire.
	waited time.Duration
}

// parity is a packet that helps to rebuild a block. names and shard point into the
// packet it was read from.
type parity struct {
	header
	sent   uint32 // data packets of this epoch before this packet
	back   uint16 // how far before sent the block's first packet is
	stride uint8  // distance of the block's packets
	m      uint8  // parity packets of the block
	pos    uint8  // which of them this is
	names  []byte // nameBytes per data packet
	shard  []byte
}

// beacon says how many data packets were sent, when no parity does.
type beacon struct {
	header
	sent uint32
}

// report is what the receiver counted in the present epoch, up to the last packet
// of the sender's.
type report struct {
	header
	sent      uint32 // that packet's sent
	received  uint32 // data packets
	congested uint32 // lost while the queue stood
	repaired  uint32 // data packets rebuilt
	runs      uint32 // of lost packets, in blocks that parity described
	runLost   uint32 // packets in those runs
	about     uint8  // the epoch that is reported about
	queue     uint32 // one-way delay above its least, in microseconds
}

func (h header) append(b []byte) []byte {
	b = append(b, byte(h.kind))
	b = binary.BigEndian.AppendUint32(b, h.id)
	b = append(b, h.epoch<<2|byte(h.ecn))
	b = binary.BigEndian.AppendUint32(b, h.number)
	return binary.BigEndian.AppendUint32(b, h.time)
}

func readHeader(b []byte) header {
	return header{
		kind: kind(b[0]), id: binary.BigEndian.Uint32(b[1:]), epoch: b[5] >> 2, ecn: ECN(b[5] & 3),
		number: binary.BigEndian.Uint32(b[6:]), time: binary.BigEndian.Uint32(b[10:]),
	}
}

// append writes all but the names and the shard, which follow.
func (p parity) append(b []byte) []byte {
	b = p.header.append(b)
	b = binary.BigEndian.AppendUint32(b, p.sent)
	b = binary.BigEndian.AppendUint16(b, p.back)
	return append(b, p.stride, uint8(len(p.names)/nameBytes), p.m, p.pos)
}

// readParity reads a packet whose MAC was verified and cut off.
func readParity(b []byte) (parity, error) {
	if len(b) < parityHeaderBytes {
		return parity{}, errMalformed
	}
	rest := b[commonHeaderBytes:]
	p := parity{
		header: readHeader(b), sent: binary.BigEndian.Uint32(rest), back: binary.BigEndian.Uint16(rest[4:]),
		stride: rest[6], m: rest[8], pos: rest[9],
	}
	k := int(rest[7])
	if k == 0 || k > dataShardsMax || p.m == 0 || p.m > parityShardsMax || p.pos >= p.m || p.stride == 0 || p.stride > widthMax {
		return parity{}, errMalformed
	}
	rest = b[parityHeaderBytes:]
	if len(rest) < k*nameBytes+lengthBytes+dataBytesMin || len(rest) > k*nameBytes+shardBytesMax {
		return parity{}, errMalformed
	}
	p.names, p.shard = rest[:k*nameBytes], rest[k*nameBytes:]
	return p, nil
}

func (p beacon) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(p.header.append(b), p.sent)
}

func readBeacon(b []byte) (beacon, error) {
	if len(b) != beaconBytes {
		return beacon{}, errMalformed
	}
	return beacon{header: readHeader(b), sent: binary.BigEndian.Uint32(b[commonHeaderBytes:])}, nil
}

func (p report) append(b []byte) []byte {
	b = p.header.append(b)
	for _, v := range [...]uint32{p.sent, p.received, p.congested, p.repaired, p.runs, p.runLost, p.queue} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, p.about)
}

func readReport(b []byte) (report, error) {
	if len(b) != reportBytes {
		return report{}, errMalformed
	}
	at := func(i int) uint32 { return binary.BigEndian.Uint32(b[commonHeaderBytes+4*i:]) }
	return report{
		header: readHeader(b), sent: at(0), received: at(1), congested: at(2), repaired: at(3),
		runs: at(4), runLost: at(5), queue: at(6), about: b[reportBytes-1],
	}, nil
}

// nameOf returns what a data packet is called: its last bytes, which are of an
// authentication tag and so as good as random.
func nameOf(packet []byte) uint32 { return readName(packet[len(packet)-nameBytes:]) }

func readName(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

func appendName(b []byte, name uint32) []byte {
	return append(b, byte(name>>16), byte(name>>8), byte(name))
}

// Ours reports whether a datagram may be of this package: QUIC's never are.
func Ours(datagram []byte) bool { return len(datagram) > 0 && datagram[0]&0xc0 == 0 }

// Protected reports whether a datagram is a QUIC packet that parity is sent for:
// one with a short header (RFC 9000 §17.3). Packets of a handshake are left to QUIC.
func Protected(datagram []byte) bool {
	return len(datagram) >= dataBytesMin && datagram[0]&0xc0 == 0x40
}

// micros is a time as it stands in packets.
func micros(now time.Duration) uint32 { return uint32(now / time.Microsecond) }

// after compares numbers that wrap.
func after(a, b uint32) bool { return int32(a-b) > 0 }
