package node

import "encoding/binary"

// batchReader reads the encoding that Batch.Encode makes. ok is false once something else
// came: then nothing that was read counts.
//
// Why beside the general decoder, which decides whatever is read here differently or not at
// all: an entry has little else to cost when a log is replayed.
type batchReader struct {
	b  []byte
	ok bool
}

// The major types of CBOR that a batch is made of, RFC 8949 §3.1, and null.
const (
	cborUint  = 0
	cborInt   = 1
	cborBytes = 2
	cborArray = 4
	cborNull  = 0xf6
)

// readBatch reads a batch; false: ask the general decoder. The commands' data lies in data,
// and the commands lie in room if they fit there.
func readBatch(data []byte, room []Command) (Batch, bool) {
	r := batchReader{b: data, ok: true}
	r.array(4)
	b := Batch{Version: uint8(r.number(1<<8 - 1)), Elapsed: r.signed(), Wall: r.signed()}
	switch n := r.head(cborArray); {
	case !r.ok || n > BatchCommandsMax:
		return Batch{}, false
	case n <= uint64(cap(room)):
		b.Commands = room[:n]
	default:
		b.Commands = make([]Command, n)
	}
	for i := range b.Commands {
		r.array(5)
		b.Commands[i] = Command{
			Kind: CommandKind(r.number(1<<8 - 1)), Session: SessionID(r.number(1<<64 - 1)), Sequence: r.number(1<<64 - 1), AckBelow: r.number(1<<64 - 1),
			Data: r.bytes(),
		}
		if !r.ok {
			return Batch{}, false
		}
	}
	return b, r.ok && len(r.b) == 0 && b.Version == batchVersion
}

// any reads a head: its major type and its argument, which must be of a definite length.
func (r *batchReader) any() (major byte, argument uint64) {
	if !r.ok || len(r.b) == 0 {
		r.ok = false
		return 0, 0
	}
	first := r.b[0]
	major, argument, r.b = first>>5, uint64(first&31), r.b[1:]
	if argument < 24 {
		return major, argument
	}
	size := 1 << (argument - 24)
	if argument > 27 || len(r.b) < size {
		r.ok = false
		return 0, 0
	}
	var wide [8]byte
	copy(wide[8-size:], r.b)
	r.b = r.b[size:]
	return major, binary.BigEndian.Uint64(wide[:])
}

// head reads a head of one major type.
func (r *batchReader) head(major byte) uint64 {
	got, argument := r.any()
	r.ok = r.ok && got == major
	return argument
}

func (r *batchReader) array(n uint64) {
	got := r.head(cborArray)
	r.ok = r.ok && got == n
}

func (r *batchReader) number(most uint64) uint64 {
	n := r.head(cborUint)
	r.ok = r.ok && n <= most
	return n
}

func (r *batchReader) signed() int64 {
	major, n := r.any()
	r.ok = r.ok && major <= cborInt && n < 1<<63
	if major == cborInt {
		return -1 - int64(n)
	}
	return int64(n)
}

// bytes reads a byte string, or null, which is how a missing one is written.
func (r *batchReader) bytes() []byte {
	if r.ok && len(r.b) > 0 && r.b[0] == cborNull {
		r.b = r.b[1:]
		return nil
	}
	n := r.head(cborBytes)
	if !r.ok || n > uint64(len(r.b)) {
		r.ok = false
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}
