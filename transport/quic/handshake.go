package quic

import (
	"context"
	"errors"
	"net"
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

// handshakeKey is the context key of a connection's *handshake.
type handshakeKey struct{}

// handshake is a TLS handshake under way on the accepting side.
type handshake struct {
	n    *Network
	once sync.Once
}

func (h *handshake) end() { h.once.Do(func() { h.n.pending.Add(-1) }) }

// endHandshake notes that a connection's handshake succeeded.
func endHandshake(ctx context.Context) {
	if h, ok := ctx.Value(handshakeKey{}).(*handshake); ok {
		h.end()
	}
}

// watchHandshake is told of every connection before its handshake. It counts those
// that fail, which the listener never shows, and those under way, of which there are only
// so many: those who prove their address and then say nothing more fill no memory.
func (n *Network) watchHandshake(ctx context.Context, info *quicgo.ClientInfo) (context.Context, error) {
	if n.pending.Load() >= handshakesUnderWay {
		err := refuse(ReasonBusy, "quic: %d handshakes are under way", handshakesUnderWay)
		n.refusals.note(err, "address", info.RemoteAddr.String())
		return nil, err
	}
	h := &handshake{n: n}
	n.pending.Add(1)
	// Nobody waits for this function: it runs once, when the connection has ended,
	// and only counts.
	context.AfterFunc(ctx, func() {
		h.end()
		var tr *quicgo.TransportError
		if err := context.Cause(ctx); errors.As(err, &tr) {
			n.refusals.note(err, "address", info.RemoteAddr.String())
		}
	})
	return context.WithValue(ctx, handshakeKey{}, h), nil
}

// crowded makes whoever dials prove its address first while many handshakes are
// under way (RFC 9000 §8.1.2): a flood from forged addresses then costs this node
// an answer each, and no handshake.
func (n *Network) crowded(net.Addr) bool {
	if n.pending.Load() < handshakesTrusted {
		return false
	}
	n.retries.Add(1)
	return true
}
