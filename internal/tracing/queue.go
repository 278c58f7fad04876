package tracing

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// queue is the span processor: it takes spans without waiting and posts them in batches.
//
// Why not the SDK's own: it does not tell how many spans it drops.
type queue struct {
	config   Config
	exporter *exporter
	counts   *counts

	spans  chan sdktrace.ReadOnlySpan // capacity QueueMax
	closed atomic.Bool                // takes no further ones
	last   chan struct{}              // closed at the end
	ended  chan struct{}              // closed when run has returned
	once   sync.Once

	ctx    context.Context // of requests; ends when the end may take no longer
	cancel context.CancelFunc

	failing bool // run's: the last request failed
}

var _ sdktrace.SpanProcessor = (*queue)(nil)

func newQueue(c Config, e *exporter, counts *counts) *queue {
	ctx, cancel := context.WithCancel(context.Background())
	q := &queue{
		config: c, exporter: e, counts: counts, ctx: ctx, cancel: cancel,
		spans: make(chan sdktrace.ReadOnlySpan, c.QueueMax), last: make(chan struct{}), ended: make(chan struct{}),
	}
	go q.run()
	return q
}

// OnStart implements sdktrace.SpanProcessor.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues a span, or drops it.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() || q.closed.Load() {
		return
	}
	select {
	case q.spans <- s:
	default:
		q.counts.drop(droppedQueue, 1)
	}
}

// ForceFlush implements sdktrace.SpanProcessor. Nothing here asks for it.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown has what waits sent once, for as long as ctx lasts, and ends run.
func (q *queue) Shutdown(ctx context.Context) error {
	q.closed.Store(true)
	q.once.Do(func() { close(q.last) })
	stop := context.AfterFunc(ctx, q.cancel)
	defer stop()
	<-q.ended
	return nil
}

// run is the goroutine that sends. It ends with Shutdown.
func (q *queue) run() {
	defer close(q.ended)
	defer q.cancel()
	defer q.exporter.client.CloseIdleConnections()
	for {
		batch, ends := q.gather()
		if ends {
			q.finish(batch)
			return
		}
		q.send(batch)
	}
}

// gather waits for a span and then, for a while, for others; or for the end.
func (q *queue) gather() (batch []sdktrace.ReadOnlySpan, ends bool) {
	select {
	case s := <-q.spans:
		batch = append(batch, s)
	case <-q.last:
		return nil, true
	}
	while := time.NewTimer(q.config.Interval)
	defer while.Stop()
	for len(batch) < q.config.BatchMax {
		select {
		case s := <-q.spans:
			batch = append(batch, s)
		case <-while.C:
			return batch, false
		case <-q.last:
			return batch, true
		}
	}
	return batch, false
}

// send posts a batch, some times if it has to.
func (q *queue) send(batch []sdktrace.ReadOnlySpan) {
	pause := q.config.RetryPause
	for attempt := 1; q.again(q.post(batch), len(batch), attempt); attempt++ {
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
			pause *= 2
		case <-q.last:
			wait.Stop()
			q.counts.drop(droppedShutdown, len(batch))
			return
		}
	}
}

// post sends a batch and counts what was taken.
func (q *queue) post(batch []sdktrace.ReadOnlySpan) error {
	rejected, err := q.exporter.export(q.ctx, batch)
	if err == nil {
		q.counts.exported.Add(float64(len(batch) - rejected))
		q.counts.drop(droppedRefused, rejected)
	}
	return err
}

// again says whether a batch is to be sent once more, and counts it when it is not.
func (q *queue) again(err error, spans, attempt int) bool {
	if q.say(err); err == nil {
		return false
	}
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && !refused.later:
		q.counts.drop(droppedRefused, spans)
		return false
	case attempt >= attemptsMax:
		q.counts.drop(droppedCollector, spans)
		return false
	}
	return true
}

// say logs when sending begins to fail and when it works again.
func (q *queue) say(err error) {
	switch {
	case err != nil && !q.failing:
		q.config.Log.Warn("the collector of traces does not take spans; commands go on without", "endpoint", q.config.Endpoint, "err", err)
	case err == nil && q.failing:
		q.config.Log.Info("the collector of traces takes spans again", "endpoint", q.config.Endpoint)
	}
	q.failing = err != nil
}

// finish sends what is left, each batch once.
func (q *queue) finish(batch []sdktrace.ReadOnlySpan) {
	for {
		for len(batch) < q.config.BatchMax && len(q.spans) > 0 {
			batch = append(batch, <-q.spans)
		}
		if len(batch) == 0 {
			return
		}
		if q.post(batch) != nil {
			q.counts.drop(droppedShutdown, len(batch)+len(q.spans))
			return
		}
		batch = nil
	}
}
