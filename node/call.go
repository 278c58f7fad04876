package node

import (
	"sync/atomic"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// waiter is a ticket of the running node: something that takes the one answer.
type waiter interface {
	// resolve hands over the answer. It must not block.
	resolve(reply)
}

// reply is the answer to a command or query: err says that there is none.
type reply struct {
	answer   Answer
	replayed bool
	applied  raft.Index // of the replica that answered a query
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

// queryCall is a linearizable read on its way: first its index, then its answer.
type queryCall struct {
	call
	data []byte
	only bool // no query: the caller only waits until the index is applied
}

func queryReply(r plugins.Result, applied raft.Index, err error) reply {
	return reply{answer: Answer{Status: r.Status, Data: r.Data}, applied: applied, err: err}
}
