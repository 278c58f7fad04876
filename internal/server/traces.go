package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/tracing"
)

// tracesLastTime is how long a node that ends tries to send the spans that wait.
const tracesLastTime = 2 * time.Second

// openTraces begins to send spans, if the configuration says where to. The tracer is nil when
// it does not; the metrics are there either way.
func (s *Server) openTraces(cfg Config, registry *prometheus.Registry) (trace.Tracer, error) {
	c, err := tracingConfig(cfg)
	if err != nil {
		return nil, err
	}
	c.Metrics, c.Log = registry, s.log
	t, err := tracing.New(c)
	if err != nil {
		return nil, err
	}
	s.undo = append(s.undo, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), tracesLastTime)
		defer cancel()
		return t.Shutdown(ctx)
	})
	return t.Tracer(), nil
}

// tracingConfig is a node's configuration in the words of package tracing.
func tracingConfig(cfg Config) (tracing.Config, error) {
	share, err := cfg.Traces.Share()
	if err != nil {
		return tracing.Config{}, err
	}
	c := tracing.Config{
		Endpoint: cfg.Traces.Endpoint, Ratio: share,
		Attributes: map[string]string{
			"service.name": "wraftd", "service.namespace": cfg.Cluster, "service.instance.id": cfg.Node.String(), "service.version": Version(),
		},
	}
	if cfg.Traces.CA == "" {
		return c, nil
	}
	pool := x509.NewCertPool()
	data, err := os.ReadFile(cfg.Traces.CA)
	if err == nil && !pool.AppendCertsFromPEM(data) {
		err = fmt.Errorf("%s: no certificate in PEM", cfg.Traces.CA)
	}
	if err != nil {
		return tracing.Config{}, client.NewProblem(client.CodeConfig, "traces.ca: %v", err).WithCause(err)
	}
	c.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return c, nil
}
