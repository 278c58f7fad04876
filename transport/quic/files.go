package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// streamGivenUp is the code of file streams that one side gave up.
const streamGivenUp quicgo.StreamErrorCode = 1

// OpenFile implements transport.Network. ctx bounds the opening alone; from then
// on Close ends the transfer, and a Read that gets nothing for Config.StallTimeout
// fails. At most four files of one peer are open at once, further calls wait.
func (n *Network) OpenFile(ctx context.Context, from raft.NodeID, name string, offset int64) (io.ReadCloser, int64, error) {
	if offset < 0 {
		return nil, 0, fmt.Errorf("quic: open %s at %d: the offset is negative", name, offset)
	}
	request, err := wire.AppendFileRequest(nil, wire.FileRequest{Name: name, Offset: uint64(offset)})
	if err != nil {
		return nil, 0, fmt.Errorf("quic: open %s: %w", name, err)
	}
	p, err := n.peer(from)
	if err != nil {
		return nil, 0, err
	}
	l := p.link.Load()
	if l == nil {
		return nil, 0, fmt.Errorf("%w: %v", transport.ErrNotConnected, from)
	}
	select {
	case l.fetches <- struct{}{}:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	case <-l.conn.Context().Done():
		return nil, 0, fmt.Errorf("%w: %v", transport.ErrNotConnected, from)
	}
	f, size, err := l.fetch(ctx, request, offset)
	if err != nil {
		<-l.fetches
		return nil, 0, fmt.Errorf("quic: open %s of %v: %w", name, from, err)
	}
	return f, size, nil
}

// fetch asks the peer for a file and reads its answer.
func (l *link) fetch(ctx context.Context, request []byte, offset int64) (*fetch, int64, error) {
	f := &fetch{l: l}
	conn, err := l.carrier(ctx)
	if err == nil {
		f.own = conn
	} else if conn = l.conn; ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		f.end()
		return nil, 0, lost(ctx, err)
	}
	giveUp := func() {
		stream.CancelRead(streamGivenUp)
		stream.CancelWrite(streamGivenUp)
	}
	unwatch := context.AfterFunc(ctx, giveUp)
	reply, err := ask(stream, request)
	if !unwatch() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = statusError(reply.Status)
	}
	if err == nil && (reply.Size > math.MaxInt64 || int64(reply.Size) < offset) {
		err = fmt.Errorf("%w: a file of %d bytes from %d on", wire.ErrMalformed, reply.Size, offset)
	}
	if err != nil {
		giveUp()
		f.end()
		return nil, 0, lost(ctx, err)
	}
	f.stream, f.left = stream, int64(reply.Size)-offset
	return f, int64(reply.Size), nil
}

// lost names an error by what the caller can do about it.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if connectionLost(err) {
		return fmt.Errorf("%w: %w", transport.ErrNotConnected, err)
	}
	return err
}

// connectionLost reports whether a stream's error is that of its connection.
func connectionLost(err error) bool { return errors.Is(err, net.ErrClosed) }

// ask writes a request and reads the reply.
func ask(stream *quicgo.Stream, request []byte) (wire.FileReply, error) {
	if _, err := stream.Write(request); err != nil {
		return wire.FileReply{}, err
	}
	if err := stream.Close(); err != nil {
		return wire.FileReply{}, err
	}
	body, err := wire.ReadSession(stream, wire.KindFileReply)
	if err != nil {
		return wire.FileReply{}, err
	}
	return wire.DecodeFileReply(body)
}

func statusError(status wire.FileStatus) error {
	switch status {
	case wire.FileOK:
		return nil
	case wire.FileNotFound:
		return transport.ErrNotFound
	case wire.FileBusy:
		return transport.ErrBusy
	case wire.FileBadOffset:
		return errors.New("the offset lies behind the end of the file")
	}
	return fmt.Errorf("the peer could not read it (status %d)", status)
}

// fetch is a file that is being fetched. It belongs to one goroutine.
type fetch struct {
	l      *link
	own    *quicgo.Conn // nil: it comes over the link
	stream *quicgo.Stream
	left   int64 // bytes that are still to come
	closed bool
}

// Read returns io.EOF only after the last byte of the file; a transfer that was
// cut ends in another error, and can be resumed where it stopped.
func (f *fetch) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	if err := f.stream.SetReadDeadline(time.Now().Add(f.l.p.n.cfg.StallTimeout)); err != nil {
		return 0, err
	}
	n, err := f.stream.Read(b[:min(int64(len(b)), f.left)])
	f.left -= int64(n)
	switch {
	case n > 0 || err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, io.ErrUnexpectedEOF
	case connectionLost(err):
		return 0, fmt.Errorf("%w: %w", transport.ErrNotConnected, err)
	}
	return 0, err
}

// Close ends the transfer, complete or not.
func (f *fetch) Close() error {
	if !f.closed {
		f.closed = true
		f.stream.CancelRead(streamGivenUp)
		f.end()
		<-f.l.fetches
	}
	return nil
}

// end ends the file's own connection.
func (f *fetch) end() {
	if f.own != nil {
		_ = f.own.CloseWithError(codeShutdown, "the file was fetched")
	}
}
