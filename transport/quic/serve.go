package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// fileStepBytes is how much of a file is read and written at once.
const fileStepBytes = 64 << 10

// fileServer serves files on one connection of a peer's.
type fileServer struct {
	n    *Network
	peer raft.NodeID
	conn *quicgo.Conn
}

// run answers the peer's requests for files until the connection has ended, each in a
// goroutine of its own; the connection bounds how many there are.
func (s fileServer) run() {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		stream, err := s.conn.AcceptStream(s.conn.Context())
		if err != nil {
			return // the connection ended
		}
		serving.Go(func() {
			if err := s.serve(stream); err != nil {
				stream.CancelWrite(streamGivenUp)
				stream.CancelRead(streamGivenUp)
				if errors.Is(err, wire.ErrMalformed) {
					s.n.abort(s.conn, s.peer, err)
				}
			}
		})
	}
}

// serve answers one request.
func (s fileServer) serve(stream *quicgo.Stream) error {
	cfg := &s.n.cfg
	stream.SetPriority(urgencyFiles, true)
	if err := stream.SetReadDeadline(time.Now().Add(cfg.HandshakeTimeout)); err != nil {
		return err
	}
	body, err := wire.ReadSession(stream, wire.KindFileRequest)
	if err != nil {
		return err
	}
	request, err := wire.DecodeFileRequest(body)
	if err != nil {
		return err
	}
	select {
	case s.n.serves <- struct{}{}:
		defer func() { <-s.n.serves }()
	default:
		return reply(stream, wire.FileReply{Status: wire.FileBusy})
	}
	file, size, err := s.n.handler.ServeFile(request.Name)
	if err != nil {
		return reply(stream, wire.FileReply{Status: statusOf(err)})
	}
	err = s.transfer(stream, file, size, request.Offset)
	return errors.Join(err, file.Close())
}

func statusOf(err error) wire.FileStatus {
	if errors.Is(err, transport.ErrNotFound) {
		return wire.FileNotFound
	}
	return wire.FileFailed
}

// reply answers with a status and ends the stream.
func reply(stream *quicgo.Stream, r wire.FileReply) error {
	if _, err := stream.Write(wire.AppendFileReply(nil, r)); err != nil {
		return err
	}
	return stream.Close()
}

// transfer sends a file from an offset on, at the rate that is allowed.
func (s fileServer) transfer(stream *quicgo.Stream, file io.ReadSeeker, size int64, offset uint64) error {
	if size < 0 || offset > math.MaxInt64 || int64(offset) > size {
		return reply(stream, wire.FileReply{Status: wire.FileBadOffset})
	}
	if _, err := file.Seek(int64(offset), io.SeekStart); err != nil {
		return reply(stream, wire.FileReply{Status: wire.FileFailed})
	}
	buf := wire.AppendFileReply(make([]byte, 0, fileStepBytes), wire.FileReply{Size: uint64(size)})
	if _, err := stream.Write(buf); err != nil {
		return err
	}
	buf = buf[:cap(buf)]
	for left := size - int64(offset); left > 0; {
		step := buf[:min(int64(len(buf)), left)]
		if _, err := io.ReadFull(file, step); err != nil {
			return fmt.Errorf("quic: serve a file: %w", err)
		}
		if err := s.n.files.wait(s.conn.Context(), len(step)); err != nil {
			return err
		}
		if err := stream.SetWriteDeadline(time.Now().Add(s.n.cfg.StallTimeout)); err != nil {
			return err
		}
		if _, err := stream.Write(step); err != nil {
			return err
		}
		left -= int64(len(step))
	}
	return stream.Close()
}

// limiter spreads bytes over time: each caller waits until those before it are
// through at the given rate.
type limiter struct {
	bytesPerSecond int // 0: no bound

	mu   sync.Mutex // guards all below
	free time.Time  // when all that was let through so far is paid for
}

func newLimiter(bytesPerSecond int) *limiter { return &limiter{bytesPerSecond: bytesPerSecond} }

// wait returns when size bytes may be sent, or ctx ends.
func (m *limiter) wait(ctx context.Context, size int) error {
	if m.bytesPerSecond == 0 {
		return nil
	}
	pause := m.reserve(time.Now(), size)
	if pause <= 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reserve says how long to wait before sending size bytes.
func (m *limiter) reserve(now time.Time, size int) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.free.Before(now) {
		m.free = now
	}
	pause := m.free.Sub(now)
	m.free = m.free.Add(time.Duration(float64(size) / float64(m.bytesPerSecond) * float64(time.Second)))
	return pause
}
