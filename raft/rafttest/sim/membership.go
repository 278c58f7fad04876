package sim

import (
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// sparesMax is how many nodes may stand by that are no members at first, and
// nodesMax how many there are in all.
const (
	sparesMax = 2
	nodesMax  = 7
)

// spares returns how many nodes stand by in a world of size voters. A calm world
// has none.
func (w *world) spares(size int) int {
	if w.setup.Calm {
		return 0
	}
	return min(int(w.chance.below("spares", 0, sparesMax+1)), nodesMax-size)
}

// churn asks a leader for a change of configuration, and again a few times, so
// that a learner may become a voter.
func churn(w *world, number uint64) func() error {
	times := 1 + w.pick(number, "changes", 8)
	var again func() error
	again = func() error {
		if w.plan.over || times == 0 {
			return nil
		}
		times--
		w.agenda.plan(w.now+w.pickSpan(number, "change wait", 50*time.Millisecond, 2*time.Second), again)
		return w.change(number)
	}
	w.agenda.plan(w.now, again)
	return nil
}

// change asks for one to three random changes at once.
func (w *world) change(number uint64) error {
	n := w.aLeader(w.pick(number, "which leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	return w.changeAt(n, number)
}

// changeAt asks a node for one to three random changes at once.
func (w *world) changeAt(n *node, number uint64) error {
	if slices.ContainsFunc(w.nodes, func(n *node) bool { return n.Disk.Damaged() }) {
		return nil // nobody takes a vote away while there is none to spare
	}
	at := n.Core.Status().Configuration
	w.history.last++
	r := raft.ChangeRequest{ID: raft.ProposalID(w.history.last), Expected: at.Index}
	for range 1 + w.pick(number, "change size", 3) {
		r.Changes = append(r.Changes, w.oneChange(at.Configuration, number))
	}
	w.history.calls[w.history.last] = call{change: true, strike: number, known: w.checker.Committed()}
	n.Core.Tick(n.clock())
	n.Core.ChangeConfig(r)
	return n.settle()
}

// oneChange draws a change that makes sense for one random node.
func (w *world) oneChange(c raft.Configuration, number uint64) raft.Change {
	id := w.victim(number).ID
	may := w.pick(number, "change kind", 4)
	ch := raft.Change{Node: id}
	switch {
	case c.IsVoter(id) && may == 0:
		ch.Kind = raft.Demote
	case c.IsVoter(id), c.IsLearner(id) && may == 0:
		ch.Kind = raft.Remove
	case c.IsLearner(id):
		ch.Kind = raft.Promote
	default:
		ch.Kind, ch.Incarnation = raft.AddLearner, 1
	}
	return ch
}

// handOver asks a leader to transfer leadership to any node.
func handOver(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "which leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	n.Core.Tick(n.clock())
	to := w.victim(number).ID
	if n.Core.TransferTo(to) == nil {
		w.bite(number)
	}
	err := n.settle()
	return func() error { return err }
}
