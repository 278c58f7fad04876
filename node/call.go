package node

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// waiter is a ticket of the running node: something that takes the one answer.
type waiter interface {
	// resolve hands over the answer. It must not block.
	resolve(reply)
}

// accepter is a waiter that also wants to know where its command stands.
type accepter interface {
	// accept is told that before the answer. It must not block.
	accept(raft.Index, raft.Term)
}

// reply is the answer to a command or query: err says that there is none.
type reply struct {
	answer   Answer
	replayed bool
	applied  raft.Index    // of the replica that answered a query
	age      time.Duration // of what a query was answered from, see AskResult
	indexed  time.Duration // when it was known what a query has to cover, on the node's clock; 0: never asked
	fuel     int64         // that the entry of a command spent here; of sampled commands
	err      error
}

// call is a waiter for a request of this process.
type call struct {
	done  chan reply    // capacity 1
	index atomic.Uint64 // where the command stands in the log, 0 while it does not
	term  atomic.Uint64
}

func newCall() *call { return &call{done: make(chan reply, 1)} }

func (c *call) resolve(r reply) {
	select {
	case c.done <- r:
	default: // answered before
	}
}

// accept notes where the command stands in the log.
func (c *call) accept(index raft.Index, term raft.Term) {
	c.term.Store(uint64(term))
	c.index.Store(uint64(index))
}

// unknown is err with the command's place, if err leaves its outcome open. The end of waiting
// does: the command was handed over and may still commit.
func (c *call) unknown(err error) error {
	index, term := raft.Index(c.index.Load()), raft.Term(c.term.Load())
	var unknown *UnknownOutcomeError
	switch {
	case errors.As(err, &unknown) && unknown.Index == 0 && index != 0:
		return &UnknownOutcomeError{Index: index, Term: term, Cause: unknown.Cause}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, ErrStopping):
		return &UnknownOutcomeError{Index: index, Term: term, Cause: err}
	}
	return err
}

// queryCall is a read on its way: first its index, then its answer.
type queryCall struct {
	call
	data   []byte
	only   bool // no query: the caller only waits until the index is applied
	mode   raft.ReadMode
	maxAge time.Duration // of ReadBounded
	// coveredAt is when, on this node's clock, everything acknowledged was covered by the
	// index that the read waits for; of ReadBounded.
	coveredAt time.Duration
	indexedAt time.Duration // as reply.indexed
}

func newQueryCall(a Ask) *queryCall {
	return &queryCall{call: call{done: make(chan reply, 1)}, data: a.Data, mode: a.Mode, maxAge: a.MaxStaleness}
}

// again is the same read for another attempt.
func (q *queryCall) again() *queryCall {
	return &queryCall{call: call{done: make(chan reply, 1)}, data: q.data, only: q.only, mode: q.mode, maxAge: q.maxAge}
}

// age is how old the answer is that a replica gives at a time which has reached the index.
func (q *queryCall) age(now time.Duration) time.Duration {
	switch q.mode {
	case raft.ReadLocal:
		return unknownAge
	case raft.ReadBounded:
		return now - q.coveredAt
	}
	return 0
}

// answerWith resolves the read with what the replica said at applied.
func (q *queryCall) answerWith(r plugins.Result, applied raft.Index, age time.Duration, err error) {
	q.resolve(reply{answer: Answer{Status: r.Status, Data: r.Data}, applied: applied, age: age, indexed: q.indexedAt, err: err})
}
