package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"golang.org/x/sync/semaphore"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api"
)

// conn is one client's connection.
type conn struct {
	s     *Server
	quic  *quicgo.Conn
	peer  *api.Peer
	alpn  string              // the version that was negotiated
	slots *semaphore.Weighted // of requests
	bytes *semaphore.Weighted

	workers *workers // of requests
	readers sync.WaitGroup

	// mu guards the fields below.
	mu      sync.Mutex
	lanes   []*lane
	cancels map[uint64]context.CancelFunc // of requests under way, by ID
	leaving bool                          // further requests are refused
	// strange is why this client may ask nothing yet but who it is, by a token; nil: it may.
	strange error
	late    *time.Timer // closes the connection of one that stays strange
	token   bool        // one was shown
}

func newConn(s *Server, quic *quicgo.Conn) *conn {
	state := quic.ConnectionState().TLS
	return &conn{
		s: s, quic: quic, peer: api.NewPeer(state.PeerCertificates, s.config.Cluster, quic.RemoteAddr()), alpn: state.NegotiatedProtocol, slots: semaphore.NewWeighted(int64(s.config.InflightMax)),
		bytes: semaphore.NewWeighted(s.config.InflightBytesMax / connectionShare), cancels: make(map[uint64]context.CancelFunc),
		workers: newWorkers(quic.Context()),
	}
}

// serve answers what comes until the connection has ended.
func (c *conn) serve() {
	c.greet()
	defer c.admit()
	for {
		stream, err := c.quic.AcceptStream(c.quic.Context())
		if err != nil {
			break
		}
		c.open(stream)
	}
	<-c.quic.Context().Done() // Why: accepting fails somewhat sooner
	c.mu.Lock()
	lanes := c.lanes
	c.mu.Unlock()
	for _, l := range lanes {
		l.out.Close(context.Cause(c.quic.Context()))
	}
	c.readers.Wait()
	c.workers.wait() // Why last: readers begin them; their contexts have ended
}

// open begins to serve a stream.
func (c *conn) open(stream *quicgo.Stream) {
	l := &lane{c: c, stream: stream, out: wire.NewOutbox(&steadyWriter{stream, c.s.config.StallTimeout})}
	c.mu.Lock()
	if len(c.lanes) == lanesMax {
		c.mu.Unlock()
		c.fail(fmt.Errorf("%w: more than %d streams", wire.ErrMalformed, lanesMax))
		return
	}
	c.lanes = append(c.lanes, l)
	leaving := c.leaving
	c.mu.Unlock()
	c.readers.Go(l.read)
	c.readers.Go(l.write)
	if leaving {
		l.bye(c.quic.Context())
	}
}

// begin enters a request; ok is false when there is another one of its ID.
func (c *conn) begin(id uint64, cancel context.CancelFunc) (leaving, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.cancels[id]; taken {
		return false, false
	}
	c.cancels[id] = cancel
	return c.leaving, true
}

// end strikes out a request.
func (c *conn) end(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.cancels, id)
}

// cancel ends the time of a request that nobody waits for any more.
func (c *conn) cancel(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel, ok := c.cancels[id]; ok {
		cancel()
	}
}

// fail closes the connection for what came over it, or did not. Other errors are those
// of a connection that ends anyway, or of a client that gave up one of its streams.
func (c *conn) fail(err error) {
	switch {
	case errors.Is(err, errStrange):
		c.s.metrics.closed.WithLabelValues(reasonNoCertificate).Inc()
		c.close(wire.CloseNoCertificate, api.ProblemOf(c.quic.Context(), err).Detail)
	case errors.Is(err, wire.ErrMalformed):
		c.s.metrics.closed.WithLabelValues(reasonMalformed).Inc()
		c.close(wire.CloseMalformed, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.s.metrics.closed.WithLabelValues(reasonStalled).Inc()
		c.close(wire.CloseStalled, err.Error())
	default:
		c.close(wire.CloseEnded, err.Error())
	}
}

// reasonBytesMax bounds what a closed connection's client is told.
const reasonBytesMax = 200

func (c *conn) close(code wire.CloseCode, reason string) {
	// Why the error is dropped: it would be that the connection has ended.
	_ = c.quic.CloseWithError(quicgo.ApplicationErrorCode(code), fmt.Sprintf("%.*s", reasonBytesMax, reason))
}

// drain has the client leave: no further requests, those under way are answered, and
// then the client closes the connection, or else this node does.
func (c *conn) drain(ctx context.Context) {
	c.mu.Lock()
	c.leaving = true
	lanes := c.lanes
	c.mu.Unlock()
	for _, l := range lanes {
		l.bye(ctx)
	}
	if len(lanes) > 0 {
		c.await(ctx)
	}
	c.close(wire.CloseEnded, "shutting down")
}

// await returns when nothing is under way and the client has left or had the time to.
func (c *conn) await(ctx context.Context) {
	ticks := time.NewTicker(drainInterval)
	defer ticks.Stop()
	var idle time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.quic.Context().Done():
			return
		case now := <-ticks.C:
			switch {
			case c.busy():
				idle = time.Time{}
			case idle.IsZero():
				idle = now
			case now.Sub(idle) >= lingerTimeout:
				return
			}
		}
	}
}

// busy reports requests under way and answers that wait to be written.
func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := int64(c.s.config.InflightMax)
	if !c.slots.TryAcquire(all) {
		return true
	}
	c.slots.Release(all)
	return slices.ContainsFunc(c.lanes, func(l *lane) bool { return !l.out.Idle() })
}

// drainInterval is how often a connection that is to end is looked at.
const drainInterval = 10 * time.Millisecond

// leavingProblem is what requests are refused with while the node shuts down.
func leavingProblem() *client.Problem {
	return client.NewProblem(client.CodeShuttingDown, "the node takes no further requests")
}
