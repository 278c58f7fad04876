package quic

import (
	"fmt"
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/transport"
)

// queue holds the frames that wait for one stream, bounded in frames and bytes.
// In class control the oldest frames make room for the newest; in the others a
// frame that does not fit is refused. Into an empty queue any frame fits.
type queue struct {
	class     transport.Class
	bytesMax  int
	framesMax int
	wake      chan struct{} // holds a token when frames wait

	mu     sync.Mutex // guards all below
	frames []transport.Frame
	sizes  []int // of frames, as counted against bytesMax
	first  int   // index of the oldest frame; those before it fell
	bytes  int   // of frames waiting and of those being written
}

func newQueue(class transport.Class, bytesMax, framesMax int) *queue {
	return &queue{class: class, bytesMax: bytesMax, framesMax: framesMax, wake: make(chan struct{}, 1)}
}

// push adds a frame of at most size bytes. dropped counts frames that fell for it,
// itself included.
func (q *queue) push(f transport.Frame, size int) (dropped int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.frames)-q.first >= q.framesMax || q.bytes+size > q.bytesMax && q.bytes > 0 {
		if q.class != transport.ClassControl || !q.evict() {
			return dropped + 1, fmt.Errorf("%w: %v", transport.ErrQueueFull, q.class)
		}
		dropped++
	}
	q.frames = append(q.frames, f)
	q.sizes = append(q.sizes, size)
	q.bytes += size
	signal(q.wake)
	return dropped, nil
}

// evict lets the oldest frame fall, if there is one. q.mu is held.
func (q *queue) evict() bool {
	if q.first == len(q.frames) {
		return false
	}
	q.bytes -= q.sizes[q.first]
	q.frames[q.first] = transport.Frame{}
	q.first++
	if 2*q.first > len(q.frames) {
		// Why only then: moving all for each frame that falls would cost too much.
		q.frames = append(q.frames[:0], q.frames[q.first:]...)
		q.sizes = append(q.sizes[:0], q.sizes[q.first:]...)
		q.first = 0
	}
	return true
}

// take empties the queue into the given slice, whose memory the queue uses next.
// The bytes count until written says otherwise.
func (q *queue) take(spare []transport.Frame) (frames []transport.Frame, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, size := range q.sizes[q.first:] {
		bytes += size
	}
	frames, q.frames, q.sizes = q.frames[q.first:], spare[:0], q.sizes[:0]
	q.first = 0
	return frames, bytes
}

// written gives back room for bytes that were taken.
func (q *queue) written(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= bytes
}

func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// write drains a queue into a stream of its own until the connection ends. All
// that waits goes out in one write, or in steps when it is much. A lane, unlike other
// queues, may have bundles: nil where not.
func (l *link) write(q *queue, lane *bundler) {
	out := frameStream{l: l, class: q.class}
	var frames []transport.Frame
	for {
		select {
		case <-q.wake:
		case <-l.conn.Context().Done():
			return
		}
		var bytes int
		frames, bytes = q.take(frames)
		if lane != nil && l.bundles() {
			lane.write(frames)
		} else {
			out.write(frames)
		}
		q.written(bytes)
		clear(frames)
	}
}

// frameStream writes frames of one class to a stream that it opens when needed.
type frameStream struct {
	l      *link
	class  transport.Class
	stream *quicgo.SendStream
	buf    []byte
}

// write sends frames, in steps when they are much.
func (s *frameStream) write(frames []transport.Frame) {
	for i, f := range frames {
		s.add(f)
		if len(s.buf) >= writeBytesMax || i == len(frames)-1 {
			s.flush()
		}
	}
}

// add encodes a frame for the next flush.
func (s *frameStream) add(f transport.Frame) {
	if s.stream == nil && len(s.buf) == 0 {
		s.buf = append(s.buf, byte(s.class))
	}
	s.buf = s.l.encode(s.buf, f)
}

// flush writes what was added. An error needs no handling: streams fail with
// their connection only, and that ends the writer.
func (s *frameStream) flush() {
	if s.stream == nil {
		stream, err := s.l.conn.OpenUniStreamSync(s.l.conn.Context())
		if err != nil {
			return
		}
		urgency := int8(urgencyData)
		if s.class == transport.ClassControl {
			urgency = urgencyControl
		}
		stream.SetPriority(urgency, true)
		s.stream = stream
	}
	_, _ = s.stream.Write(s.buf)
	if cap(s.buf) > 4*writeBytesMax {
		s.buf = nil // a rare long frame must not be paid for ever after
	}
	s.buf = s.buf[:0]
}
