package quic

import (
	"errors"
	"io"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// readDatagrams hands over what arrives in DATAGRAM frames.
func (l *link) readDatagrams() {
	var frames []transport.Frame
	for {
		packet, err := l.conn.ReceiveDatagram(l.conn.Context())
		if err != nil {
			return // the connection ended
		}
		is, err := l.readCheck(packet)
		if is && err == nil {
			continue
		}
		if err == nil {
			frames, err = wire.DecodePacket(packet, transport.ClassControl, frames[:0])
		}
		if err != nil {
			l.abort(err)
			return
		}
		if len(frames) > 0 {
			l.p.n.handler.Deliver(l.sender(), frames)
		}
		clear(frames)
	}
}

// readStreams starts a reader for each stream of frames the peer opens.
func (l *link) readStreams() {
	for {
		stream, err := l.conn.AcceptUniStream(l.conn.Context())
		if err != nil {
			return // the connection ended
		}
		l.wg.Go(func() {
			if err := l.readStream(stream); errors.Is(err, wire.ErrMalformed) {
				l.abort(err)
			}
		})
	}
}

// readStream hands over the frames of a stream, as many at once as have arrived.
func (l *link) readStream(stream *quicgo.ReceiveStream) error {
	var first [1]byte
	if _, err := io.ReadFull(stream, first[:]); err != nil {
		return err
	}
	if first[0] == bundleMark {
		return l.readBundle(stream)
	}
	class := transport.Class(first[0])
	if class >= transport.ClassCount {
		return refuse(ReasonMalformed, "quic: %w: a stream of class %d", wire.ErrMalformed, first[0])
	}
	reader := wire.NewReader(stream, class)
	var frames []transport.Frame
	for {
		frames = frames[:0]
		var err error
		for err == nil && (len(frames) == 0 || len(frames) < deliverFramesMax && reader.Ready()) {
			var f transport.Frame
			if f, err = reader.Next(); err == nil {
				frames = append(frames, f)
			}
		}
		if len(frames) > 0 {
			l.p.n.handler.Deliver(l.sender(), frames)
		}
		clear(frames)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return refuse(ReasonMalformed, "quic: %w: a stream ends within a frame", wire.ErrMalformed)
		}
		if err != nil {
			return err
		}
	}
}

// abort counts what the peer did wrong and ends the connection.
func (l *link) abort(err error) { l.p.n.abort(l.conn, l.p.id, err) }

// abort ends a connection of a peer's for bytes that no correct peer sends.
func (n *Network) abort(conn *quicgo.Conn, peer raft.NodeID, err error) {
	n.refusals.note(err, "peer", peer)
	_ = conn.CloseWithError(codeMalformed, "malformed frame")
}
