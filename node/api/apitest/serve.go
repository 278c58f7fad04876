package apitest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/native"
)

const (
	clusterName     = "test"
	certValidity    = time.Hour
	shutdownTimeout = 10 * time.Second
)

// Options change what Start serves; the zero value is a server with the usual
// limits that asks for client certificates.
type Options struct {
	CommandBytesMax int64
	ModuleBytesMax  int64
	NoClientAuth    bool
	// Native also serves the native protocol and HTTP/3, on the same port over UDP, and announces them.
	Native bool
	// Announce announces the native protocol without serving it.
	Announce bool
	// StallTimeout and Versions are native.Config's.
	StallTimeout time.Duration
	Versions     []string
	// ConnectionsMax is api.Config's.
	ConnectionsMax int
	// Listener takes the place of a port on loopback.
	Listener net.Listener
	// Log gets what the API logs; nil: nobody does.
	Log *slog.Logger
}

// Server is a backend on loopback.
type Server struct {
	// Address is host:port.
	Address string
	// Dir holds ca.crt, admin.crt and admin.key.
	Dir string
	API *api.Server
	// Native is nil without Options.Native. Metrics holds the metrics of both.
	Native    *native.Server
	Metrics   *prometheus.Registry
	authority *pki.Authority
	admin     pki.Pair
	trust     atomic.Pointer[pki.Trust]
}

// Start serves b until the test ends.
func Start(tb testing.TB, b *Backend, o Options) *Server {
	tb.Helper()
	now := time.Now()
	authority := must(pki.NewAuthority(clusterName, now))(tb)
	node := must(authority.IssueNode(1, []string{"127.0.0.1"}, now, certValidity))(tb)
	admin := must(authority.IssueClient("admin", pki.RoleAdmin, now, certValidity))(tb)
	s := &Server{Dir: tb.TempDir(), Metrics: prometheus.NewRegistry(), authority: authority, admin: admin}
	if err := authority.Save(s.Dir); err != nil {
		tb.Fatal(err)
	}
	if err := admin.Save(s.Dir, "admin"); err != nil {
		tb.Fatal(err)
	}
	s.trust.Store(must(pki.ParseTrust(authority.CertPEM()))(tb))
	conf := api.ServerTLS(node.TLS)
	l, udp := o.Listener, net.PacketConn(nil)
	if l == nil {
		l, udp = listen(tb, o.Native)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s.Address = l.Addr().String()
	b.address, b.authority = s.Address, authority
	altSvc := ""
	if o.Native || o.Announce {
		altSvc = native.AltSvc(l.Addr()) + ", " + native.AltSvcHTTP3(l.Addr())
	}
	s.API = must(api.New(api.Config{
		Node: b.node, Cluster: clusterName, TLS: conf, Trust: s.trust.Load, ClientAuth: !o.NoClientAuth, Asked: withAskedBy, CommandBytesMax: o.CommandBytesMax, ModuleBytesMax: o.ModuleBytesMax,
		ConnectionsMax: o.ConnectionsMax, AltSvc: altSvc, Metrics: s.Metrics, Log: o.Log,
	}, b.API()))(tb)
	if o.Native {
		s.serveNative(tb, native.Config{
			Conn: udp, Cluster: clusterName, TLS: conf, Trust: s.trust.Load, ClientAuth: !o.NoClientAuth, CommandBytesMax: o.CommandBytesMax, StallTimeout: o.StallTimeout, Versions: o.Versions,
			HTTP3: s.API.Handler(), Bounds: s.API, Metrics: s.Metrics, Log: slog.New(slog.DiscardHandler),
		}, b)
	}
	served := make(chan error, 1)
	go func() { served <- s.API.Serve(l) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := s.API.Shutdown(ctx); err != nil {
			tb.Errorf("shut down: %v", err)
		}
		if err := <-served; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	return s
}

// listenTries is how often another port is tried, because it is taken over UDP.
const listenTries = 20

// listen opens a free port, with udp for both TCP and UDP.
func listen(tb testing.TB, udp bool) (net.Listener, net.PacketConn) {
	tb.Helper()
	for range listenTries {
		l := must(net.Listen("tcp", "127.0.0.1:0"))(tb)
		if !udp {
			return l, nil
		}
		conn, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return l, conn
		}
		if err := l.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Fatal("no port is free for both TCP and UDP")
	return nil, nil
}

// serveNative serves the native protocol until the test ends.
func (s *Server) serveNative(tb testing.TB, config native.Config, b *Backend) {
	tb.Helper()
	s.Native = must(native.New(config, b))(tb)
	served := make(chan error, 1)
	go func() { served <- s.Native.Serve() }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := s.Native.Shutdown(ctx); err != nil {
			tb.Errorf("shut down: %v", err)
		}
		if err := <-served; err != nil {
			tb.Errorf("serve: %v", err)
		}
		if err := config.Conn.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
}

// ClientTLS trusts the server and shows the admin's certificate.
func (s *Server) ClientTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	c := s.AnonymousTLS()
	c.Certificates = []tls.Certificate{must(s.admin.TLS())(tb)}
	return c
}

// RoleTLS trusts the server and shows a certificate with a role.
func (s *Server) RoleTLS(tb testing.TB, role string) *tls.Config {
	tb.Helper()
	pair := must(s.authority.IssueClient("somebody", role, time.Now(), certValidity))(tb)
	c := s.AnonymousTLS()
	c.Certificates = []tls.Certificate{must(pair.TLS())(tb)}
	return c
}

// NodeTLS trusts the server and shows the certificate of node 1.
func (s *Server) NodeTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	pair := must(s.authority.IssueNode(1, nil, time.Now(), certValidity))(tb)
	c := s.AnonymousTLS()
	c.Certificates = []tls.Certificate{must(pair.TLS())(tb)}
	return c
}

// Revoke takes the certificate of ClientTLS back.
func (s *Server) Revoke(tb testing.TB) {
	tb.Helper()
	cert := must(s.admin.Certificate())(tb)
	path := must(s.authority.Revoke(s.Dir, []*x509.Certificate{cert}, time.Now()))(tb)
	list := must(os.ReadFile(path))(tb)
	s.trust.Store(must(s.trust.Load().Without(list))(tb))
}

// AnonymousTLS trusts the server and shows no certificate.
func (s *Server) AnonymousTLS() *tls.Config {
	return &tls.Config{RootCAs: s.authority.Pool(), MinVersion: tls.VersionTLS13}
}

// StrangerTLS trusts the server and shows a certificate of another authority that
// pretends to be an acceptable one.
func (s *Server) StrangerTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	other := must(pki.NewAuthority(clusterName, time.Now()))(tb)
	pair := must(other.IssueClient("admin", pki.RoleAdmin, time.Now(), certValidity))(tb)
	cert := must(pair.TLS())(tb)
	c := s.AnonymousTLS()
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return c
}

// Pool is a fresh pool with the authority clients trust.
func (s *Server) Pool() *x509.CertPool { return s.authority.Pool() }

// Authority is the certificate of that authority.
func (s *Server) Authority() *x509.Certificate { return s.authority.Certificate() }

// Client is a Go client of the server, closed when the test ends.
func (s *Server) Client(tb testing.TB) *client.Client {
	tb.Helper()
	return s.ClientWith(tb, client.ProtocolAuto)
}

// ClientWith is Client with a protocol.
func (s *Server) ClientWith(tb testing.TB, protocol client.Protocol) *client.Client {
	tb.Helper()
	c := must(client.New(client.Config{Endpoints: []string{s.Address}, TLS: s.ClientTLS(tb), Protocol: protocol}))(tb)
	tb.Cleanup(c.Close)
	return c
}

// File is the path of a file in Dir.
func (s *Server) File(name string) string { return filepath.Join(s.Dir, name) }

// must makes a value of a value and an error.
func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
