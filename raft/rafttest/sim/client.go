package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// history is what the clients know, and checks it: an order of indexes that
// contradicts real time, a value that appears twice, or one that was refused and
// appears all the same, breaks a promise.
type history struct {
	calls  map[uint64]call
	places map[uint64]raft.Index // of values, as applied anywhere
	last   uint64
	acked  int
	probe  int // proposals acknowledged
}

// call is an operation under way.
type call struct {
	read   bool
	change bool       // of configuration
	known  raft.Index // committed somewhere when it began
	// What became of a proposal.
	outcome raft.Outcome
	index   raft.Index
}

func (h *history) init() {
	h.calls = map[uint64]call{}
	h.places = map[uint64]raft.Index{}
}

// planClients lets clients call until they are told to be quiet.
func (w *world) planClients() {
	pause := w.chance.between("client rate", 0, 100*time.Millisecond, 400*time.Millisecond)
	var again func() error
	again = func() error {
		if w.quiet {
			return nil
		}
		w.agenda.plan(w.now+w.chance.between("client", 0, pause/2, pause*3/2), again)
		burst := uint64(1)
		if w.chance.hits("burst", 0, 50) {
			burst += w.chance.below("burst size", 0, 40)
		}
		return w.call(burst)
	}
	w.agenda.plan(pause, again)
}

// aLeader returns one of the nodes that believe they lead; nil when none does.
func (w *world) aLeader(choice uint64) *node {
	var leaders []*node
	for _, n := range w.nodes {
		if n.Core != nil && n.Core.Status().Role == raft.Leader {
			leaders = append(leaders, n)
		}
	}
	if len(leaders) == 0 {
		return nil
	}
	return leaders[choice%uint64(len(leaders))]
}

// call starts operations at one node: mostly one that believes it leads, which
// may be the old one.
func (w *world) call(count uint64) error {
	n := w.nodes[w.chance.below("target", 0, uint64(len(w.nodes)))]
	if w.chance.hits("to leader", 0, 800) {
		if leader := w.aLeader(w.chance.next("which leader", 0)); leader != nil {
			n = leader
		}
	}
	if n.Core == nil || w.now < n.pausedUntil {
		return nil
	}
	n.Core.Tick(n.clock())
	for range count {
		w.history.last++
		id := w.history.last
		c := call{read: w.chance.hits("read", 0, 300), known: w.checker.Committed()}
		w.history.calls[id] = c
		if c.read {
			n.Core.Read(raft.ReadID(id))
			if w.chance.hits("cancel", 0, 50) {
				n.Core.CancelRead(raft.ReadID(id))
			}
			continue
		}
		n.Core.Propose(raft.Proposal{ID: raft.ProposalID(id), Type: raft.EntryCommand, Data: binary.BigEndian.AppendUint64(nil, id)})
	}
	return n.settle()
}

// results takes answers in.
func (h *history) results(w *world, fx *raft.Effects) error {
	for _, r := range fx.Results {
		c := h.calls[uint64(r.ID)]
		if c.outcome != 0 {
			return fmt.Errorf("proposal %d has two outcomes: %v and %v", r.ID, c.outcome, r.Outcome)
		}
		c.outcome, c.index = r.Outcome, r.Index
		h.calls[uint64(r.ID)] = c
		if r.Outcome == raft.OutcomeCommitted {
			h.acked++
			if c.change {
				w.fault("configuration changed")
			} else {
				h.probe++
			}
			if r.Index <= c.known {
				return fmt.Errorf("proposal %d is at %d, though %d was committed before it began", r.ID, r.Index, c.known)
			}
		}
		if at, found := h.places[uint64(r.ID)]; found {
			if err := h.agrees(uint64(r.ID), at); err != nil {
				return err
			}
		}
	}
	for _, r := range fx.Reads {
		if r.Err != nil {
			continue
		}
		h.acked++
		if c := h.calls[uint64(r.ID)]; r.Index < c.known || !c.read || r.Index > w.checker.Committed() {
			return fmt.Errorf("read %d sees up to %d, %d was committed before it began, %d is now", r.ID, r.Index, c.known, w.checker.Committed())
		}
		delete(h.calls, uint64(r.ID))
	}
	return nil
}

// applied notes where values ended up.
func (h *history) applied(entries []raft.Entry) error {
	for _, e := range entries {
		if e.Type != raft.EntryCommand {
			continue
		}
		id := binary.BigEndian.Uint64(e.Data)
		if at, found := h.places[id]; found && at != e.Index {
			return fmt.Errorf("proposal %d was applied at %d and at %d", id, at, e.Index)
		}
		h.places[id] = e.Index
		if err := h.agrees(id, e.Index); err != nil {
			return err
		}
	}
	return nil
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
