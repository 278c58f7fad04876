package native

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/metric"
)

// Why a connection was closed, or refused, by this node.
const (
	reasonMalformed     = "malformed"
	reasonStalled       = "stalled"
	reasonTooMany       = "too-many"
	reasonNoCertificate = "no-certificate"
)

// codeOK is the code of requests that did not fail.
const codeOK = "ok"

type metrics struct {
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	closed      *prometheus.CounterVec
	retries     prometheus.Counter
	connections prometheus.Gauge
	inflight    prometheus.Gauge
}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metric.NativeRequestsTotal,
			Help: "Requests of the native protocol answered, by kind and problem code (ok: none).",
		}, []string{"kind", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    metric.NativeRequestSeconds,
			Help:    "Time from a request's last byte to its answer, by kind.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 14),
		}, []string{"kind"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metric.NativeClosedTotal,
			Help: "Connections of the native protocol that this node closed or refused, by reason.",
		}, []string{"reason"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: metric.NativeRetriesTotal, Help: "Attempts of clients to connect over UDP that had to prove their address first, since many handshakes were under way.",
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: metric.NativeConnections, Help: "Connections of the native protocol.",
		}),
		inflight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: metric.NativeInflightRequests, Help: "Requests of the native protocol under way.",
		}),
	}
	for _, reason := range []string{reasonMalformed, reasonStalled, reasonTooMany, reasonNoCertificate} {
		m.closed.WithLabelValues(reason)
	}
	// So that a scrape shows them before the first request.
	for _, kind := range wire.Kinds() {
		m.requests.WithLabelValues(kind.String(), codeOK)
		m.seconds.WithLabelValues(kind.String())
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.closed, m.retries, m.connections, m.inflight} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("native: register metrics: %w", err)
		}
	}
	return m, nil
}

// observe counts one answered request.
func (m *metrics) observe(kind wire.Kind, code string, took time.Duration) {
	m.requests.WithLabelValues(kind.String(), code).Inc()
	m.seconds.WithLabelValues(kind.String()).Observe(took.Seconds())
}
