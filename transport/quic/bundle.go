package quic

import (
	"encoding/binary"
	"time"

	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

const (
	// featureBundles is the bit of a hello by which a node says that it reads bundles.
	featureBundles = 1 << 1
	// bundleMark is the first byte of a stream that is a bundle, where others have their
	// class.
	bundleMark = 0x10

	// repeatsMax is how many earlier bundles a bundle repeats at most, and repeatsBytes
	// what they may take: all of it should fit into one packet.
	repeatsMax   = 2
	repeatsBytes = 800
	// aheadBytes is how long a bundle may be that is read before its turn.
	aheadBytes = 4 << 10
	// bundleBytesMin is what frames are gathered to, where more wait.
	bundleBytesMin = 64 << 10
	// bundleHeadMax bounds what stands before a bundle's own frames, but for repeats.
	bundleHeadMax = (4 + repeatsMax) * binary.MaxVarintLen64
)

// bundler writes the frames of one lane while losses are repaired: what is flushed
// together is a bundle, a stream of its own that repeats the last small bundles.
//
// Why: on one stream, all that follows a lost packet waits until it is repaired, and
// where packets are few their parity comes late. The next bundle brings along what was
// lost with the last, in room that its packet has anyway.
type bundler struct {
	l      *link
	lane   int
	number uint64 // of the next bundle
	past   []pastBundle
	frames []byte // the next bundle's own
	buf    []byte // the last bundle as it was sent
}

// pastBundle is one that the next may repeat.
type pastBundle struct {
	frames []byte
	at     time.Time
}

// bundles reports whether a lane's frames go in bundles now: only while parity is sent, or
// would be if that were any use. That ends when losses are those of a full queue.
func (l *link) bundles() bool {
	repair := l.repair.Load()
	if repair == nil || l.hello.Features&featureBundles == 0 {
		return false
	}
	return repair.Loses() || repair.Repairs()
}

// write sends frames in as many bundles as they need.
func (b *bundler) write(frames []transport.Frame) {
	for i, f := range frames {
		b.frames = b.l.encode(b.frames, f)
		if len(b.frames) >= bundleBytesMin || i == len(frames)-1 && len(b.frames) > 0 {
			b.flush(time.Now())
		}
	}
}

// flush sends one bundle.
func (b *bundler) flush(now time.Time) {
	b.forget(now)
	b.buf = b.head(b.buf[:0])
	b.buf = append(b.buf, b.frames...)
	b.l.sendBundle(b.buf)
	b.number++
	b.keep(now)
	if cap(b.buf) > 4*bundleBytesMin {
		b.buf = nil // a rare long frame must not be paid for ever after
	}
}

// sendBundle writes a bundle to a stream of its own. An error needs no handling: streams
// fail with their connection only, and that ends the writer.
func (l *link) sendBundle(bundle []byte) {
	stream, err := l.conn.OpenUniStreamSync(l.conn.Context())
	if err != nil {
		return
	}
	stream.SetPriority(urgencyData, true)
	_, _ = stream.Write(bundle)
	_ = stream.Close()
}

// head is what stands before a bundle's own frames: mark, lane, number, the bundles
// repeated, oldest first, each behind its length, and the length of the bundle's own.
func (b *bundler) head(buf []byte) []byte {
	buf = append(buf, bundleMark)
	buf = binary.AppendUvarint(buf, uint64(b.lane))
	buf = binary.AppendUvarint(buf, b.number)
	buf = binary.AppendUvarint(buf, uint64(len(b.past)))
	for _, p := range b.past {
		buf = binary.AppendUvarint(buf, uint64(len(p.frames)))
		buf = append(buf, p.frames...)
	}
	return binary.AppendUvarint(buf, uint64(len(b.frames)))
}

// forget drops what is not worth repeating: what is older than a round trip was
// acknowledged or is being sent again, and what would need a packet more costs too much.
// Where each packet is sent again until an answer would be here, all of it comes that way.
func (b *bundler) forget(now time.Time) {
	if repair := b.l.repair.Load(); repair != nil && repair.Persists() {
		b.past = b.past[:0]
		return
	}
	old := b.l.conn.ConnectionStats().SmoothedRTT
	size := len(b.frames)
	keep := len(b.past)
	for keep > 0 && now.Sub(b.past[keep-1].at) <= old && size+len(b.past[keep-1].frames) <= repeatsBytes {
		keep--
		size += len(b.past[keep].frames)
	}
	b.past = append(b.past[:0], b.past[keep:]...)
}

// keep notes the bundle that was sent, for the next ones to repeat. One that was too
// large ends what can be repeated: only the last ones in a row are of use.
func (b *bundler) keep(now time.Time) {
	if len(b.frames) > repeatsBytes {
		b.past = b.past[:0]
	} else {
		if len(b.past) == repeatsMax {
			b.past = append(b.past[:0], b.past[1:]...)
		}
		b.past = append(b.past, pastBundle{frames: append([]byte(nil), b.frames...), at: now})
	}
	b.frames = b.frames[:0]
	if cap(b.frames) > 4*bundleBytesMin {
		b.frames = nil
	}
}

// encode appends a frame.
func (l *link) encode(buf []byte, f transport.Frame) []byte {
	longer, err := wire.Append(buf, f)
	if err != nil {
		// Only entries that do not follow on each other get here, a bug of the
		// sender's; Raft takes the frame for lost.
		l.p.dropped.Add(1)
		l.p.n.cfg.Logger.Error("frame has no encoding", "node", l.p.n.cfg.Node, "peer", l.p.id, "group", uint64(f.Group), "err", err)
	}
	return longer
}
