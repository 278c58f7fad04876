package quic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/transport/wire"
)

// backoff is the pause between attempts to connect: none before the first, then
// doubling from min to max, each spread by half.
type backoff struct {
	min, max time.Duration
	chance   *rand.Rand
	last     time.Duration
}

func (b *backoff) reset() { b.last = 0 }

// next returns how long to wait before the next attempt.
func (b *backoff) next() time.Duration {
	pause := b.last
	b.last = min(max(2*b.last, b.min), b.max)
	if pause == 0 {
		return 0
	}
	return pause/2 + time.Duration(b.chance.Int64N(int64(pause)))
}

// dial tries to connect until it succeeds; it returns nil when ctx ended.
func (p *peer) dial(ctx context.Context, pause *backoff) *link {
	for {
		timer := time.NewTimer(pause.next())
		select {
		case <-timer.C:
		case <-p.kick:
			pause.reset()
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
		l, err := p.dialOnce(ctx)
		if err == nil {
			return l
		}
		if ctx.Err() == nil {
			p.blame(err)
			p.n.refusals.note(err, "peer", p.id)
			p.n.cfg.Logger.Debug("dialling failed", "node", p.n.cfg.Node, "peer", p.id, "err", err)
		}
	}
}

// dialOnce connects and says hello.
func (p *peer) dialOnce(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, p.n.cfg.HandshakeTimeout)
	defer cancel()
	address, err := p.n.cfg.Resolve(ctx, p.target(cancel))
	if err != nil {
		return nil, &addressError{fmt.Errorf("quic: dial %v: %w", p.id, err)}
	}
	conn, err := p.n.transport.Dial(ctx, address, p.n.clientTLS(p.id, ALPN), p.n.quicConfig())
	if err != nil {
		return nil, fmt.Errorf("quic: dial %v at %s: %w", p.id, address, err)
	}
	p.reached(true)
	defer p.reached(false)
	unwatch := context.AfterFunc(ctx, func() { _ = conn.CloseWithError(endCode(ctx)) })
	defer unwatch()
	own, hello, err := p.sayHello(ctx, conn)
	if err != nil {
		// Why the cause: when the other side closed the connection, it says why.
		if cause := context.Cause(conn.Context()); cause != nil {
			err = cause
		}
		_ = conn.CloseWithError(helloCode(err), "hello refused")
		return nil, fmt.Errorf("quic: hello to %v: %w", p.id, err)
	}
	return newLink(p, conn, own, hello), nil
}

// endCode is how a connection is closed whose attempt ended before its hello: only
// one that took too long is the peer's fault.
func endCode(ctx context.Context) (quicgo.ApplicationErrorCode, string) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return codeHello, "no hello in time"
	}
	return codeReplaced, "the attempt was given up"
}

// ownHello is what this node says about itself.
func (n *Network) ownHello(connection uint64) wire.Hello {
	return wire.Hello{
		VersionMin: protocolVersion, VersionMax: protocolVersion, Cluster: n.cfg.Cluster, Node: n.cfg.Node,
		Incarnation: n.life(), Boot: n.cfg.Boot, Connection: connection, Features: n.features(),
	}
}
