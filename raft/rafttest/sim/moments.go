package sim

import (
	"time"

	"github.com/wraft/wraft/raft"
)

// The strikes here hit a leader at a bad moment, which two strikes that know
// nothing of each other would hardly ever find.

// isolateAmidTransfer cuts a leader off that has just told another voter to
// campaign: for a while both lead, and clients still ask the old one.
func isolateAmidTransfer(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	err := w.transferToVoter(n, number)
	mend := w.isolate(number, n)
	return func() error { return all([]func() error{mend, func() error { return err }})() }
}

// slowAmidTransfer makes the links of a leader slow and lets it hand over then:
// answers to what it said before still arrive when another one leads.
func slowAmidTransfer(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil {
		return nil
	}
	w.net.slow[n.ID] = slow{number: number, on: true, delay: 300 * time.Millisecond}
	n.later(w.pickSpan(number, "hand over in", 100*time.Millisecond, time.Second), func() error {
		return w.transferToVoter(n, number)
	})
	return func() error {
		if w.net.slow[n.ID].number == number {
			w.net.slow[n.ID] = slow{}
		}
		return nil
	}
}

// transferToVoter asks a leader to hand over to a random voter.
func (w *world) transferToVoter(n *node, number uint64) error {
	n.Core.Tick(n.clock())
	voters := n.Core.Status().Configuration.Configuration.Voters
	if n.Core.TransferTo(voters[w.pick(number, "heir", uint64(len(voters)))].Node) == nil {
		w.bite(number)
	}
	return n.settle()
}

// isolate cuts every link of a node.
func (w *world) isolate(number uint64, n *node) func() error {
	return w.cutLinks(number, func(from, to raft.NodeID) bool { return from == n.ID || to == n.ID })
}

// isolateAmidChange lets a leader begin a change that nobody else hears of.
func isolateAmidChange(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	mend := w.isolate(number, n)
	err := w.changeAt(n, number)
	return func() error { return all([]func() error{mend, func() error { return err }})() }
}

// isolateWriting cuts a leader off whose disk is slow, and mends the links while
// what it wrote meanwhile is still on its way: the next leader cuts that.
func isolateWriting(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil {
		return nil
	}
	n.slowUntil, n.slowBy = time.Duration(w.plan.strikes[number].Until), number
	mend := w.isolate(number, n)
	w.agenda.plan(w.now+w.pickSpan(number, "cut for", 500*time.Millisecond, 4*time.Second), mend)
	return mend
}

// crashAmidChange takes a leader down when it has just sent the beginning of a
// change to somebody: the next election is held in a joint configuration.
func crashAmidChange(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	start := w.setTrap(n, number, afterAppend)
	err := w.changeAt(n, number)
	return func() error { return all([]func() error{start, func() error { return err }})() }
}

// changeAtElection lets a leader hand over, and asks the next one for a change as
// soon as it is elected, and again a few times: the first ones come before it may
// begin any.
func changeAtElection(w *world, number uint64) func() error {
	w.eager = eager{number: number, until: time.Duration(w.plan.strikes[number].Until)}
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	err := w.transferToVoter(n, number)
	return func() error { return err }
}

// eager is a change that waits for the next leader.
type eager struct {
	number uint64 // of the strike
	until  time.Duration
}

// elected lets what waits for an election happen.
func (w *world) elected(n *node) {
	if w.now >= w.eager.until {
		return
	}
	number, life := w.eager.number, n.life
	w.eager = eager{}
	times := 4
	var again func() error
	again = func() error {
		if times == 0 || n.life != life || !n.running() || w.plan.over {
			return nil
		}
		times--
		w.agenda.plan(w.now+w.pickSpan(number, "change wait", time.Millisecond, 200*time.Millisecond), again)
		return w.changeAt(n, number)
	}
	w.agenda.plan(w.now, again)
}
