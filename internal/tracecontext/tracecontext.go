package tracecontext

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The headers of the two values, as net/http writes them.
const (
	HeaderParent = "Traceparent"
	HeaderState  = "Tracestate"
)

const (
	// ParentBytesMax is the longest traceparent that is read. The one version that there is
	// has 55 bytes; later ones may say more.
	ParentBytesMax = 128
	// StateBytesMax is the longest tracestate that is passed on (W3C Trace Context §3.3.1.5
	// asks for at least that).
	StateBytesMax = 512

	keyParent, keyState = "traceparent", "tracestate"
)

// Sampled reports whether spans are made of what ctx asks for. It allocates nothing.
func Sampled(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

// Of are the values that name the place of ctx in its trace, "" outside of any, which allocates
// nothing. state is at most StateBytesMax long, and "" instead of longer.
func Of(ctx context.Context) (parent, state string) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return "", ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if state = carrier[keyState]; len(state) > StateBytesMax {
		state = ""
	}
	return carrier[keyParent], state
}

// SetHeader sets the values of Of, if there are any.
func SetHeader(ctx context.Context, h http.Header) {
	parent, state := Of(ctx)
	if parent != "" {
		h[HeaderParent] = []string{parent}
	}
	if state != "" {
		h[HeaderState] = []string{state}
	}
}

// Join is ctx at the place that the values name, or ctx itself when they name none.
func Join(ctx context.Context, parent, state string) context.Context {
	if parent == "" || len(parent) > ParentBytesMax {
		return ctx
	}
	if len(state) > StateBytesMax {
		state = ""
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{keyParent: parent, keyState: state})
}

// JoinHeader is Join with the values of a request's header. A traceparent that is there more
// than once is none.
func JoinHeader(ctx context.Context, h http.Header) context.Context {
	parents := h[HeaderParent]
	if len(parents) != 1 {
		return ctx
	}
	return Join(ctx, parents[0], strings.Join(h[HeaderState], ","))
}
