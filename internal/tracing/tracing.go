package tracing

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scopeName is what spans are said to be made by.
const scopeName = "github.com/wraft/wraft"

// Tracing makes spans and sends them.
type Tracing struct {
	queue  *queue       // nil: off
	tracer trace.Tracer // nil: off
}

// New begins to send spans to the endpoint, which need not be there. Shutdown ends it.
func New(c Config) (*Tracing, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("tracing: configuration: %w", err)
	}
	c = c.withDefaults()
	counts, err := newCounts(c.Metrics)
	if err != nil {
		return nil, err
	}
	if c.Endpoint == "" {
		return &Tracing{}, nil
	}
	base, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing: endpoint: %w", err)
	}
	q := newQueue(c, &exporter{client: c.httpClient(), url: base.JoinPath(tracesPath).String()}, counts)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Ratio))),
		sdktrace.WithResource(resource.NewSchemaless(attributes(c.Attributes)...)),
		sdktrace.WithSpanProcessor(q),
	)
	return &Tracing{queue: q, tracer: provider.Tracer(scopeName)}, nil
}

// Tracer makes spans; nil when no spans are made, so that whoever gets it can do without any
// cost.
func (t *Tracing) Tracer() trace.Tracer { return t.tracer }

// Shutdown sends what waits, once, and ends. When ctx ends first the rest is dropped, which is
// no error.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t.queue == nil {
		return nil
	}
	return t.queue.Shutdown(ctx)
}

func attributes(of map[string]string) []attribute.KeyValue {
	var out []attribute.KeyValue
	for _, k := range slices.Sorted(maps.Keys(of)) {
		out = append(out, attribute.String(k, of[k]))
	}
	return out
}
