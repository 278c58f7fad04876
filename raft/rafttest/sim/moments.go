package sim

import (
	"errors"
	"slices"
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
	fast := w.slowDown(number, n, 300*time.Millisecond)
	n.later(w.pickSpan(number, "hand over in", 100*time.Millisecond, time.Second), func() error {
		return w.transferToVoter(n, number)
	})
	return fast
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

// cutBehindSlowLinks makes the links of a leader slow and then loses what it says,
// while answers to what it said before still arrive for a while: they prove less
// than their time says.
func cutBehindSlowLinks(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil {
		return nil
	}
	fast := w.slowDown(number, n, 800*time.Millisecond)
	mend, over := func() error { return nil }, false
	n.later(w.pickSpan(number, "cut in", 1800*time.Millisecond, 3*time.Second), func() error {
		if !over {
			mend = w.cutLinks(number, func(from, _ raft.NodeID) bool { return from == n.ID })
			w.readByLease(n, 3*time.Second)
		}
		return n.settle()
	})
	return func() error { over = true; return all([]func() error{fast, mend})() }
}

// slowDown makes the links of a node slow.
func (w *world) slowDown(number uint64, n *node, delay time.Duration) func() error {
	w.net.slow[n.ID] = slow{number: number, on: true, delay: delay}
	return func() error {
		if w.net.slow[n.ID].number == number {
			w.net.slow[n.ID] = slow{}
		}
		return nil
	}
}

// restartPromisers cuts a leader off, restarts everybody else and asks them to
// campaign: they must not forget what the leader still relies on.
func restartPromisers(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	mend := w.isolate(number, n)
	w.readByLease(n, 2*time.Second)
	var starts []func() error
	for _, other := range w.nodes {
		if other == n || other.Core == nil {
			continue
		}
		w.bite(number)
		other.crash()
		starts = append(starts, w.startAgain(other), func() error { w.campaignSoon(other, number); return nil })
	}
	// Why an event of its own: the beginning of a strike cannot fail, a start can.
	w.agenda.plan(w.now+time.Millisecond, all(starts))
	return mend
}

// campaignSoon asks a node to campaign when it has run for a moment.
func (w *world) campaignSoon(n *node, number uint64) {
	n.later(w.pickSpan(number, "campaign in", time.Millisecond, 300*time.Millisecond), func() error {
		n.Core.Campaign()
		return n.settle()
	})
}

// workBehindPromises leaves a leader as few followers as it needs, until the
// promises of the others have run out. Then it is cut off, and its followers are
// told to campaign, or all that it is gone: they must keep what they promised.
func workBehindPromises(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil {
		return nil
	}
	needed := w.fewest(n)
	mend := w.cutLinks(number, func(from, to raft.NodeID) bool {
		return from == n.ID && !needed[to] || to == n.ID && !needed[from]
	})
	again, over := func() error { return nil }, false
	n.later(w.pickSpan(number, "works in", time.Second, 1500*time.Millisecond), func() error {
		if over || !n.leads() {
			return n.settle()
		}
		again = w.isolate(number, n)
		w.readByLease(n, 2*time.Second)
		told := w.pick(number, "told gone", 2) == 0
		for _, other := range w.nodes {
			switch {
			case other == n || other.Core == nil:
			case told:
				peer, boot := n.ID, n.life
				w.tell(other, time.Millisecond, "process falsely said to be gone", func(c *raft.Core) { c.PeerGone(peer, boot) })
			case needed[other.ID]:
				w.campaignSoon(other, number)
			}
		}
		return n.settle()
	})
	return func() error { over = true; return all([]func() error{mend, again})() }
}

// snapshotOverTail isolates a leader and lets it propose much, which the others
// never see; they go on, take snapshots and drop the log behind them. When the links
// are whole again, its log reaches beyond a snapshot that it needs.
func snapshotOverTail(w *world, number uint64) func() error {
	n := w.aLeader(w.pick(number, "leader", 1<<nodesMax))
	if n == nil || !n.running() {
		return nil
	}
	mend := w.isolate(number, n)
	for range 60 {
		if err := w.propose(n, call{}, command{verb: verbClose}); err != nil {
			return func() error { return err }
		}
	}
	w.agenda.plan(w.now+w.pickSpan(number, "cut for", 3*time.Second, 5*time.Second), func() error {
		var errs []error
		for _, other := range w.nodes {
			if other != n && other.Core != nil && other.TakeSnapshot(other.machine.encode()) {
				w.fault("snapshot taken")
				errs = append(errs, other.settle())
			}
		}
		return errors.Join(append(errs, mend())...)
	})
	return mend
}

// fewest returns the followers that are a majority of the voters with the leader n.
func (w *world) fewest(n *node) map[raft.NodeID]bool {
	s, needed := n.Core.Status(), map[raft.NodeID]bool{}
	for _, f := range s.Followers {
		voter := slices.ContainsFunc(s.Configuration.Configuration.Voters, func(m raft.Member) bool { return m.Node == f.ID })
		if voter && len(needed) < len(s.Configuration.Configuration.Voters)/2 {
			needed[f.ID] = true
		}
	}
	return needed
}

// readByLease reads at a node for a while, every 50 ms; nobody waits for the answers.
func (w *world) readByLease(n *node, lasting time.Duration) {
	for at := time.Duration(0); at < lasting; at += 50 * time.Millisecond {
		n.later(at, func() error {
			w.history.last++
			w.history.calls[w.history.last] = call{read: true, node: n, mode: raft.ReadLease, known: w.checker.Committed()}
			n.Core.Read(raft.ReadRequest{ID: raft.ReadID(w.history.last), Mode: raft.ReadLease})
			return n.settle()
		})
	}
}
