package native

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/tracecontext"
	"github.com/wraft/wraft/node/api"
)

// traced carries out a request that is admitted, in a span of its own.
func (s *Server) traced(ctx context.Context, who string, r *wire.Request) (*wire.Answer, error) {
	if s.config.Tracer == nil {
		return s.carryOut(ctx, who, r)
	}
	inside, span := s.config.Tracer.Start(tracecontext.Join(ctx, r.TraceParent, r.TraceState), "native "+r.Kind.String(), trace.WithSpanKind(trace.SpanKindServer))
	if !span.SpanContext().IsSampled() {
		return s.carryOut(ctx, who, r) // Why without the span's context: as with HTTP
	}
	defer span.End()
	span.SetAttributes(attribute.String("wraft.machine", r.Machine))
	a, err := s.carryOut(inside, who, r)
	api.SayInSpan(inside, span, err)
	return a, err
}
