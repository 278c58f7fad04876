package api

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/metric"
)

// streamEnd is why a stream of events, log lines or entries ended, as the metric has it.
type streamEnd string

const (
	endDone     streamEnd = "done"     // all there was is sent, and no more was asked for
	endClient   streamEnd = "client"   // the reader left, or took nothing for too long
	endGone     streamEnd = "gone"     // the reader was too slow: what comes next is not kept any more
	endShutdown streamEnd = "shutdown" // the node stops
	endAccess   streamEnd = "access"   // the reader's certificate or token counts no more
	endMachine  streamEnd = "machine"  // the machine ended on this node, or was deleted
	endRefused  streamEnd = "too-many" // it did not begin
	streamsMax            = 1024       // of a node
)

// endOf is the reason behind a problem.
func endOf(code client.Code) streamEnd {
	switch code {
	case client.CodeEventsGone, client.CodeEntriesGone:
		return endGone
	case client.CodeShuttingDown:
		return endShutdown
	case client.CodeNoCertificate, client.CodeBadToken, client.CodeNotAllowed:
		return endAccess
	}
	return endMachine
}

// streams are the answers of a node that go on until somebody ends them.
type streams struct {
	closing chan struct{} // closed when the node stops
	close   func()
	places  chan struct{}
	open    prometheus.Gauge
	ended   *prometheus.CounterVec
}

func newStreams(registry *prometheus.Registry) (*streams, error) {
	s := &streams{
		closing: make(chan struct{}), places: make(chan struct{}, streamsMax),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: metric.EventStreams, Help: "Readers of machines' events, what they logged, and groups' logs.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metric.EventStreamsEndedTotal, Help: "Streams of events, logged lines and entries that ended, by reason.",
		}, []string{"reason"}),
	}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	for _, reason := range []streamEnd{endDone, endClient, endGone, endShutdown, endAccess, endMachine, endRefused} {
		s.ended.WithLabelValues(string(reason))
	}
	for _, c := range []prometheus.Collector{s.open, s.ended} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("api: register metrics: %w", err)
		}
	}
	return s, nil
}

// enter takes a place, or refuses.
func (s *streams) enter() (leave func(), err error) {
	select {
	case s.places <- struct{}{}:
		s.open.Inc()
		return func() {
			<-s.places
			s.open.Dec()
		}, nil
	default:
		s.end(endRefused)
		return nil, client.NewProblem(client.CodeBackpressure, "%d readers follow machines on this node, the most there may be", streamsMax)
	}
}

// EnterEvents takes a place among the readers of events for one of the native protocol's, until
// leave is called, or refuses it with CodeBackpressure.
func (s *Server) EnterEvents() (leave func(), err error) { return s.streams.enter() }

// end counts the end of a stream.
func (s *streams) end(reason streamEnd) { s.ended.WithLabelValues(string(reason)).Inc() }
