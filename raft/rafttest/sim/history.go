package sim

import (
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// history is what clients were told and what machines did, and checks both: each
// (session, sequence) takes effect at most once and is always answered alike, a
// read sees what was acknowledged before it began, states are equal at equal
// indexes, and a proposal that was refused never appears.
type history struct {
	calls   map[uint64]call
	places  map[uint64]raft.Index // of attempts, as applied anywhere
	last    uint64                // the newest attempt
	acked   int                   // operations answered
	lengths map[uint64]uint64     // the longest anybody was told of a list
	records []record              // what each entry did, from index 1 on
	effects map[once]answer
	done    []done
}

// record is what an entry did at the node that applied it first.
type record struct {
	answer
	key  uint64 // of an append
	hash uint64 // of the state behind it
}

// noKey is the key of what is no append.
const noKey = 1 << 63

// once names a command across its attempts.
type once struct{ session, sequence uint64 }

// done is an operation that was answered.
type done struct {
	number       uint64
	read         bool
	key, length  uint64
	index        raft.Index // where it took effect, or up to where it was read
	began, ended time.Duration
}

func (h *history) init() {
	h.calls = map[uint64]call{}
	h.places = map[uint64]raft.Index{}
	h.lengths = map[uint64]uint64{}
	h.effects = map[once]answer{}
}

// results takes the core's answers in.
func (h *history) results(n *node, fx *raft.Effects) error {
	for i := range fx.Results {
		if err := h.result(n, &fx.Results[i]); err != nil {
			return err
		}
	}
	for _, r := range fx.Reads {
		id := uint64(r.ID)
		c, ok := h.calls[id]
		delete(h.calls, id)
		switch {
		case !ok || !c.read:
			return fmt.Errorf("read %d is answered twice or was never asked", id)
		case r.Err != nil:
			n.w.refused(c)
		default:
			if err := n.w.checkRead(id, r.Index, &c); err != nil {
				return err
			}
			if c.client != nil {
				c.index = r.Index
				n.readers = append(n.readers, c)
			}
		}
	}
	return n.answerReaders()
}

// result takes the outcome of a proposal in.
func (h *history) result(n *node, r *raft.ProposalResult) error {
	id := uint64(r.ID)
	c := h.calls[id]
	if c.outcome != 0 {
		return fmt.Errorf("proposal %d has two outcomes: %v and %v", id, c.outcome, r.Outcome)
	}
	c.outcome, c.index, c.term = r.Outcome, r.Index, r.Term
	h.calls[id] = c
	if at, found := h.places[id]; found {
		if err := h.agrees(id, at); err != nil {
			return err
		}
	}
	if r.Outcome != raft.OutcomeCommitted {
		n.w.refused(c)
		return nil
	}
	if r.Index <= c.known {
		return fmt.Errorf("proposal %d is at %d, though %d was committed before it began", id, r.Index, c.known)
	}
	if c.change {
		n.w.bite(c.strike)
		n.w.fault("configuration changed")
		return nil
	}
	n.waiting[r.Index] = c
	return nil
}

// refused lets a client ask again soon.
func (w *world) refused(c call) {
	if c.client != nil && c.client.turn == c.turn && c.client.doing != nil {
		w.askAgain(c.client, w.chance.between("backoff", c.client.number, 10*time.Millisecond, backoffMax))
	}
}

// agrees checks the outcome of a proposal that was applied at index.
func (h *history) agrees(id uint64, index raft.Index) error {
	switch c := h.calls[id]; {
	case c.outcome == raft.OutcomeDropped:
		return fmt.Errorf("proposal %d was dropped and is applied at %d", id, index)
	case c.outcome == raft.OutcomeCommitted && c.index != index:
		return fmt.Errorf("proposal %d was committed at %d and is applied at %d", id, c.index, index)
	}
	return nil
}

// observe checks what an entry did at a node: at the first of all nodes against
// what was promised, at the others against the first.
func (h *history) observe(id raft.NodeID, e *raft.Entry, a answer, hash uint64) error {
	next := raft.Index(len(h.records)) + 1
	if e.Index > next {
		return fmt.Errorf("%v applies %d, nobody has applied %d", id, e.Index, next)
	}
	if e.Index < next {
		if first := h.records[e.Index-1]; first.answer != a || first.hash != hash {
			return fmt.Errorf("%v has state %x behind %d and answers %+v, state %x and %+v were first",
				id, hash, e.Index, a, first.hash, first.answer)
		}
		return nil
	}
	r := record{answer: a, key: noKey, hash: hash}
	if e.Type == raft.EntryCommand {
		c := decodeCommand(e.Data)
		if at, found := h.places[c.attempt]; found {
			return fmt.Errorf("proposal %d was applied at %d and at %d", c.attempt, at, e.Index)
		}
		h.places[c.attempt] = e.Index
		if err := h.agrees(c.attempt, e.Index); err != nil {
			return err
		}
		if c.verb == verbAppend {
			r.key = c.key
			if err := h.exactlyOnce(once{c.session, c.sequence}, a); err != nil {
				return fmt.Errorf("%w, at %d", err, e.Index)
			}
		}
	}
	h.records = append(h.records, r)
	return nil
}

// exactlyOnce checks the answer of an append.
func (h *history) exactlyOnce(o once, a answer) error {
	before, had := h.effects[o]
	switch a.verdict {
	case verdictDone:
		if had {
			return fmt.Errorf("session %d, sequence %d takes effect twice", o.session, o.sequence)
		}
		h.effects[o] = a
	case verdictRepeat:
		if !had || a.value != before.value || a.effect != before.effect {
			return fmt.Errorf("session %d, sequence %d is answered %+v, before %+v", o.session, o.sequence, a, before)
		}
	}
	return nil
}

// answered gives a client what its command returned.
func (w *world) answered(c call, a answer) error {
	cl := c.client
	if cl == nil || cl.turn != c.turn || cl.doing == nil {
		return nil
	}
	u := cl.doing
	switch {
	case u.session == 0: // a session is open
		cl.session, cl.sequence = a.value, 0
		w.askAgain(cl, 0)
		return nil
	case a.verdict == verdictStale:
		return fmt.Errorf("session %d, sequence %d is stale, though it is the newest", u.session, u.sequence)
	case a.verdict == verdictExpired:
		w.fault("session expired")
		cl.session = 0
		if u.sent > 1 {
			return w.finish(cl) // whether an earlier attempt took effect is not known
		}
		u.session, u.sent = 0, 0
		w.askAgain(cl, 0)
		return nil
	case a.verdict == verdictRepeat:
		w.fault("answer repeated")
	}
	if a.effect <= u.known {
		return fmt.Errorf("operation %d took effect at %d, though %d was committed before it began", u.Number, a.effect, u.known)
	}
	return w.acknowledge(cl, done{key: u.Key, length: a.value, index: a.effect})
}

// acknowledge notes what a client was told.
func (w *world) acknowledge(c *client, d done) error {
	u := c.doing
	if d.length < u.least {
		return fmt.Errorf("operation %d sees list %d with %d values, %d were seen before it began", u.Number, u.Key, d.length, u.least)
	}
	d.number, d.began, d.ended = u.Number, u.began, w.now
	h := &w.history
	h.done = append(h.done, d)
	h.lengths[u.Key] = max(h.lengths[u.Key], d.length)
	h.acked++
	return w.finish(c)
}

// answerReaders answers the reads whose index this node has applied.
func (n *node) answerReaders() error {
	if len(n.readers) == 0 {
		return nil
	}
	var ready []call
	kept := n.readers[:0]
	for _, c := range n.readers {
		if c.index <= n.machine.at {
			ready = append(ready, c)
		} else {
			kept = append(kept, c)
		}
	}
	n.readers = kept
	for _, c := range ready {
		if cl := c.client; cl.turn == c.turn && cl.doing != nil {
			key := cl.doing.Key
			d := done{read: true, key: key, length: n.machine.lists[key].length, index: n.machine.at}
			if err := n.w.acknowledge(cl, d); err != nil {
				return err
			}
		}
	}
	return nil
}
