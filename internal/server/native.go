package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/native"
)

// listenClients opens what clients dial: TCP, and UDP on the same port for HTTP/3 and the
// native protocol. conn is nil when neither is served.
func (s *Server) listenClients(ctx context.Context, cfg Config) (listener net.Listener, conn net.PacketConn, err error) {
	if cfg.APIListener != nil {
		return cfg.APIListener, cfg.APIConn, nil
	}
	if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.ListenAPI); err != nil {
		return nil, nil, listenProblem("the API (TCP)", cfg.ListenAPI, err)
	}
	s.undo = append(s.undo, listener.Close)
	if cfg.Native == nodeconfig.NativeOff && cfg.HTTP3 == nodeconfig.NativeOff {
		return listener, nil, nil
	}
	if conn, err = listenUDP(ctx, listener.Addr().String()); err != nil {
		return nil, nil, listenProblem("clients (UDP)", cfg.ListenAPI, err)
	}
	s.undo = append(s.undo, conn.Close)
	return listener, conn, nil
}

// altSvc is what answers say of the UDP port.
func altSvc(cfg Config, address net.Addr) string {
	var all []string
	if cfg.Native == nodeconfig.NativeOn {
		all = append(all, native.AltSvc(address))
	}
	if cfg.HTTP3 == nodeconfig.NativeOn {
		all = append(all, native.AltSvcHTTP3(address))
	}
	return strings.Join(all, ", ")
}

// openNative makes the server of the UDP port, which does not serve yet.
func (s *Server) openNative(cfg Config, id *identity, conn net.PacketConn, b backend, registry *prometheus.Registry, tracer trace.Tracer) error {
	var err error
	var over http.Handler
	if cfg.HTTP3 == nodeconfig.NativeOn {
		over = s.api.Handler()
	}
	s.native, err = native.New(native.Config{
		Conn: conn, Off: cfg.Native == nodeconfig.NativeOff, HTTP3: over, Cluster: cfg.Cluster, TLS: api.ServerTLS(id.certificate), Trust: id.trust, ClientAuth: cfg.TLS.ClientAuth == ClientAuthRequire,
		CommandBytesMax: int64(cfg.Limits.CommandBytes), ConnectionsMax: cfg.Limits.Connections, Bounds: s.api, Metrics: registry, Log: s.log, Tracer: tracer,
	}, b)
	return err
}

// serveClients begins to answer.
func (s *Server) serveClients() {
	go func() { s.served <- s.api.Serve(s.listener) }()
	if s.native != nil {
		go func() { s.served <- s.native.Serve() }()
	}
}

// shutdownClients answers what is under way, over both protocols at once.
func (s *Server) shutdownClients(ctx context.Context) error {
	if s.native == nil {
		return s.api.Shutdown(ctx)
	}
	var over error
	var wg sync.WaitGroup
	wg.Go(func() { over = s.native.Shutdown(ctx) })
	err := s.api.Shutdown(ctx)
	wg.Wait()
	return errors.Join(err, over)
}
