package tracing

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The types below are ExportTraceServiceRequest in the JSON mapping of OTLP (opentelemetry-proto
// 1.x, "JSON Protobuf Encoding"): names in lowerCamelCase, IDs in hexadecimal, 64-bit integers as
// strings, enums as numbers. What is empty is left out.
type (
	otlpRequest struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	otlpSpan struct {
		TraceID      string          `json:"traceId"`
		SpanID       string          `json:"spanId"`
		TraceState   string          `json:"traceState,omitempty"`
		ParentSpanID string          `json:"parentSpanId,omitempty"`
		Flags        uint32          `json:"flags,omitempty"`
		Name         string          `json:"name"`
		Kind         int             `json:"kind"`
		Start        string          `json:"startTimeUnixNano"`
		End          string          `json:"endTimeUnixNano"`
		Attributes   []otlpAttribute `json:"attributes,omitempty"`
		Status       otlpStatus      `json:"status"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		String *string  `json:"stringValue,omitempty"`
		Bool   *bool    `json:"boolValue,omitempty"`
		Int    *string  `json:"intValue,omitempty"`
		Double *float64 `json:"doubleValue,omitempty"`
	}
	otlpStatus struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code,omitempty"`
	}
)

// Numbers of the enums SpanKind and StatusCode, and of the flags of a span.
const (
	kindInternal, kindServer, kindClient = 1, 2, 3
	statusOK, statusError                = 1, 2
	flagKnowsRemote, flagRemote          = 0x100, 0x200
)

// requestOf puts spans together by who made them. All are of one node and so of one resource.
func requestOf(spans []sdktrace.ReadOnlySpan) otlpRequest {
	var resource otlpResource
	var scopes []otlpScopeSpans
	at := map[instrumentation.Scope]int{}
	for _, s := range spans {
		scope := s.InstrumentationScope()
		i, ok := at[scope]
		if !ok {
			i = len(scopes)
			at[scope] = i
			scopes = append(scopes, otlpScopeSpans{Scope: otlpScope{Name: scope.Name, Version: scope.Version}})
		}
		scopes[i].Spans = append(scopes[i].Spans, spanOf(s))
		resource.Attributes = attributesOf(s.Resource().Attributes())
	}
	return otlpRequest{ResourceSpans: []otlpResourceSpans{{Resource: resource, ScopeSpans: scopes}}}
}

func spanOf(s sdktrace.ReadOnlySpan) otlpSpan {
	self, parent := s.SpanContext(), s.Parent()
	out := otlpSpan{
		TraceID: self.TraceID().String(), SpanID: self.SpanID().String(), TraceState: self.TraceState().String(),
		Name: s.Name(), Kind: kindOf(s.SpanKind()), Start: nanos(s.StartTime()), End: nanos(s.EndTime()),
		Flags: uint32(self.TraceFlags()) | flagKnowsRemote, Attributes: attributesOf(s.Attributes()), Status: otlpStatusOf(s.Status()),
	}
	if parent.SpanID().IsValid() {
		out.ParentSpanID = parent.SpanID().String()
	}
	if parent.IsRemote() {
		out.Flags |= flagRemote
	}
	return out
}

func kindOf(k trace.SpanKind) int {
	switch k {
	case trace.SpanKindServer:
		return kindServer
	case trace.SpanKindClient:
		return kindClient
	}
	return kindInternal
}

func otlpStatusOf(s sdktrace.Status) otlpStatus {
	switch s.Code {
	case codes.Error:
		return otlpStatus{Code: statusError, Message: s.Description}
	case codes.Ok:
		return otlpStatus{Code: statusOK}
	}
	return otlpStatus{}
}

func attributesOf(list []attribute.KeyValue) []otlpAttribute {
	var out []otlpAttribute
	for _, kv := range list {
		out = append(out, otlpAttribute{Key: string(kv.Key), Value: valueOf(kv.Value)})
	}
	return out
}

// valueOf is a value in the mapping; what no span here has becomes its text.
func valueOf(v attribute.Value) otlpValue {
	switch v.Type() {
	case attribute.BOOL:
		b := v.AsBool()
		return otlpValue{Bool: &b}
	case attribute.INT64:
		n := strconv.FormatInt(v.AsInt64(), 10)
		return otlpValue{Int: &n}
	case attribute.FLOAT64:
		f := v.AsFloat64()
		return otlpValue{Double: &f}
	}
	text := v.Emit()
	return otlpValue{String: &text}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
