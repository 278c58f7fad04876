package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/wraft/wraft/transport"
)

const (
	readBufferBytes = 64 << 10
	// bodyStepBytes is what is allocated for a long body before any of it came; the
	// rest follows as bytes arrive, so that a length alone costs a peer's victim little.
	bodyStepBytes = 1 << 20
)

// Reader reads the frames of one class from a stream. It belongs to one goroutine.
type Reader struct {
	src   *bufio.Reader
	class transport.Class
}

// NewReader returns a Reader of the given class's frames. Any other frame in src
// is an error.
func NewReader(src io.Reader, class transport.Class) *Reader {
	return &Reader{src: bufio.NewReaderSize(src, readBufferBytes), class: class}
}

// NewBytesReader returns a Reader of frames that are all in memory; it keeps b until
// its last frame was read.
func NewBytesReader(b []byte, class transport.Class) *Reader {
	return &Reader{src: bufio.NewReaderSize(bytes.NewReader(b), len(b)), class: class}
}

// Next reads the next frame, which the caller owns. It blocks until the frame is
// complete. The error is io.EOF at the end of the stream, io.ErrUnexpectedEOF
// within a frame, ErrMalformed, or the stream's; after any the Reader is of no use.
func (r *Reader) Next() (transport.Frame, error) {
	b, err := r.src.Peek(HeadBytes)
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return transport.Frame{}, err
	}
	head, err := parseHeadOf(b, r.class)
	if err != nil {
		return transport.Frame{}, err
	}
	if kinds[head.Kind].tail {
		return r.nextWithTail(head)
	}
	whole, err := r.src.Peek(HeadBytes + head.BodyBytes)
	if err != nil {
		return transport.Frame{}, unexpected(err)
	}
	f, err := Decode(head.Kind, whole[HeadBytes:])
	if err != nil {
		return transport.Frame{}, err
	}
	_, err = r.src.Discard(len(whole))
	return f, err
}

// Ready reports whether Next would return at once, with a frame or because of one
// that is malformed.
func (r *Reader) Ready() bool {
	if r.src.Buffered() < HeadBytes {
		return false
	}
	b, _ := r.src.Peek(HeadBytes)
	head, err := parseHeadOf(b, r.class)
	return err != nil || r.src.Buffered() >= HeadBytes+head.BodyBytes
}

// nextWithTail reads a frame into memory of its own, which its data stays in.
func (r *Reader) nextWithTail(head Head) (transport.Frame, error) {
	if _, err := r.src.Discard(HeadBytes); err != nil {
		return transport.Frame{}, unexpected(err)
	}
	body, err := readBody(r.src, head.BodyBytes)
	if err != nil {
		return transport.Frame{}, err
	}
	return Decode(head.Kind, body)
}

// ReadSession reads one frame that opens or answers a stream (hello, file request,
// file reply) from src and not a byte more. The error is as Next's.
func ReadSession(src io.Reader, want Kind) (body []byte, err error) {
	var b [HeadBytes]byte
	if _, err := io.ReadFull(src, b[:]); err != nil {
		return nil, err
	}
	head, err := ParseHead(b[:])
	if err != nil {
		return nil, err
	}
	if head.Kind != want {
		return nil, malformed(head.Kind, "instead of "+want.String())
	}
	return readBody(src, head.BodyBytes)
}

// readBody reads size bytes, allocating as they come.
func readBody(src io.Reader, size int) ([]byte, error) {
	body := make([]byte, min(size, bodyStepBytes))
	if _, err := io.ReadFull(src, body); err != nil {
		return nil, unexpected(err)
	}
	for len(body) < size {
		have := len(body)
		step := min(size-have, have)
		body = slices.Grow(body, step)[:have+step]
		if _, err := io.ReadFull(src, body[have:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return body, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
