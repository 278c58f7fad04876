package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/tracecontext"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// stage is a moment in the life of a command at the node that puts it into the log.
type stage int

const (
	stageSubmitted stage = iota
	stageAccepted        // it stands in the leader's log
	stageDurable         // the leader's own disk has it
	stageCommitted       // a quorum's disks have it
	stageApplying        // the machine begins with it, or with what was committed with it
	stages
)

// tracedCall is the waiter of a sampled command: it notes when the command comes to which stage,
// and makes spans of that with the answer.
//
// Why not a span per stage from its beginning on: this way those who handle commands only note
// the time, and no span stays open when a stage is never reached.
type tracedCall struct {
	traces *traces
	to     waiter
	parent trace.SpanContext
	span   trace.Span // ends with the answer; nil: the caller has one
	group  raft.GroupID

	mu    sync.Mutex // guards the fields below
	at    [stages]time.Duration
	index raft.Index // 0: not in the log
	term  raft.Term
	done  bool
}

// watch returns the waiter of a command of ctx: to itself, unless the command is sampled.
func (t *traces) watch(ctx context.Context, g raft.GroupID, to waiter) waiter {
	if !t.sampled(ctx) {
		return to
	}
	return t.follow(trace.SpanContextFromContext(ctx), g, to, nil)
}

// watchForwarded is watch for a command of a peer's, which gets a span of its own.
func (t *traces) watchForwarded(ctx context.Context, g raft.GroupID, from raft.NodeID, to waiter, parent, state string) waiter {
	if t == nil {
		return to
	}
	if ctx = tracecontext.Join(ctx, parent, state); !t.sampled(ctx) {
		return to
	}
	_, span := t.start(ctx, spanForwarded, trace.SpanKindServer, g, attribute.Int64(attrPeer, int64(from)))
	return t.follow(span.SpanContext(), g, to, span)
}

func (t *traces) follow(parent trace.SpanContext, g raft.GroupID, to waiter, span trace.Span) *tracedCall {
	c := &tracedCall{traces: t, to: to, parent: parent, group: g, span: span}
	c.reach(stageSubmitted, t.clock.Now())
	return c
}

// reach notes when a stage was reached; the first time counts.
func (c *tracedCall) reach(s stage, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[s] == 0 {
		c.at[s] = max(at, 1) // 0 is "not yet"
	}
}

// accept notes where the command stands in the log.
func (c *tracedCall) accept(index raft.Index, term raft.Term) {
	if to, ok := c.to.(accepter); ok {
		to.accept(index, term)
	}
	c.reach(stageAccepted, c.traces.clock.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index, c.term = index, term
}

// resolve passes the answer on and makes the spans, once.
func (c *tracedCall) resolve(r reply) {
	c.to.resolve(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return
	}
	c.done = true
	c.emit(r)
	if c.span != nil {
		finish(c.span, r, r.err)
	}
}

// emit makes the spans of the stages that were reached; the last of them has the error.
func (c *tracedCall) emit(r reply) {
	t, now, origin := c.traces, c.traces.clock.Now(), c.traces.origin()
	parent := trace.ContextWithSpanContext(context.Background(), c.parent)
	until := func(s stage) time.Duration {
		if c.at[s] == 0 {
			return now
		}
		return c.at[s]
	}
	failed := func(next stage) error {
		if c.at[next] == 0 {
			return r.err
		}
		return nil
	}
	place := t.of(c.group, attribute.Int64(attrIndex, int64(c.index)), attribute.Int64(attrTerm, int64(c.term)))
	if c.at[stageAccepted] == 0 {
		t.note(parent, spanAppend, origin, c.at[stageSubmitted], now, r.err, t.of(c.group))
		return
	}
	// Why it may not be durable: a quorum of others, and an answer, can come before the leader's own disk.
	t.note(parent, spanAppend, origin, c.at[stageSubmitted], until(stageDurable), nil,
		append(slices.Clip(place), attribute.Bool(attrDurable, c.at[stageDurable] != 0)))
	t.note(parent, spanCommit, origin, c.at[stageAccepted], until(stageCommitted), failed(stageCommitted), place)
	if c.at[stageApplying] != 0 {
		t.note(parent, spanApply, origin, c.at[stageApplying], now, r.err, append(slices.Clip(place),
			attribute.Int64(attrStatus, int64(r.answer.Status)), attribute.Int64(attrFuel, r.fuel), attribute.Bool(attrReplayed, r.replayed)))
	}
}

// resolved reports whether the answer was given.
func (c *tracedCall) resolved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// reached notes a stage of all sampled commands that wait in w.
func (t *traces) reached(s stage, w ApplyWork) {
	if t == nil {
		return
	}
	now := t.clock.Now()
	for _, tickets := range w.Waiting {
		for _, ticket := range tickets {
			if c, ok := ticket.(*tracedCall); ok {
				c.reach(s, now)
			}
		}
	}
}

// appendingMax bounds the sampled commands of a shard that wait for the disk; the spans of
// further ones end with the answer.
const appendingMax = 4096

// appending are a shard's sampled commands that the leader's disk does not have yet. They
// belong to the shard's goroutine.
type appending []*tracedCall

func (a *appending) add(c *tracedCall) {
	if len(*a) < appendingMax {
		*a = append(*a, c)
	}
}

// written is what a batch has made durable.
type written struct {
	at   time.Duration
	upTo map[raft.GroupID]raft.Index
}

// written is what a batch makes durable; nothing that concerns anybody when no spans are made.
func (t *traces) written(batch []storage.GroupWrite) written {
	if t == nil {
		return written{}
	}
	w := written{at: t.clock.Now(), upTo: map[raft.GroupID]raft.Index{}}
	for _, gw := range batch {
		if n := len(gw.Write.Entries); n > 0 {
			w.upTo[gw.Group] = gw.Write.Entries[n-1].Index
		}
	}
	return w
}

// durable notes what is durable and forgets it, and what nobody waits for.
func (a *appending) durable(w written) {
	if len(*a) == 0 {
		return
	}
	*a = slices.DeleteFunc(*a, func(c *tracedCall) bool {
		if c.index <= w.upTo[c.group] {
			c.reach(stageDurable, w.at)
			return true
		}
		return c.resolved()
	})
}
