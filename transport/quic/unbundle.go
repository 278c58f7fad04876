package quic

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// arrivals keeps the bundles of one lane in order: each is delivered once, by whichever
// stream brings it first, and after those before it.
type arrivals struct {
	mu      sync.Mutex // guards all below
	next    uint64     // number of the bundle to deliver next
	busy    bool       // one is being delivered
	changed chan struct{}
}

// enter waits until the bundles from first on can be delivered, and returns the number
// of the first of them that was not. The caller leaves with one greater than the last
// that it delivered. It fails when ctx ends.
func (a *arrivals) enter(ctx context.Context, first uint64) (from uint64, err error) {
	for {
		a.mu.Lock()
		if a.next >= first && !a.busy {
			a.busy = true
			from = a.next
			a.mu.Unlock()
			return from, nil
		}
		if a.changed == nil {
			a.changed = make(chan struct{})
		}
		changed := a.changed
		a.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// leave ends what enter began.
func (a *arrivals) leave(next uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy, a.next = false, max(a.next, next)
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// bundleHead is what a bundle says of itself.
type bundleHead struct {
	lane    int
	number  uint64
	repeats [][]byte
	bytes   uint64 // of its own frames
}

// errBundle is what no peer sends.
func errBundle(what string) error {
	return refuse(ReasonMalformed, "quic: %w: bundle: %s", wire.ErrMalformed, what)
}

// readBundleHead reads a bundle up to its own frames, after its mark.
func readBundleHead(src *bufio.Reader) (h bundleHead, err error) {
	var lane, count uint64
	for _, field := range []*uint64{&lane, &h.number, &count} {
		if *field, err = binary.ReadUvarint(src); err != nil {
			return h, cutShort(err)
		}
	}
	if lane >= lanesMax || count > repeatsMax || count > h.number {
		return h, errBundle("lane, or number of repeats, out of range")
	}
	h.lane = int(lane)
	for range count {
		size, err := binary.ReadUvarint(src)
		if err != nil {
			return h, cutShort(err)
		}
		if size > repeatsBytes {
			return h, errBundle("a repeat is too long")
		}
		repeat := make([]byte, size)
		if _, err := io.ReadFull(src, repeat); err != nil {
			return h, cutShort(err)
		}
		h.repeats = append(h.repeats, repeat)
	}
	h.bytes, err = binary.ReadUvarint(src)
	if err == nil && h.bytes > bundleBytesMin+wire.HeadBytes+wire.BodyBytesMax {
		err = errBundle("too long")
	}
	return h, cutShort(err)
}

// cutShort names a stream that ends too early; other errors are the stream's own.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBundle("it ends too early")
	}
	return err
}

// readBundle hands over what a bundle brings that did not come before.
func (l *link) readBundle(stream *quicgo.ReceiveStream) error {
	// Why: a stream counts as open until its end was read, which nothing below needs.
	defer stream.CancelRead(streamGivenUp)
	src := bufio.NewReaderSize(stream, bundleHeadMax+2*repeatsBytes)
	h, err := readBundleHead(src)
	if err != nil {
		return err
	}
	var own []byte
	// Why small ones before their turn: a later bundle may bring them first, or the release before
	// may send them again, and must not wait for this one. Long ones come one at a time, so that they cost no more
	// memory than on one stream.
	small := h.bytes <= aheadBytes
	if small {
		if own, err = readOwn(src, h.bytes); err != nil {
			return err
		}
	}
	order := &l.arrivals[h.lane]
	from, err := order.enter(l.conn.Context(), h.number-uint64(len(h.repeats)))
	if err != nil {
		return err
	}
	defer func() { order.leave(max(from, h.number+1)) }()
	for i, repeat := range h.repeats {
		if h.number-uint64(len(h.repeats)-i) < from {
			continue
		}
		if err := l.deliverBundle(repeat); err != nil {
			return err
		}
	}
	if h.number < from {
		return nil
	}
	if !small {
		if own, err = readOwn(src, h.bytes); err != nil {
			return err
		}
	}
	return l.deliverBundle(own)
}

// readOwn reads a bundle's own frames. What is allocated grows with what arrives.
func readOwn(src io.Reader, size uint64) ([]byte, error) {
	own, err := io.ReadAll(io.LimitReader(src, int64(size)))
	if err == nil && uint64(len(own)) < size {
		err = io.ErrUnexpectedEOF
	}
	return own, cutShort(err)
}

// deliverBundle hands over the frames of a bundle.
func (l *link) deliverBundle(b []byte) error {
	reader := wire.NewBytesReader(b, transport.ClassAppend)
	var frames []transport.Frame
	for {
		f, err := reader.Next()
		if err == nil {
			frames = append(frames, f)
		}
		if len(frames) > 0 && (err != nil || len(frames) == deliverFramesMax) {
			l.p.n.handler.Deliver(l.sender(), frames)
			frames = frames[:0]
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cutShort(err)
		}
	}
}
