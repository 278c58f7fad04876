package native

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/client/wire"
)

const (
	readBufferBytes = 16 << 10
	// batchAtOnce is the most that package api lets be under way of a batch.
	batchAtOnce = 256
)

// lane is one of a connection's streams.
type lane struct {
	c      *conn
	stream *quicgo.Stream
	out    *wire.Outbox
}

// read begins the requests of the lane until the stream or the connection ends.
func (l *lane) read() {
	in := bufio.NewReaderSize(l.stream, readBufferBytes)
	for {
		if err := l.next(in); errors.Is(err, io.EOF) {
			return // The client sends no more here.
		} else if err != nil {
			l.c.fail(err)
			return
		}
	}
}

// next reads a frame and begins its request. It waits while too much is under way.
func (l *lane) next(in *bufio.Reader) error {
	size, err := wire.ReadSize(in, wire.RequestBytesMax)
	if err != nil {
		return err
	}
	if err := l.c.doubted(); err != nil && size > wire.TokenBytesMax {
		return err
	}
	release, err := l.c.reserve(int64(size))
	if err != nil {
		return err
	}
	r, err := l.request(in, size)
	if err != nil || r.Kind == wire.KindCancel || r.Kind == wire.KindToken {
		release()
		if err == nil {
			err = l.atOnce(r)
		}
		return err
	}
	if err := l.c.doubted(); err != nil {
		release()
		return err
	}
	places := l.c.places(r)
	if err := l.c.slots.Acquire(l.c.quic.Context(), places); err != nil {
		release()
		return context.Cause(l.c.quic.Context())
	}
	return l.begin(r, func() {
		l.c.slots.Release(places)
		release()
	})
}

// places is what a request takes of those of its connection: a batch as many as it may have
// commands under way.
func (c *conn) places(r *wire.Request) int64 {
	return int64(max(1, min(len(r.Commands), batchAtOnce, c.s.config.InflightMax)))
}

// atOnce does what concerns the requests that follow.
func (l *lane) atOnce(r *wire.Request) error {
	switch {
	case r.Kind == wire.KindCancel:
		l.c.cancel(r.ID)
	case !l.c.firstToken():
		return fmt.Errorf("%w: a second token", wire.ErrMalformed)
	default:
		a := l.c.s.observed(l.c.quic.Context(), r, func() (*wire.Answer, error) { return l.c.show(r) })
		a.ID = r.ID
		l.send(a)
	}
	return nil
}

// request reads a frame's body. It has to come in time: what it will need is reserved.
func (l *lane) request(in *bufio.Reader, size int) (*wire.Request, error) {
	if in.Buffered() < size {
		if err := l.stream.SetReadDeadline(time.Now().Add(l.c.s.config.StallTimeout)); err != nil {
			return nil, err
		}
		defer func() { _ = l.stream.SetReadDeadline(time.Time{}) }() // It fails where reading does.
	}
	body, err := wire.ReadBody(in, size)
	if err != nil {
		return nil, fmt.Errorf("native: a frame of %d bytes did not arrive: %w", size, noEnd(err))
	}
	r, err := wire.DecodeRequest(body)
	if err == nil && !r.Kind.In(l.c.alpn) {
		err = fmt.Errorf("%w: a request of kind %d, which %s does not have", wire.ErrMalformed, r.Kind, l.c.alpn)
	}
	return r, err
}

// noEnd keeps the end of a stream within a frame from looking like a good one.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return wire.ErrMalformed
	}
	return err
}

// reserve waits until a request of size bytes may be read.
func (c *conn) reserve(size int64) (release func(), err error) {
	ctx := c.quic.Context()
	if err := c.bytes.Acquire(ctx, size); err != nil {
		return nil, err
	}
	if err := c.s.bytes.Acquire(ctx, size); err != nil {
		c.bytes.Release(size)
		return nil, err
	}
	return func() {
		c.s.bytes.Release(size)
		c.bytes.Release(size)
	}, nil
}

// begin answers a request in a goroutine of its own, and then calls done.
func (l *lane) begin(r *wire.Request, done func()) error {
	timeout, mistake := timeoutOf(r)
	ctx, cancel := context.WithTimeout(l.c.quic.Context(), timeout)
	leaving, ok := l.c.begin(r.ID, cancel)
	if !ok {
		cancel()
		done()
		return fmt.Errorf("%w: two requests at once have the ID %d", wire.ErrMalformed, r.ID)
	}
	l.c.workers.do(func() {
		defer done()
		defer cancel()
		refusal := l.c.allow(r)
		switch {
		case leaving:
			refusal = leavingProblem()
		case refusal == nil:
			refusal = mistake
		}
		a := l.c.s.answer(ctx, l.c.peer.Sender(), r, refusal)
		a.ID = r.ID
		l.c.end(r.ID)
		l.send(a)
	})
	return nil
}

// send puts an answer into the outbox. Why the error is dropped: the outbox ends with
// the connection, and then nobody waits for the answer.
func (l *lane) send(a *wire.Answer) { _ = l.out.Send(l.c.quic.Context(), a) }

// bye tells the client to send no further requests. Why the error is dropped: if it
// cannot be told in time it hears it from the end of the connection.
func (l *lane) bye(ctx context.Context) {
	a, _ := l.c.s.problem(ctx, &wire.Request{ID: wire.AnswerOfConnection}, leavingProblem())
	_ = l.out.Send(ctx, a)
}

// write writes answers until the connection ends or its client does not read them.
func (l *lane) write() {
	if err := l.out.Run(); err != nil {
		l.c.fail(err)
	}
}

// steadyWriter writes to a stream as long as it makes progress.
type steadyWriter struct {
	stream  *quicgo.Stream
	timeout time.Duration
}

// stepBytes is how much has to be taken within the time.
const stepBytes = 256 << 10

// Write implements io.Writer.
func (w *steadyWriter) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		if err := w.stream.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return written, err
		}
		n, err := w.stream.Write(p[written:min(len(p), written+stepBytes)])
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}
