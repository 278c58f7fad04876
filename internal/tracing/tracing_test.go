package tracing

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/tracecontext"
)

// patience is how long tests wait for what has to come.
const patience = time.Minute

// collector is one that answers as the test says.
type collector struct {
	*httptest.Server
	bodies chan []byte // what came, in order
}

// collect starts a collector; answer is asked with the number of each request, from 1.
func collect(t *testing.T, answer func(w http.ResponseWriter, n int64)) *collector {
	t.Helper()
	c := &collector{bodies: make(chan []byte, 1<<10)}
	var n atomic.Int64
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/base/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s of %s: %v", r.Method, r.URL, r.Header, err)
		}
		answer(w, n.Add(1))
		c.bodies <- body
	}))
	t.Cleanup(c.Close)
	return c
}

func fine(w http.ResponseWriter, _ int64) { _, _ = io.WriteString(w, `{"partialSuccess":{}}`) }

// open begins to trace everything, without waiting for company.
func open(t *testing.T, endpoint string, change func(*Config)) (*Tracing, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	c := Config{
		Endpoint: endpoint, Ratio: 1, Metrics: registry, Log: slog.New(slog.DiscardHandler), Attributes: map[string]string{"service.name": "wraftd"},
		Interval: time.Millisecond, RetryPause: time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	tr, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, tr, 0) })
	return tr, registry
}

// shut ends a Tracing, within the time that it is given.
func shut(t *testing.T, tr *Tracing, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := tr.Shutdown(ctx); err != nil {
		t.Errorf("shut down: %v", err)
	}
}

// value is that of a counter, with a reason or "".
func value(t *testing.T, registry *prometheus.Registry, name, reason string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (reason == "" || m.GetLabel()[0].GetValue() == reason) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s %q", name, reason)
	return 0
}

// await waits until a counter has a value.
func await(t *testing.T, registry *prometheus.Registry, name, reason string, want float64) {
	t.Helper()
	end := time.After(patience)
	for value(t, registry, name, reason) != want {
		select {
		case <-time.After(time.Millisecond):
		case <-end:
			t.Fatalf("%s %q is %v, want %v", name, reason, value(t, registry, name, reason), want)
		}
	}
}

func span(tr *Tracing, name string) {
	_, s := tr.Tracer().Start(context.Background(), name)
	s.End()
}

// TestTheMapping compares a span with the JSON mapping of OTLP, field by field.
func TestTheMapping(t *testing.T) {
	c := collect(t, fine)
	tr, registry := open(t, c.URL+"/base/", nil)
	ctx := tracecontext.Join(context.Background(), "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01", "vendor=1")
	begin := time.Unix(1, 5)
	_, s := tr.Tracer().Start(ctx, "a name", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(begin), trace.WithAttributes(
		attribute.Int64("int", -1<<60), attribute.Bool("bool", false), attribute.Float64("double", 0.5), attribute.String("string", ""),
		attribute.StringSlice("list", []string{"x"})))
	s.SetStatus(codes.Error, "it failed")
	s.End(trace.WithTimestamp(begin.Add(time.Second)))
	body := <-c.bodies
	want := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"wraftd"}}]},"scopeSpans":[{` +
		`"scope":{"name":"github.com/wraft/wraft"},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"` + s.SpanContext().SpanID().String() +
		`","traceState":"vendor=1","parentSpanId":"1112131415161718","flags":769,"name":"a name","kind":2,` +
		`"startTimeUnixNano":"1000000005","endTimeUnixNano":"2000000005","attributes":[` +
		`{"key":"int","value":{"intValue":"-1152921504606846976"}},{"key":"bool","value":{"boolValue":false}},` +
		`{"key":"double","value":{"doubleValue":0.5}},{"key":"string","value":{"stringValue":""}},{"key":"list","value":{"stringValue":"[\"x\"]"}}],` +
		`"status":{"message":"it failed","code":2}}]}]}]}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	await(t, registry, "wraft_traces_exported_total", "", 1)
}

// TestSpansGoInBatches: those that end together go together, and the rest at the end.
func TestSpansGoInBatches(t *testing.T) {
	c := collect(t, fine)
	tr, registry := open(t, c.URL+"/base", func(c *Config) { c.BatchMax, c.Interval = 3, time.Hour })
	for range 7 {
		span(tr, "one")
	}
	shut(t, tr, patience)
	var sizes []int
	for len(c.bodies) > 0 {
		sizes = append(sizes, strings.Count(string(<-c.bodies), "spanId"))
	}
	if len(sizes) != 3 || sizes[0] != 3 || sizes[1] != 3 || sizes[2] != 1 {
		t.Errorf("batches of %v", sizes)
	}
	if n := value(t, registry, "wraft_traces_exported_total", ""); n != 7 {
		t.Errorf("%v were exported", n)
	}
	span(tr, "too late") // it is nobody's any more
	shut(t, tr, patience)
}

// TestACollectorThatRefuses: what may be sent again is, what may not be is counted.
func TestACollectorThatRefuses(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, int64) {
		return func(w http.ResponseWriter, _ int64) { w.WriteHeader(code) }
	}
	for name, row := range map[string]struct {
		answer   func(http.ResponseWriter, int64)
		requests int
		exported float64
		reason   string
		dropped  float64
	}{
		"later, then takes them": {func(w http.ResponseWriter, n int64) {
			if n < attemptsMax {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}, attemptsMax, 1, droppedCollector, 0},
		"later for ever": {status(http.StatusTooManyRequests), attemptsMax, 0, droppedCollector, 1},
		"never":          {status(http.StatusBadRequest), 1, 0, droppedRefused, 1},
		"elsewhere":      {status(http.StatusTemporaryRedirect), 1, 0, droppedRefused, 1},
		"some": {func(w http.ResponseWriter, _ int64) {
			_, _ = io.WriteString(w, `{"partialSuccess":{"rejectedSpans":"1"}}`)
		}, 1, 0, droppedRefused, 1},
		"some, as a number": {func(w http.ResponseWriter, _ int64) {
			_, _ = io.WriteString(w, `{"partialSuccess":{"rejectedSpans":1}}`)
		}, 1, 0, droppedRefused, 1},
		"more than there were": {func(w http.ResponseWriter, _ int64) {
			_, _ = io.WriteString(w, `{"partialSuccess":{"rejectedSpans":"99"}}`)
		}, 1, 0, droppedRefused, 1},
		"not in words": {func(w http.ResponseWriter, _ int64) { _, _ = io.WriteString(w, `<html>`) }, 1, 1, droppedRefused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := collect(t, row.answer)
			tr, registry := open(t, c.URL+"/base", nil)
			span(tr, "one")
			for range row.requests {
				<-c.bodies
			}
			await(t, registry, "wraft_traces_exported_total", "", row.exported)
			await(t, registry, "wraft_traces_dropped_total", row.reason, row.dropped)
			shut(t, tr, patience)
			if len(c.bodies) > 0 {
				t.Error("it was sent once more")
			}
		})
	}
}

// TestADeadCollector: spans beyond the queue are dropped at once, whoever ends them waits for
// nobody, and the node ends in time.
func TestADeadCollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and no more
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	tr, registry := open(t, "http://"+silent.Addr().String(), func(c *Config) { c.QueueMax, c.BatchMax, c.Timeout = 4, 2, time.Hour })
	const spans = 100
	for range spans {
		span(tr, "one")
	}
	dropped := value(t, registry, "wraft_traces_dropped_total", droppedQueue)
	if dropped < spans-4-2 { // the queue, and a batch on its way
		t.Errorf("%v of %d spans were dropped", dropped, spans)
	}
	shut(t, tr, time.Millisecond)
	if at := value(t, registry, "wraft_traces_dropped_total", droppedShutdown); at+value(t, registry, "wraft_traces_dropped_total", droppedCollector) != spans-dropped {
		t.Errorf("%v more at the end, of %v", at, spans-dropped)
	}
}

// TestOff: without an endpoint there is no tracer, and the series are there all the same.
func TestOff(t *testing.T) {
	tr, registry := open(t, "", nil)
	if tr.Tracer() != nil {
		t.Error("there is a tracer")
	}
	for _, reason := range []string{droppedQueue, droppedCollector, droppedRefused, droppedShutdown} {
		if n := value(t, registry, "wraft_traces_dropped_total", reason); n != 0 {
			t.Errorf("%s: %v", reason, n)
		}
	}
}

// TestWhoDecides: a sender's decision counts, and the ratio where there is none.
func TestWhoDecides(t *testing.T) {
	tr, _ := open(t, "http://127.0.0.1:1", func(c *Config) { c.Ratio = 0 })
	all, _ := open(t, "http://127.0.0.1:1", nil)
	const place = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-0"
	for _, row := range []struct {
		of     *Tracing
		parent string
		want   bool
	}{{tr, "", false}, {tr, place + "1", true}, {all, "", true}, {all, place + "0", false}} {
		_, s := row.of.Tracer().Start(tracecontext.Join(context.Background(), row.parent, ""), "one")
		if s.SpanContext().IsSampled() != row.want {
			t.Errorf("%q: sampled is %v", row.parent, !row.want)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := (Config{Ratio: 2, QueueMax: -1}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
}
