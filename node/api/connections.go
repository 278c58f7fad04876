package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/internal/metric"
)

// Why this node closed a connection over TCP, as the metric has it.
const (
	reasonTooMany = "too-many" // there are as many as there may be
	reasonShare   = "share"    // its network has its share, and more than half are taken
	reasonStalled = "stalled"  // it brought no request for requestTimeout or longer
)

const (
	// requestTimeout is how long each step may take until a connection's first request has
	// come: the handshake, and the headers.
	requestTimeout = headerReadTimeout
	// connectionsShare is the part of the connections that one network may hold while more
	// than half are taken.
	connectionsShare = 4
	// refusedSaid is how often the log says at most that connections are refused.
	refusedSaid = time.Minute

	// networkBits4 and networkBits6 are what tells one network from another. Why not all of
	// an IPv6 address: who has one has as many as there are behind such a prefix.
	networkBits4, networkBits6 = 32, 64
)

// connections bounds those that clients hold over TCP.
//
// Why refuse and not wait, as golang.org/x/net/netutil does: connections that wait are in the
// kernel's queue, where a client learns nothing until its own time is up. One that is refused
// asks another node at once.
type connections struct {
	most   int
	log    *slog.Logger
	open   prometheus.Gauge
	closed *prometheus.CounterVec

	mu     sync.Mutex // guards what follows
	held   int
	from   map[netip.Prefix]int // held, by network; what has none is not there
	said   time.Time            // when the log last said that some are refused
	silent int                  // refused since without a line
}

func newConnections(most int, registry *prometheus.Registry, log *slog.Logger) (*connections, error) {
	c := &connections{
		most: most, log: log, from: map[netip.Prefix]int{},
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: metric.APIConnections, Help: "Connections of clients over TCP, those whose handshake is under way included.",
		}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metric.APIClosedTotal, Help: "Connections of clients over TCP that this node refused, or that brought it no request in time, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{reasonTooMany, reasonShare, reasonStalled} {
		c.closed.WithLabelValues(reason)
	}
	for _, m := range []prometheus.Collector{c.open, c.closed} {
		if err := registry.Register(m); err != nil {
			return nil, fmt.Errorf("api: register metrics: %w", err)
		}
	}
	return c, nil
}

// enter takes a place for a connection from a network, or tells why there is none.
func (c *connections) enter(from netip.Prefix) (refused string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.held >= c.most:
		return reasonTooMany
	case c.held >= c.most/2 && c.from[from] >= max(c.most/connectionsShare, 1):
		return reasonShare
	}
	c.held++
	c.from[from]++
	c.open.Set(float64(c.held))
	return ""
}

func (c *connections) leave(from netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held--
	if c.from[from]--; c.from[from] == 0 {
		delete(c.from, from)
	}
	c.open.Set(float64(c.held))
}

// refuse closes a connection that got no place.
func (c *connections) refuse(conn net.Conn, from netip.Prefix, reason string) {
	c.closed.WithLabelValues(reason).Inc()
	// Why: a connection that is reset leaves nothing in the kernel, where one that is closed
	// waits for the other end. Its errors are those of a connection that is gone already.
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
	c.mu.Lock()
	held, hidden, due := c.held, c.silent, c.said.IsZero() || time.Since(c.said) >= refusedSaid
	if due {
		c.said, c.silent = time.Now(), 0
	} else {
		c.silent++
	}
	c.mu.Unlock()
	if due {
		c.log.Warn("connections of clients are refused, see limits.connections", "reason", reason, "network", from.String(), "held", held, "suppressed", hidden)
	}
}

// gate is a listener behind which connections are bounded.
type gate struct {
	net.Listener
	*connections
}

// Accept returns the next connection that got a place.
func (g gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := networkOf(conn.RemoteAddr())
		if reason := g.enter(from); reason != "" {
			g.refuse(conn, from, reason)
			continue
		}
		return &heldConn{Conn: conn, of: g.connections, from: from, since: time.Now()}, nil
	}
}

// heldConn is a connection with a place, which it gives back when it is closed.
type heldConn struct {
	net.Conn
	of    *connections
	from  netip.Prefix
	since time.Time
	asked atomic.Bool // a request has come over it
	ended sync.Once
}

// Close implements net.Conn.
func (h *heldConn) Close() error {
	err := h.Conn.Close()
	h.ended.Do(func() {
		h.of.leave(h.from)
		if !h.asked.Load() && time.Since(h.since) >= requestTimeout {
			h.of.closed.WithLabelValues(reasonStalled).Inc()
		}
	})
	return err
}

// noteRequest notes that a request has come over the connection of a context that withCaller
// made, or WithCaller, whose connections have no place here.
func noteRequest(ctx context.Context) {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok && c.conn != nil && !c.conn.asked.Load() {
		c.conn.asked.Store(true)
	}
}

// heldOf is the connection below TLS, nil where it has no place.
func heldOf(conn net.Conn) *heldConn {
	over, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	held, _ := over.NetConn().(*heldConn)
	return held
}

// networkOf is where an address is from; all that are not of IP share one network.
func networkOf(address net.Addr) netip.Prefix {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip, bits := tcp.AddrPort().Addr().Unmap().WithZone(""), networkBits6
	if ip.Is4() {
		bits = networkBits4
	}
	network, _ := ip.Prefix(bits) // Why unchecked: no address has fewer bits, and an error leaves none
	return network
}
