package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wraft/wraft/raft"
)

// placeAfter is when a node asks where a command stands that it has passed on and that has
// no answer yet. Why not at once: nearly all are answered before.
const placeAfter = 200 * time.Millisecond

// forwardedPlace asks where a command stands in the leader's log.
type forwardedPlace struct {
	_  struct{} `cbor:",toarray"`
	ID uint64   // of the forward that passed the command on
}

// errAnswered answers who asks for the place of a command that has its answer.
var errAnswered = errors.New("node: the command has an answer")

// passOn hands a command to the leader, as the body of an operation, and waits for the answer
// while that leads. Where there is none in time the error has the place of the command, if the
// leader has told it.
func (n *Node) passOn(ctx context.Context, g *group, leader raft.NodeID, op uint8, body any) (reply, error) {
	w := newCall()
	id, err := n.pass(leader, g.id, op, body, w)
	if err != nil {
		return reply{}, err
	}
	defer n.forwards.remove(id)
	late := n.clock.NewTimer(placeAfter)
	defer late.Stop()
	var asked uint64
	defer func() { n.forwards.remove(asked) }()
	r, err := n.awaitLeader(ctx, leader, w, g.ledBy(leader), late.C(), func() {
		asked, _ = n.pass(leader, g.id, forwardPlace, forwardedPlace{ID: id}, placeOf{w}) // Why unchecked: the answer then lacks the place
	})
	return r, w.unknown(err)
}

// placeOf takes the place of a call's command.
type placeOf struct{ call *call }

// resolve implements waiter. Why errors are dropped: the command has its answer, or the
// leader is of a release that tells no places.
func (p placeOf) resolve(r reply) {
	if r.err == nil {
		p.call.accept(r.answer.Index, r.answer.Term)
	}
}

// passed are the commands that peers have passed on to this node and that have no answer.
// Their number is bounded as that of commands that wait.
type passed struct {
	mu    sync.Mutex // guards what follows
	calls map[passedKey]*passedCommand
}

// passedKey is a forward of a peer.
type passedKey struct {
	from raft.NodeID
	id   uint64
}

func newPassed() *passed { return &passed{calls: map[passedKey]*passedCommand{}} }

// add makes a forwarded call one that can be asked for its place.
func (p *passed) add(w *forwardedCall) *passedCommand {
	c := &passedCommand{forwardedCall: w, of: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.key()] = c
	return c
}

// tell answers w with the place of a command, as soon as that is known.
func (p *passed) tell(from raft.NodeID, id uint64, w waiter) {
	p.mu.Lock()
	c := p.calls[passedKey{from, id}]
	var index raft.Index
	var term raft.Term
	if c != nil {
		if index, term = c.index, c.term; index == 0 {
			c.asker = w
		}
	}
	p.mu.Unlock()
	switch {
	case c == nil:
		w.resolve(reply{err: errAnswered})
	case index != 0:
		w.resolve(reply{answer: Answer{Index: index, Term: term}})
	}
}

// passedCommand is a command of a peer.
type passedCommand struct {
	*forwardedCall
	of *passed

	// of.mu guards the fields below.
	index raft.Index // 0: not in the log yet
	term  raft.Term
	asker waiter // nil: nobody waits for the place
}

func (c *passedCommand) key() passedKey { return passedKey{c.from, c.id} }

// accept implements accepter.
func (c *passedCommand) accept(index raft.Index, term raft.Term) {
	c.of.mu.Lock()
	c.index, c.term = index, term
	w := c.asker
	c.asker = nil
	c.of.mu.Unlock()
	if w != nil {
		w.resolve(reply{answer: Answer{Index: index, Term: term}})
	}
}

// resolve implements waiter.
func (c *passedCommand) resolve(r reply) {
	c.of.mu.Lock()
	if c.of.calls[c.key()] == c { // Why: a peer that was started anew counts from the beginning again
		delete(c.of.calls, c.key())
	}
	w := c.asker
	c.asker = nil
	c.of.mu.Unlock()
	if c.forwardedCall.resolve(r); w != nil {
		w.resolve(reply{err: errAnswered})
	}
}
