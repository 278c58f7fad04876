package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/tracecontext"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// keptSpans is a tracer that remembers the names of the spans that it made.
type keptSpans struct {
	noop.Tracer
	names []string
}

func (k *keptSpans) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	k.names = append(k.names, name)
	return k.Tracer.Start(ctx, name, o...)
}

func testTraces() (*traces, *keptSpans) {
	k := &keptSpans{}
	return &traces{tracer: k, wall: time.Now, clock: clock.System(), machine: func(raft.GroupID) string { return "m" }}, k
}

// sampledContext is one in a trace whose sender wants spans.
func sampledContext() context.Context {
	return tracecontext.Join(context.Background(), "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01", "")
}

// TestTracesOffCostNothing: neither without a tracer nor for a command that is not sampled is
// anything allocated on its way.
func TestTracesOffCostNothing(t *testing.T) {
	on, kept := testTraces()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	c := newCall()
	work := ApplyWork{Waiting: map[raft.Index][]Ticket{1: {c, c}}}
	batch := []storage.GroupWrite{{Group: 1, Write: raft.Write{Entries: []raft.Entry{{Index: 1}}}}}
	for name, traces := range map[string]*traces{"no tracer": nil, "not sampled": on} {
		if n := testing.AllocsPerRun(100, func() {
			if traces.watch(ctx, 2, c) != waiter(c) {
				t.Error("the command is watched")
			}
			traces.reached(stageCommitted, work)
			traces.reached(stageApplying, work)
			traces.read(ctx, 2, traces.now(), reply{}, nil)
		}); n != 0 {
			t.Errorf("%s: %v allocations for a command", name, n)
		}
	}
	var off *traces
	var pending appending
	if n := testing.AllocsPerRun(100, func() { pending.durable(off.written(batch)) }); n != 0 {
		t.Errorf("no tracer: %v allocations for a batch", n)
	}
	if len(kept.names) > 0 {
		t.Errorf("spans were made: %q", kept.names)
	}
}

// TestSpansOfHowFarACommandCame: those of the stages that were reached, and each once.
func TestSpansOfHowFarACommandCame(t *testing.T) {
	failed := errors.New("failed")
	for name, row := range map[string]struct {
		to   stage
		err  error
		want []string
	}{
		"refused":           {stageSubmitted, failed, []string{spanAppend}},
		"lost with a term":  {stageAccepted, failed, []string{spanAppend, spanCommit}},
		"stopped before it": {stageCommitted, failed, []string{spanAppend, spanCommit}},
		"applied":           {stageApplying, nil, []string{spanAppend, spanCommit, spanApply}},
	} {
		traces, kept := testTraces()
		inner := newCall()
		c := traces.watch(sampledContext(), 2, inner).(*tracedCall)
		if row.to >= stageAccepted {
			c.accept(7, 3)
			if inner.index.Load() != 7 || inner.term.Load() != 3 {
				t.Errorf("%s: the caller does not know where its command is", name)
			}
		}
		work := ApplyWork{Waiting: map[raft.Index][]Ticket{7: {c}}}
		for s := stageCommitted; s <= row.to; s++ {
			traces.reached(s, work)
		}
		for range 2 {
			c.resolve(reply{err: row.err})
		}
		if r := <-inner.done; !errors.Is(r.err, row.err) || len(kept.names) != len(row.want) {
			t.Errorf("%s: %v, %q", name, r.err, kept.names)
		}
		for i := range row.want {
			if kept.names[i] != row.want[i] {
				t.Errorf("%s: %q", name, kept.names)
			}
		}
	}
}

// TestAppendingForgets: what is durable, and what was answered before it is.
func TestAppendingForgets(t *testing.T) {
	traces, _ := testTraces()
	var pending appending
	calls := make([]*tracedCall, 3)
	for i := range calls {
		calls[i] = traces.watch(sampledContext(), 2, newCall()).(*tracedCall)
		calls[i].accept(raft.Index(i+1), 1)
		pending.add(calls[i])
	}
	batch := func(g raft.GroupID, last raft.Index) written {
		return traces.written([]storage.GroupWrite{{Group: g, Write: raft.Write{Entries: []raft.Entry{{Index: last}}}}, {Group: g}})
	}
	pending.durable(batch(9, 100))
	if len(pending) != 3 {
		t.Fatalf("another group's batch: %d are left", len(pending))
	}
	calls[2].resolve(reply{})
	pending.durable(batch(2, 1))
	if len(pending) != 1 || calls[0].at[stageDurable] == 0 || calls[1].at[stageDurable] != 0 || calls[2].at[stageDurable] != 0 {
		t.Errorf("%d are left, durable at %v", len(pending), []any{calls[0].at, calls[1].at, calls[2].at})
	}
	for range appendingMax + 1 {
		pending.add(calls[1])
	}
	if len(pending) != appendingMax {
		t.Errorf("%d are remembered", len(pending))
	}
}
