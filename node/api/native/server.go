package native

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	quicgo "github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/semaphore"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
)

// Backend is what this protocol needs of a node; package api says what the methods do.
type Backend interface {
	api.Commands
	api.Queries
	api.TokenFinder
	api.Emissions
	Machine(ctx context.Context, name string, export bool) (client.MachineInfo, error)
}

// Bounds is what all clients of a node share; *api.Server has it.
type Bounds interface {
	Enter(who string, bytes int64) (leave func(), err error)
	EnterBatch(who string, commands int) (atOnce int, leave func(), err error)
	EnterEvents() (leave func(), err error)
}

// Config is what a Server needs besides its backend.
type Config struct {
	// Conn carries the packets. The caller closes it, after Shutdown. Required.
	Conn net.PacketConn
	// TLS is made by api.ServerTLS. Required.
	TLS *tls.Config
	// Cluster is the name of the cluster, which clients' certificates must name. Required
	// with ClientAuth.
	Cluster string
	// Trust returns whose client certificates count now. Required with ClientAuth.
	Trust func() *pki.Trust
	// ClientAuth refuses requests of clients without a certificate that is trusted, or a token,
	// with a role that may do it. Without, everybody may do everything.
	ClientAuth bool
	// HTTP3 answers requests over HTTP/3 on the same port; nil: that is not served.
	HTTP3 http.Handler
	// Off leaves the port to HTTP3.
	Off bool
	// CommandBytesMax is the longest command or query; default 1 MiB.
	CommandBytesMax int64
	// ConnectionsMax bounds connections, handshakes under way included; default 4096.
	ConnectionsMax int
	// InflightMax bounds the requests of a connection that are under way, the commands of
	// batches included; default 1024. A connection that has as many is not read.
	InflightMax int
	// InflightBytesMax bounds the bytes of requests under way, of all connections
	// together; default 256 MiB. One connection may use a quarter.
	InflightBytesMax int64
	// StallTimeout is how long a frame may take to arrive, and an answer to leave;
	// default 30s.
	StallTimeout time.Duration
	// TokenTimeout is how long a client without a good certificate may take to show a token;
	// default 5s.
	TokenTimeout time.Duration
	// EventsWait is how long a request for events may wait for one at most: as often, its client
	// gets a sign of life, and its right to read is looked at. Default 5s.
	EventsWait time.Duration
	// Versions are those of the protocol that clients may negotiate, the best first; default
	// all. Tests stand in for older nodes with it.
	Versions []string
	// Bounds says how much may be under way at the node. Required.
	Bounds Bounds
	// Tracer makes a span of each request that is admitted, as api.Config's.
	Tracer trace.Tracer
	// Metrics gets the server's metrics. Required.
	Metrics *prometheus.Registry
	// Log hears of answers that say "internal error". Required.
	Log *slog.Logger
}

const (
	commandBytesDefault  = 1 << 20
	connectionsDefault   = 4096
	inflightDefault      = 1024
	inflightBytesDefault = 256 << 20
	connectionShare      = 4
	stallTimeoutDefault  = 30 * time.Second
	tokenTimeoutDefault  = 5 * time.Second
	eventsWaitDefault    = 5 * time.Second

	// lanesMax is how many streams a client may open. QUIC lets it open http3StreamsMax when the
	// port has HTTP/3 as well: what is negotiated shows only afterwards.
	lanesMax          = 4
	http3StreamsMax   = 1024
	http3UniMax       = 8
	connectionIDBytes = 12
	handshakeTimeout  = 5 * time.Second
	idleTimeout       = 30 * time.Second
	// handshakesTrusted is how many handshakes may be under way before whoever dials has
	// to prove its address first (RFC 9000 §8.1.2).
	handshakesTrusted = 64
	// lingerTimeout is how long an idle client is given to leave by itself.
	lingerTimeout = time.Second

	streamWindowFirst, streamWindowMost         = 256 << 10, 2 << 20
	connectionWindowFirst, connectionWindowMost = 512 << 10, 4 << 20
)

func (c Config) withDefaults() Config {
	if c.CommandBytesMax == 0 {
		c.CommandBytesMax = commandBytesDefault
	}
	if c.ConnectionsMax == 0 {
		c.ConnectionsMax = connectionsDefault
	}
	if c.InflightMax == 0 {
		c.InflightMax = inflightDefault
	}
	if c.InflightBytesMax == 0 {
		c.InflightBytesMax = inflightBytesDefault
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = stallTimeoutDefault
	}
	if c.TokenTimeout == 0 {
		c.TokenTimeout = tokenTimeoutDefault
	}
	if c.EventsWait == 0 {
		c.EventsWait = eventsWaitDefault
	}
	if c.Versions == nil {
		c.Versions = wire.ALPNs()
	}
	return c
}

// Validate joins all problems of the configuration.
func (c Config) Validate() error {
	var problems []error
	if c.Conn == nil || c.Bounds == nil || c.Metrics == nil || c.Log == nil {
		problems = append(problems, errors.New("Conn, Bounds, Metrics and Log are required"))
	}
	if c.TLS == nil || c.TLS.GetCertificate == nil {
		problems = append(problems, errors.New("TLS with GetCertificate is required"))
	} else if c.ClientAuth && (c.TLS.ClientAuth == tls.NoClientCert || c.Trust == nil || c.Cluster == "") {
		problems = append(problems, errors.New("ClientAuth needs a TLS configuration that asks for certificates, Trust and Cluster"))
	}
	if c.Off && c.HTTP3 == nil {
		problems = append(problems, errors.New("Off without HTTP3 serves nobody"))
	}
	if c.CommandBytesMax < 0 || c.ConnectionsMax < 0 || c.InflightMax < 0 || c.InflightBytesMax < 0 || c.StallTimeout < 0 || c.TokenTimeout < 0 || c.EventsWait < 0 {
		problems = append(problems, errors.New("limits must not be negative"))
	}
	d := c.withDefaults()
	if d.CommandBytesMax > wire.DataBytesMax {
		problems = append(problems, fmt.Errorf("CommandBytesMax: at most %d is possible", wire.DataBytesMax))
	}
	if d.InflightBytesMax/connectionShare < wire.RequestBytesMax {
		problems = append(problems, errors.New("InflightBytesMax: a connection's share is less than a request"))
	}
	return errors.Join(problems...)
}

// Server answers the native protocol for one node.
type Server struct {
	config    Config
	backend   Backend
	metrics   *metrics
	transport *quicgo.Transport
	listener  *quicgo.Listener
	http3     *overQUIC // nil: not served
	// bytes is what requests under way may hold, of all connections.
	bytes *semaphore.Weighted
	// here counts connections, pending those of them whose handshake is under way.
	here, pending atomic.Int64
	wg            sync.WaitGroup // connections
	// closing is closed when the server ends: who waits for events goes elsewhere.
	closing chan struct{}

	// mu guards the fields below.
	mu    sync.Mutex
	conns map[*conn]struct{}
	ends  bool // no further ones
}

// New makes a server that listens, but answers only after Serve was called.
func New(config Config, backend Backend) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("native: configuration: %w", err)
	}
	config = config.withDefaults()
	s := &Server{config: config, backend: backend, closing: make(chan struct{}), conns: make(map[*conn]struct{}), bytes: semaphore.NewWeighted(config.InflightBytesMax)}
	var err error
	if s.metrics, err = newMetrics(config.Metrics); err != nil {
		return nil, err
	}
	key, err := resetKey(config.TLS)
	if err != nil {
		return nil, err
	}
	s.transport = &quicgo.Transport{
		Conn: config.Conn, ConnectionIDLength: connectionIDBytes, StatelessResetKey: key, ConnContext: s.admit,
		VerifySourceAddress: s.doubts,
	}
	conf := config.TLS.Clone()
	conf.NextProtos = config.protocols()
	// Why no tickets: a resumed session would not look at certificates again.
	conf.SessionTicketsDisabled = true
	streams, uniStreams := int64(lanesMax), int64(-1)
	if config.HTTP3 != nil {
		s.http3 = newOverQUIC(config.HTTP3, config.Log)
		streams, uniStreams = http3StreamsMax, http3UniMax
	}
	s.listener, err = s.transport.Listen(conf, &quicgo.Config{
		HandshakeIdleTimeout: handshakeTimeout, MaxIdleTimeout: idleTimeout,
		InitialStreamReceiveWindow: streamWindowFirst, MaxStreamReceiveWindow: streamWindowMost,
		InitialConnectionReceiveWindow: connectionWindowFirst, MaxConnectionReceiveWindow: connectionWindowMost,
		MaxIncomingStreams: streams, MaxIncomingUniStreams: uniStreams,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("native: listen: %w", err), s.transport.Close())
	}
	return s, nil
}

// protocols are what clients may negotiate, the native one first.
func (c Config) protocols() (all []string) {
	if !c.Off {
		all = append(all, c.Versions...)
	}
	if c.HTTP3 != nil {
		all = append(all, http3.NextProtoH3)
	}
	return all
}

// AltSvc is the value of the header Alt-Svc that tells clients of a Server on the same
// port as the API at address.
func AltSvc(address net.Addr) string {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return ""
	}
	return fmt.Sprintf(`%s=":%s"`, wire.AltSvc, port)
}

// handshakeKey finds a connection's func() that ends its handshake.
type handshakeKey struct{}

// doubts reports whether who dials has to prove its address first (RFC 9000 §8.1.2), which costs
// it one round trip, and this node no handshake for an address at which nobody is.
func (s *Server) doubts(net.Addr) bool {
	if s.pending.Load() < handshakesTrusted {
		return false
	}
	s.metrics.retries.Inc()
	return true
}

// admit is asked about every connection before its handshake.
func (s *Server) admit(ctx context.Context, _ *quicgo.ClientInfo) (context.Context, error) {
	if s.here.Add(1) > int64(s.config.ConnectionsMax) {
		s.here.Add(-1)
		s.metrics.closed.WithLabelValues(reasonTooMany).Inc()
		return nil, errors.New("native: too many connections")
	}
	s.pending.Add(1)
	end := sync.OnceFunc(func() { s.pending.Add(-1) })
	// Nobody waits for this function: it runs once, when the connection has ended, and
	// only counts.
	context.AfterFunc(ctx, func() {
		end()
		s.here.Add(-1)
	})
	return context.WithValue(ctx, handshakeKey{}, end), nil
}

// Serve answers connections until Shutdown, and then returns nil.
func (s *Server) Serve() error {
	for {
		quic, err := s.listener.Accept(context.Background())
		if errors.Is(err, quicgo.ErrServerClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("native: serve %v: %w", s.config.Conn.LocalAddr(), err)
		}
		if end, ok := quic.Context().Value(handshakeKey{}).(func()); ok {
			end()
		}
		if quic.ConnectionState().TLS.NegotiatedProtocol == http3.NextProtoH3 {
			s.hand(quic)
		} else {
			s.take(quic)
		}
	}
}

// take serves a connection, unless there are to be no more.
func (s *Server) take(quic *quicgo.Conn) {
	c := newConn(s, quic)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends {
		c.close(wire.CloseEnded, "shutting down")
		return
	}
	s.conns[c] = struct{}{}
	s.metrics.connections.Set(float64(len(s.conns)))
	s.wg.Go(func() {
		c.serve()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
		s.metrics.connections.Set(float64(len(s.conns)))
	})
}

// hand has HTTP/3 serve a connection.
func (s *Server) hand(quic *quicgo.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends {
		// Why the error is dropped: it would be that the connection has ended.
		_ = quic.CloseWithError(0, "shutting down")
		return
	}
	s.wg.Go(func() { s.http3.serve(quic) })
}

// Shutdown stops listening, tells clients to go elsewhere and waits for running
// requests. When ctx ends first it cuts their connections and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.ends {
		close(s.closing)
	}
	s.ends = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	problems := []error{s.listener.Close()}
	var wg sync.WaitGroup
	if s.http3 != nil {
		wg.Go(func() { problems = append(problems, s.http3.shutdown(ctx)) })
	}
	for _, c := range conns {
		wg.Go(func() { c.drain(ctx) })
	}
	wg.Wait()
	s.wg.Wait()
	if err := ctx.Err(); err != nil && len(conns) > 0 {
		problems = append(problems, fmt.Errorf("native: shut down: %w", err))
	}
	return errors.Join(append(problems, s.transport.Close())...)
}

// resetKey is the key of stateless resets (RFC 9000 §10.3): a restarted node tells its
// clients with it that their connections are dead.
func resetKey(conf *tls.Config) (*quicgo.StatelessResetKey, error) {
	cert, err := conf.GetCertificate(nil)
	if err != nil {
		return nil, fmt.Errorf("native: own certificate: %w", err)
	}
	key, err := pki.DeriveKey(*cert, "wraft client stateless reset")
	return (*quicgo.StatelessResetKey)(&key), err
}
