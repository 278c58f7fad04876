package api

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/tracecontext"
)

// headerTraceresponse tells the sender of a sampled request where its trace is (W3C Trace
// Context Level 2, a draft).
const headerTraceresponse = "Traceresponse"

// Names of the attributes of a request's span: those of OpenTelemetry's conventions, and ours.
const (
	attrMethod  = "http.request.method"
	attrRoute   = "http.route"
	attrStatus  = "http.response.status_code"
	attrMachine = "wraft.machine"
	attrProblem = "wraft.problem"
	attrOutcome = "wraft.outcome"
)

// traced is a route whose handlers have a span around them; the same one without a tracer.
//
// Why around the handlers, which the admission comes before: a stranger may not decide what is
// sampled.
func (s *Server) traced(rt route) route {
	if s.config.Tracer == nil || !worthSpans(rt) {
		return rt
	}
	rt.methods = maps.Clone(rt.methods)
	for name, m := range rt.methods {
		m.do = s.spanned(name, rt.pattern, m.do)
		rt.methods[name] = m
	}
	return rt
}

// worthSpans reports whether requests of a route get spans: those of the API, but for streams,
// which last as long as the reader likes.
func worthSpans(rt route) bool {
	return !rt.open && strings.HasPrefix(rt.pattern, "/v1/") && !strings.HasSuffix(rt.pattern, "/events")
}

// spanned is a handler with a span around it.
func (s *Server) spanned(method, pattern string, do handlerFunc) handlerFunc {
	name := method + " " + pattern
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, span := s.config.Tracer.Start(tracecontext.JoinHeader(r.Context(), r.Header), name, trace.WithSpanKind(trace.SpanKindServer))
		if !span.SpanContext().IsSampled() {
			return do(w, r) // Why without the span's context: nobody further in has to look at it
		}
		defer span.End()
		span.SetAttributes(attribute.String(attrMethod, method), attribute.String(attrRoute, pattern))
		if machine := r.PathValue("machine"); machine != "" {
			span.SetAttributes(attribute.String(attrMachine, machine))
		}
		parent, _ := tracecontext.Of(ctx)
		w.Header().Set(headerTraceresponse, parent)
		err := do(w, r.WithContext(ctx))
		SayInSpan(ctx, span, err)
		if rec, ok := w.(*statusRecorder); ok && err == nil {
			span.SetAttributes(attribute.Int(attrStatus, rec.status))
		}
		return err
	}
}

// SayInSpan says in a request's span how the request failed, if it did.
func SayInSpan(ctx context.Context, span trace.Span, err error) {
	if err == nil {
		return
	}
	p := ProblemOf(ctx, err)
	span.SetAttributes(attribute.Int(attrStatus, p.Status), attribute.String(attrProblem, string(p.Code)), attribute.String(attrOutcome, string(p.Outcome)))
	if p.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, p.Detail)
	}
}
