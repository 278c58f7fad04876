package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/internal/metric"
	"github.com/wraft/wraft/transport/quic"
)

// identityCollector shows how long a node's certificate holds, and whom the node refused
// or asked to prove its address.
type identityCollector struct {
	network *quic.Network
	renewal *renewal

	expires, stuck, refusals, retries *prometheus.Desc
}

func newIdentityCollector(n *quic.Network, r *renewal) *identityCollector {
	return &identityCollector{
		network: n, renewal: r,
		expires:  prometheus.NewDesc(metric.CertificateExpiresSeconds, "When this node's certificate expires, in seconds since 1970.", nil, nil),
		stuck:    prometheus.NewDesc(metric.CertificateFilesUnusable, "1 while the files of this node's identity have changed and cannot be used.", nil, nil),
		refusals: prometheus.NewDesc(metric.PeerRefusalsTotal, "Connections between nodes that were refused, or ended for what came over them.", []string{"reason"}, nil),
		retries:  prometheus.NewDesc(metric.PeerRetriesTotal, "Attempts to connect as a node that had to prove their address first, since many handshakes were under way.", nil, nil),
	}
}

// Describe implements prometheus.Collector: no descriptions, since the labels vary.
func (c *identityCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *identityCollector) Collect(out chan<- prometheus.Metric) {
	leaf := c.renewal.id.current.Load().leaf
	out <- prometheus.MustNewConstMetric(c.expires, prometheus.GaugeValue, float64(leaf.NotAfter.Unix()))
	out <- prometheus.MustNewConstMetric(c.stuck, prometheus.GaugeValue, one(c.renewal.stuck.Load()))
	out <- prometheus.MustNewConstMetric(c.retries, prometheus.CounterValue, float64(c.network.Retries()))
	counts := c.network.Counters()
	for _, reason := range quic.Reasons() { // Why those of 0 too: a counter that begins at 1 shows no rise
		counts[reason] += 0
	}
	for reason, count := range counts {
		out <- prometheus.MustNewConstMetric(c.refusals, prometheus.CounterValue, float64(count), string(reason))
	}
}
