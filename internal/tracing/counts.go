package tracing

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/internal/metric"
)

// Why spans were dropped, as the metric says it.
const (
	droppedQueue     = "queue"     // the queue was full
	droppedCollector = "collector" // the collector was not reached, or said "later", too often
	droppedRefused   = "refused"   // the collector does not want them
	droppedShutdown  = "shutdown"  // the node ended before they were sent
)

// counts are the metrics of what became of spans.
type counts struct {
	exported prometheus.Counter
	dropped  *prometheus.CounterVec
}

// newCounts registers the metrics; each has its series at once.
func newCounts(registry *prometheus.Registry) (*counts, error) {
	c := &counts{
		exported: prometheus.NewCounter(prometheus.CounterOpts{Name: metric.TracesExportedTotal, Help: "Spans that the collector has taken."}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metric.TracesDroppedTotal, Help: "Spans that did not reach the collector, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{droppedQueue, droppedCollector, droppedRefused, droppedShutdown} {
		c.dropped.WithLabelValues(reason)
	}
	for _, m := range []prometheus.Collector{c.exported, c.dropped} {
		if err := registry.Register(m); err != nil {
			return nil, fmt.Errorf("tracing: register metrics: %w", err)
		}
	}
	return c, nil
}

func (c *counts) drop(reason string, spans int) {
	c.dropped.WithLabelValues(reason).Add(float64(spans))
}
