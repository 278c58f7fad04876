package sim

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/rafttest"
)

// Options says what to run. The zero value of each field but Seed is useful.
type Options struct {
	Seed uint64
	// Duration is how long faults and clients last in virtual time. Default 10
	// minutes. The liveness phase comes on top.
	Duration time.Duration
	// Scenario is what to run instead of what Seed and Duration draw. It must be
	// valid, and is not changed.
	Scenario *Scenario
	// Trace receives a line per event of interest; nil: none.
	Trace io.Writer

	// plant is asked after every event and may claim a violation: tests see with it
	// what follows on one.
	plant func(w *world) error
}

// Result is what a run found.
type Result struct {
	Seed      uint64
	Violation error // nil: every promise was kept
	Virtual   time.Duration
	Events    int
	Acked     int                     // operations answered
	Reads     [raft.ReadLocal + 1]int // answered, by mode
	Hash      uint64                  // of the whole run: equal for equal scenarios
	// Faults counts strikes that did harm by their names, and what they did.
	Faults map[string]int
	Bitten int  // strikes that did harm
	Calm   bool // a run without faults
	// Scenario is what was run, with the parameters that faults drew.
	Scenario Scenario
}

const (
	defaultDuration = 10 * time.Minute
	// leastWork is how many operations must be answered in defaultDuration, so that
	// a dead cluster cannot pass.
	leastWork = 200
	// livenessTime is how long a cluster that is whole again may take until it
	// serves everybody and is one, besides what its windows take to carry the log.
	livenessTime = time.Minute
	// bootTime is how long the first election may take in a calm run.
	bootTime = 20 * time.Second
)

// world is one run.
type world struct {
	o       Options
	setup   Setup
	chance  *chance
	agenda  agenda
	now     time.Duration
	first   raft.Configuration
	nodes   []*node // by ID - 1
	all     []*rafttest.Node
	checker *rafttest.Checker
	net     network
	clients []*client
	history history
	plan    faultPlan
	eager   eager
	brought map[rafttest.Brought]rafttest.Snapshot // what was sent to whom
	result  Result
	quiet   bool      // no new operations are begun
	marks   []mark    // when what was committed
	calmAt  raft.Term // the term once a calm run has booted
}

// Run runs one seed, or one scenario.
func Run(o Options) Result {
	w := newWorld(o)
	err := w.run()
	w.result.Virtual = w.now
	w.result.Acked = w.history.acked
	if err != nil {
		w.result.Violation = fmt.Errorf("sim: seed %d at %v: %w", w.result.Seed, w.now, err)
	}
	return w.result
}

func newWorld(o Options) *world {
	var s Scenario
	if o.Scenario != nil {
		s = o.Scenario.clone()
	} else {
		s = Draw(o.Seed, o.Duration)
	}
	w := &world{o: o, setup: s.Setup, chance: newChance(s.Seed)}
	w.result = Result{Seed: s.Seed, Scenario: s, Calm: s.Setup.Calm, Faults: map[string]int{}, Hash: mix(s.Seed)}
	var voters []raft.NodeID
	for i := range s.Setup.Voters {
		if id := raft.NodeID(i + 1); !slices.Contains(s.Setup.Absent, id) {
			voters = append(voters, id)
		}
	}
	w.first = confchange.New(voters...)
	w.checker = rafttest.NewChecker(voters)
	w.net = network{w: w, delay: time.Duration(s.Setup.Delay)}
	w.history.init()
	w.brought = map[rafttest.Brought]rafttest.Snapshot{}
	if s.Setup.Skew {
		w.fault("clock skewed")
	}
	for i, rate := range s.Setup.Rates {
		id := raft.NodeID(i + 1)
		n := &node{w: w, rate: rate, Node: rafttest.Node{ID: id, Disk: rafttest.NewDisk(w.first)}}
		n.absent = slices.Contains(s.Setup.Absent, id)
		n.cfg = s.Setup.Core
		if i < len(s.Setup.Priorities) {
			n.cfg.Priority = s.Setup.Priorities[i]
		}
		w.nodes = append(w.nodes, n)
		w.all = append(w.all, &n.Node)
	}
	return w
}

// run plays the faults, then the liveness phase.
func (w *world) run() error {
	s := &w.result.Scenario
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	w.planClients(s.Operations)
	w.planPaths()
	w.plan.begin(w, s.Faults)
	duration := time.Duration(s.Duration)
	if s.Setup.Calm {
		w.agenda.plan(min(bootTime, duration), func() error { w.calmAt = w.highestTerm(); return nil })
	}
	if err := w.until(duration, func() bool { return false }); err != nil {
		return err
	}
	if err := w.enough(duration); err != nil {
		return err
	}
	if err := w.recover(); err != nil {
		return err
	}
	return w.history.checkOrder()
}

// until plays events up to a moment or until done, which is asked after each.
func (w *world) until(end time.Duration, done func() bool) error {
	for !done() {
		ev, ok := w.agenda.next()
		if !ok || ev.at > end {
			if ok {
				w.agenda.plan(ev.at, ev.do)
			}
			w.now = max(w.now, end)
			return nil
		}
		w.now = max(w.now, ev.at)
		w.result.Events++
		if err := ev.do(); err != nil {
			return err
		}
		if w.o.plant != nil {
			if err := w.o.plant(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// errIdle says that a run was not worth much.
var errIdle = errors.New("the run did too little")

// enough: a dead cluster must not pass, nor one that no fault has bitten, and a
// calm one must not change its term.
func (w *world) enough(duration time.Duration) error {
	if w.setup.Calm && duration > bootTime && w.highestTerm() != w.calmAt {
		return fmt.Errorf("the term rose from %d to %d without a fault", w.calmAt, w.highestTerm())
	}
	if w.result.Scenario.Shrunk {
		return nil
	}
	if least := int(leastWork * duration / defaultDuration); w.history.acked < least {
		return fmt.Errorf("%w: only %d operations were acknowledged, at least %d were to be", errIdle, w.history.acked, least)
	}
	if !w.setup.Calm && w.result.Bitten == 0 && duration >= defaultDuration {
		return fmt.Errorf("%w: none of %d faults did any harm", errIdle, len(w.result.Scenario.Faults))
	}
	return nil
}

// recover ends all faults and waits until the cluster has answered a write and a
// read of every client and is one again.
func (w *world) recover() error {
	w.tracef("faults end")
	if err := w.plan.end(); err != nil {
		return err
	}
	w.quiet = true // or there is always an entry that not all have
	number := uint64(len(w.result.Scenario.Operations))
	for i, c := range w.clients {
		c.queue = nil
		for _, kind := range [...]OperationKind{Append, Read} {
			number++
			if err := w.begin(Operation{Number: number, Client: i, Kind: kind, Key: number % keyCount}); err != nil {
				return err
			}
		}
	}
	end := w.now + livenessTime + w.carryTime()
	if err := w.until(end, func() bool { return w.idle() && w.converged() }); err != nil {
		return err
	}
	switch {
	case w.aLeader(0) == nil:
		return errors.New("a whole cluster has no leader")
	case !w.idle():
		return errors.New("a whole cluster does not answer")
	case !w.converged():
		return errors.New("a whole cluster does not converge")
	}
	return nil
}

// idle reports whether every client has its answers.
func (w *world) idle() bool {
	for _, c := range w.clients {
		if c.doing != nil || len(c.queue) > 0 {
			return false
		}
	}
	return true
}

// carryTime is what it takes to carry the whole log to a follower through a
// window that may hold a single entry.
func (w *world) carryTime() time.Duration {
	last := raft.Index(0)
	for _, n := range w.nodes {
		if n.Core != nil {
			last = max(last, n.Core.Status().LastIndex)
		}
	}
	last += raft.Index(2 * len(w.clients))
	return 2 * w.setup.entryTime() * time.Duration(last)
}

// converged reports one leader, and one log at all members, committed and applied
// to its end.
func (w *world) converged() bool {
	leader := w.aLeader(0)
	if leader == nil {
		return false
	}
	leaders := 0
	first := leader.Core.Status()
	members := first.Configuration.Configuration.Nodes()
	for _, n := range w.nodes {
		if n.Core == nil {
			continue // left out
		}
		s := n.Core.Status()
		if s.Role == raft.Leader {
			leaders++
		}
		if !slices.Contains(members, n.ID) {
			continue
		}
		// Equal last indexes and terms are equal logs: the checker has seen to that.
		if s.Term != first.Term || s.LastIndex != first.LastIndex || s.LastTerm != first.LastTerm ||
			s.Commit != s.LastIndex || s.Applied != s.LastIndex {
			return false
		}
	}
	return leaders == 1 && !first.Configuration.Configuration.Joint()
}

func (w *world) highestTerm() raft.Term {
	term := raft.Term(0)
	for _, n := range w.nodes {
		if n.Core != nil {
			term = max(term, n.Core.Status().Term)
		}
	}
	return term
}

// fault counts something that went wrong on purpose.
func (w *world) fault(name string) { w.result.Faults[name]++ }

// digest mixes what happened into the run's hash.
func (w *world) digest(values ...uint64) {
	for _, v := range values {
		w.result.Hash = (w.result.Hash ^ v) * 1099511628211
	}
}

func (w *world) tracef(format string, args ...any) {
	if w.o.Trace != nil {
		fmt.Fprintf(w.o.Trace, "%-12v "+format+"\n", append([]any{w.now}, args...)...)
	}
}
