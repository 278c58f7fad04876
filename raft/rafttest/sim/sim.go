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
	// Trace receives a line per event of interest; nil: none.
	Trace io.Writer
}

// Result is what a run found.
type Result struct {
	Seed      uint64
	Violation error // nil: every promise was kept
	Virtual   time.Duration
	Events    int
	Acked     int    // proposals committed and reads answered
	Hash      uint64 // of the whole run: equal for equal seeds
	Faults    map[string]int
	Calm      bool // a run without faults
}

const (
	defaultDuration = 10 * time.Minute
	// livenessTime is how long a cluster that is whole again may stand still.
	livenessTime = time.Minute
	// bootTime is how long the first election may take in a calm run.
	bootTime = 20 * time.Second
)

// world is one run.
type world struct {
	o       Options
	chance  *chance
	agenda  agenda
	now     time.Duration
	nodes   []*node
	all     []*rafttest.Node
	checker *rafttest.Checker
	net     network
	history history
	plan    faultPlan
	result  Result
	// syncTime is what a healthy disk takes, give or take a half.
	syncTime time.Duration
	quiet    bool      // clients have stopped
	skewed   bool      // clocks differ
	calmAt   raft.Term // the term once a calm run has booted
}

// Run runs one seed.
func Run(o Options) Result {
	if o.Duration == 0 {
		o.Duration = defaultDuration
	}
	w := newWorld(o)
	err := w.run()
	w.result.Virtual = w.now
	if err != nil {
		w.result.Violation = fmt.Errorf("sim: seed %d at %v: %w", o.Seed, w.now, err)
	}
	return w.result
}

func newWorld(o Options) *world {
	w := &world{o: o, chance: newChance(o.Seed)}
	w.result = Result{Seed: o.Seed, Faults: map[string]int{}, Hash: mix(o.Seed)}
	sizes := [...]int{3, 3, 3, 5, 5, 1, 2, 4, 7}
	size := sizes[w.chance.below("size", 0, uint64(len(sizes)))]
	times := [...]time.Duration{100 * time.Microsecond, 2 * time.Millisecond, 30 * time.Millisecond}
	w.syncTime = times[w.chance.below("disk", 0, uint64(len(times)))]
	var ids []raft.NodeID
	for id := range size {
		ids = append(ids, raft.NodeID(id+1))
	}
	w.checker = rafttest.NewChecker(ids)
	first := confchange.New(ids...)
	w.net.init(w)
	w.history.init()
	w.plan.init(w)
	w.skewed = w.chance.below("skew", 0, 3) == 0
	for range w.spares(size) {
		ids = append(ids, raft.NodeID(len(ids)+1))
	}
	for _, id := range ids {
		n := &node{w: w, rate: w.clockRate(id), Node: rafttest.Node{ID: id, Disk: rafttest.NewDisk(first)}}
		w.nodes = append(w.nodes, n)
		w.all = append(w.all, &n.Node)
	}
	return w
}

// clockRate lets clocks differ in one of three runs with faults: nothing but
// liveness may depend on them.
func (w *world) clockRate(id raft.NodeID) uint64 {
	if w.result.Calm || !w.skewed {
		return 1000
	}
	w.fault("clock skewed")
	return 300 + w.chance.below("clock rate", uint64(id), 1500)
}

// config draws one bound after the other, small ones often: that is where the
// corners are.
func (w *world) config() raft.Config {
	pick := func(what string, from ...uint64) uint64 {
		return from[w.chance.below("config "+what, 0, uint64(len(from)))]
	}
	return raft.Config{
		Group:              1,
		HeartbeatInterval:  100 * time.Millisecond,
		ElectionTimeoutMin: time.Second, ElectionTimeoutMax: 2 * time.Second,
		UncommittedBytesMax: pick("uncommitted", 0, 0, 2000),
		AppendBytesMax:      pick("append", 0, 0, 1, 200),
		InflightAppendsMax:  int(pick("inflight", 0, 0, 1, 3)),
		InflightBytesMax:    pick("inflight bytes", 0, 0, 300),
		CacheBytesMax:       pick("cache", 0, 1, 500),
		ApplyBytesMax:       pick("apply", 0, 0, 100),
		LearnerLagBytesMax:  pick("learner lag", 0, 1, 200),
	}
}

// run plays the faults, then the liveness phase.
func (w *world) run() error {
	cfg := w.config()
	for _, n := range w.nodes {
		n.cfg = cfg
		if err := n.start(); err != nil {
			return err
		}
	}
	w.planClients()
	w.plan.begin()
	if w.result.Calm {
		w.agenda.plan(min(bootTime, w.o.Duration), func() error { w.calmAt = w.highestTerm(); return nil })
	}
	if err := w.until(w.o.Duration, func() bool { return false }); err != nil {
		return err
	}
	if err := w.enough(); err != nil {
		return err
	}
	return w.recover()
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
	}
	return nil
}

// enough: a dead cluster must not pass, and a calm one must not change its term.
func (w *world) enough() error {
	w.result.Acked = w.history.acked
	if w.result.Calm && w.o.Duration > bootTime && w.highestTerm() != w.calmAt {
		return fmt.Errorf("the term rose from %d to %d without a fault", w.calmAt, w.highestTerm())
	}
	if least := int(w.o.Duration / time.Minute); w.history.acked < least {
		return fmt.Errorf("only %d operations were acknowledged, at least %d were to be", w.history.acked, least)
	}
	return nil
}

// recover ends all faults and waits until the cluster is one again and takes a
// write.
func (w *world) recover() error {
	w.tracef("faults end")
	if err := w.plan.end(); err != nil {
		return err
	}
	last := w.history.probe
	if err := w.until(w.now+livenessTime, func() bool { return w.history.probe > last }); err != nil {
		return err
	}
	if w.history.probe == last {
		return errors.New("a whole cluster takes no writes")
	}
	w.quiet = true // or there is always an entry that not all have
	// A narrow window over a slow link may take long; standing still is wrong.
	for before := -1; !w.converged(); {
		if w.appliedSum() == before {
			return errors.New("a whole cluster does not converge")
		}
		before = w.appliedSum()
		if err := w.until(w.now+livenessTime, w.converged); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) appliedSum() int {
	sum := 0
	for _, n := range w.nodes {
		sum += len(n.Applied)
	}
	return sum
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
