package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// Config is what a Server needs besides its backend.
type Config struct {
	// Node is this node's ID; every answer carries it. Required.
	Node client.NodeID
	// Cluster is the name of the cluster, which clients' certificates must name. Required
	// with ClientAuth.
	Cluster string
	// TLS is made by ServerTLS. Required.
	TLS *tls.Config
	// Trust returns whose client certificates count now. Required with ClientAuth.
	Trust func() *pki.Trust
	// ClientAuth refuses requests of clients without a certificate that is trusted, or a token,
	// with a role that may do it, except to the probes. Without, everybody may do everything.
	ClientAuth bool
	// Asked returns a context that names who asks, for the audit; requests that need more than
	// to read and to write get one. nil leaves it out.
	Asked func(ctx context.Context, name string) context.Context
	// CommandBytesMax is the longest command or query; default 1 MiB.
	CommandBytesMax int64
	// ModuleBytesMax is the largest module; default 64 MiB.
	ModuleBytesMax int64
	// ConnectionsMax bounds the connections over TCP, handshakes under way included; default
	// 4096. While more than half are taken, one address may hold a quarter.
	ConnectionsMax int
	// AltSvc is the value of the header Alt-Svc on every answer (RFC 7838): what else
	// this node is spoken to with, and where. "" is nothing else.
	AltSvc string
	// Tracer makes a span of each request that is admitted, and hands its context to the
	// backend when it is sampled; nil: none are made.
	Tracer trace.Tracer
	// Metrics is served at /metrics and gets the server's own metrics. Required.
	Metrics *prometheus.Registry
	// Log hears of answers that say "internal error". Required.
	Log *slog.Logger
}

const (
	commandBytesDefault = 1 << 20
	moduleBytesDefault  = 64 << 20
	connectionsDefault  = 4096

	headerBytesMax    = 64 << 10
	headerReadTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	// Why so many: one client connection may carry all its goroutines' requests,
	// and each waits a replication's time.
	streamsPerConnMax = 1024
)

func (c Config) withDefaults() Config {
	if c.CommandBytesMax == 0 {
		c.CommandBytesMax = commandBytesDefault
	}
	if c.ModuleBytesMax == 0 {
		c.ModuleBytesMax = moduleBytesDefault
	}
	if c.ConnectionsMax == 0 {
		c.ConnectionsMax = connectionsDefault
	}
	return c
}

// Validate joins all problems of the configuration.
func (c Config) Validate() error {
	var problems []error
	if c.Node == 0 {
		problems = append(problems, errors.New("Node is missing"))
	}
	if c.TLS == nil {
		problems = append(problems, errors.New("TLS is missing"))
	} else if c.ClientAuth && (c.TLS.ClientAuth == tls.NoClientCert || c.Trust == nil || c.Cluster == "") {
		problems = append(problems, errors.New("ClientAuth needs a TLS configuration that asks for certificates, Trust and Cluster"))
	}
	if c.CommandBytesMax < 0 || c.ModuleBytesMax < 0 || c.ConnectionsMax < 0 {
		problems = append(problems, errors.New("limits must not be negative"))
	}
	if c.Metrics == nil || c.Log == nil {
		problems = append(problems, errors.New("Metrics and Log are required"))
	}
	return errors.Join(problems...)
}

// ServerTLS is the TLS configuration of an API server: TLS 1.3 only, HTTP/2 before
// HTTP/1.1. certificate is asked at each handshake. The handshake asks for a client
// certificate and takes any; the server verifies it before it answers, see Config.ClientAuth.
//
// Why not in the handshake: TLS 1.3 lets the client finish first, so a refusal
// there reaches it as an alert or as a broken connection, as luck will have it. A
// refusal in HTTP says what to do, and never looks like a lost command.
func ServerTLS(certificate func() (tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := certificate()
			return &cert, err
		},
		ClientAuth: tls.RequestClientCert,
		NextProtos: []string{"h2", "http/1.1"},
	}
}

// Backend is the node a Server speaks for.
type Backend struct {
	Commands
	Queries
	Catalogue
	Upgrades
	Snapshots
	Emissions
	Logs
	Entries
	Backups
	Deletions
	Members
	Tokens
	Joins
	Audit
	Cluster
}

// Server answers the API of one node.
type Server struct {
	config  Config
	backend Backend
	http    *http.Server
	metrics *metrics
	// inflight counts the commands, queries and sessions under way.
	inflight    *inflight
	streams     *streams
	connections *connections
}

// New makes a server that does not listen yet.
func New(config Config, backend Backend) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("api: configuration: %w", err)
	}
	s := &Server{config: config.withDefaults(), backend: backend, inflight: newInflight(load{inflightMax, inflightBytesMax})}
	m, err := newMetrics(config.Metrics, s.inflight)
	if err != nil {
		return nil, err
	}
	s.metrics = m
	if s.streams, err = newStreams(config.Metrics); err != nil {
		return nil, err
	}
	if s.connections, err = newConnections(s.config.ConnectionsMax, config.Metrics, config.Log); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		TLSConfig:         config.TLS,
		ReadHeaderTimeout: headerReadTimeout,
		ReadTimeout:       timeoutMax,
		WriteTimeout:      timeoutMax + headerReadTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ConnContext:       withCaller,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsPerConnMax},
		// Why debug: what net/http reports here are strangers' failed handshakes.
		ErrorLog: slog.NewLogLogger(config.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Handler is the whole API as a handler, for tests and other listeners.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Serve answers connections of l until Shutdown, and then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.ServeTLS(gate{l, s.connections}, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("api: serve %v: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown stops listening, ends streams and waits for running requests. When ctx ends first it
// cuts their connections and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.streams.close()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("api: shut down: %w", err), s.http.Close())
	}
	return nil
}
