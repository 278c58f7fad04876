package node

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/tracecontext"
	"github.com/wraft/wraft/raft"
)

// Names of spans and of their attributes.
const (
	spanForward   = "forward"           // at the node that was asked, until the leader has answered
	spanForwarded = "forwarded command" // at the leader
	spanAppend    = "append"            // from the inbox until the leader's own disk has the entry
	spanCommit    = "commit"            // from the leader's log until a quorum's disks have the entry
	spanApply     = "apply"             // the machine's call, with the entries that were committed together
	spanReadIndex = "read index"        // until the leader has confirmed what a query has to cover
	spanQuery     = "query"             // until the machine, which may have to apply first, has answered

	attrGroup    = "wraft.group"
	attrMachine  = "wraft.machine"
	attrPeer     = "wraft.peer"
	attrIndex    = "wraft.index"
	attrApplied  = "wraft.applied"
	attrTerm     = "wraft.term"
	attrStatus   = "wraft.status"
	attrFuel     = "wraft.fuel"
	attrReplayed = "wraft.replayed"
	attrDurable  = "wraft.durable"
)

// traces makes the spans of what sampled requests come to on this node. nil makes none.
type traces struct {
	tracer  trace.Tracer
	wall    func() time.Time
	clock   clock.Clock
	machine func(raft.GroupID) string // the name of a group's machine, "" of none
}

// sampled reports whether spans are to be made of what ctx asks for.
func (t *traces) sampled(ctx context.Context) bool {
	return t != nil && tracecontext.Sampled(ctx)
}

// start begins a span of now.
func (t *traces) start(ctx context.Context, name string, kind trace.SpanKind, g raft.GroupID, more ...attribute.KeyValue) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(t.of(g, more...)...))
}

// of are the attributes of a group's span.
func (t *traces) of(g raft.GroupID, more ...attribute.KeyValue) []attribute.KeyValue {
	out := append([]attribute.KeyValue{attribute.Int64(attrGroup, int64(g))}, more...)
	if name := t.machine(g); name != "" {
		out = append(out, attribute.String(attrMachine, name))
	}
	return out
}

// finish ends a span with how a command ended.
func finish(span trace.Span, r reply, err error, at ...trace.SpanEndOption) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	} else {
		span.SetAttributes(attribute.Int64(attrIndex, int64(r.answer.Index)), attribute.Int64(attrTerm, int64(r.answer.Term)))
	}
	span.End(at...)
}

// origin is when the node's clock began.
func (t *traces) origin() time.Time { return t.wall().Add(-t.clock.Now()) }

// note makes a span of a time that has passed on the node's clock, which began at origin.
func (t *traces) note(parent context.Context, name string, origin time.Time, from, to time.Duration, err error, attributes []attribute.KeyValue) {
	_, span := t.tracer.Start(parent, name, trace.WithTimestamp(origin.Add(from)), trace.WithAttributes(attributes...))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(origin.Add(max(from, to))))
}

// now is the node's time, 0 when no spans are made.
func (t *traces) now() time.Duration {
	if t == nil {
		return 0
	}
	return t.clock.Now()
}

// read makes the spans of a query that was asked at a time and has its answer.
func (t *traces) read(ctx context.Context, g raft.GroupID, asked time.Duration, r reply, err error) {
	if !t.sampled(ctx) {
		return
	}
	origin, about := t.origin(), t.of(g, attribute.Int64(attrApplied, int64(r.applied)))
	switch {
	case r.indexed != 0:
		t.note(ctx, spanReadIndex, origin, asked, r.indexed, nil, about)
		asked = r.indexed
	case err != nil:
		t.note(ctx, spanReadIndex, origin, asked, t.now(), err, about)
		return
	}
	t.note(ctx, spanQuery, origin, asked, t.now(), err, append(about, attribute.Int64(attrStatus, int64(r.answer.Status))))
}

// machineName is the name of the machine of a group, "" when it has none.
func (n *Node) machineName(g raft.GroupID) string {
	for _, m := range n.catalogue.Load().Machines {
		if m.Group == g {
			return m.Name
		}
	}
	return ""
}
