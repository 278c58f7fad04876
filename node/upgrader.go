package node

import (
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// Upgrader carries the upgrades that the meta group has recorded into the logs of
// their machines, and the outcomes back. Every node has one. All prepare the new
// module; whoever leads the machine's group makes sure that a quorum has it, puts
// the order into the log and reports what the log says of it. When leadership
// moves, the next leader does the same again: the machine's log obeys an order
// once, the meta group takes one report, so repeating is harmless. It is a step
// machine; Next says what to do, the other methods say what came of it.
type Upgrader struct {
	tasks  map[raft.GroupID]*upgradeTask
	leads  map[raft.GroupID]bool
	awaits map[raft.GroupID]*moduleAwait
	now    time.Duration
}

// upgradeStep is how far this node is with an upgrade.
type upgradeStep uint8

const (
	stepPrepare upgradeStep = iota + 1 // fetch the module and start it on trial
	stepSpread                         // have it stored on a quorum; leaders only, as what follows
	stepPropose                        // put the order into the machine's log
	stepReport                         // tell the meta group; whoever has the outcome
)

// upgradeTask is one upgrade under way.
type upgradeTask struct {
	machine string
	group   raft.GroupID
	order   UpgradeOrder
	step    upgradeStep
	outcome UpgradeOutcome
	busy    bool // an action for it is under way
	retry
}

// moduleAwait is an applier that waits for a module.
type moduleAwait struct {
	module  Digest
	index   raft.Index // of the entry that names it
	here    bool
	lacking bool // nobody who was asked has it
	busy    bool
	retry
}

// retry is when to try again.
type retry struct {
	at    time.Duration
	tries int
}

// UpgradeAction is one thing to do; exactly one field is set.
type UpgradeAction struct {
	Prepare *UpgradeTask   // fetch and try the module; answer with Prepared
	Spread  *UpgradeTask   // answer with Spread
	Propose *UpgradeTask   // put Order into the log; answer with Answered
	Report  *UpgradeTask   // tell the meta group Outcome; answer with Reported
	Fetch   *AwaitedModule // answer with Fetched
	Resume  *AwaitedModule // the applier that waits may go on
	// Obtain asks for a snapshot at or behind Index from a peer, and for the replica to
	// begin from it; answer with Obtained. Why: who has that state may have removed the
	// module, which nothing of its own names any more.
	Obtain *AwaitedModule
}

// UpgradeTask is an upgrade as an action sees it.
type UpgradeTask struct {
	Machine string
	Group   raft.GroupID
	Order   UpgradeOrder
	Outcome UpgradeOutcome // of Report only
}

// AwaitedModule is a module that a group's applier waits for.
type AwaitedModule struct {
	Group  raft.GroupID
	Module Digest
	Index  raft.Index // of the entry that names it
}

const (
	// upgradeRetryMin and upgradeRetryMax bound the pause between tries of a step.
	upgradeRetryMin = 50 * time.Millisecond
	upgradeRetryMax = 2 * time.Second
)

// NewUpgrader returns an upgrader at time now.
func NewUpgrader(now time.Duration) *Upgrader {
	return &Upgrader{tasks: map[raft.GroupID]*upgradeTask{}, leads: map[raft.GroupID]bool{}, awaits: map[raft.GroupID]*moduleAwait{}, now: now}
}

// Observe takes in a newer catalogue.
func (u *Upgrader) Observe(c *Catalogue) {
	u.forget(c)
	for _, m := range c.Machines {
		t := u.tasks[m.Group]
		switch {
		case m.Pending == nil:
			delete(u.tasks, m.Group)
		case t == nil || t.order.ID != m.Pending.ID:
			p := m.Pending
			u.tasks[m.Group] = &upgradeTask{
				machine: m.Name, group: m.Group, step: stepPrepare,
				order: UpgradeOrder{ID: p.ID, From: p.From, To: p.To},
			}
		}
	}
}

// forget drops what belongs to deleted machines.
func (u *Upgrader) forget(c *Catalogue) {
	maps.DeleteFunc(u.tasks, func(g raft.GroupID, _ *upgradeTask) bool { return c.Deleted(g) })
	maps.DeleteFunc(u.awaits, func(g raft.GroupID, _ *moduleAwait) bool { return c.Deleted(g) })
	maps.DeleteFunc(u.leads, func(g raft.GroupID, _ bool) bool { return c.Deleted(g) })
}

// Lead says whether this node leads a group.
func (u *Upgrader) Lead(g raft.GroupID, leads bool) {
	if u.leads[g] == leads {
		return
	}
	u.leads[g] = leads
	if t := u.tasks[g]; t != nil && t.step == stepPropose {
		t.step = stepSpread
	}
}

// Await says that a group's applier waits for the module that the entry at an index names.
func (u *Upgrader) Await(g raft.GroupID, module Digest, index raft.Index) {
	if w := u.awaits[g]; w == nil || w.module != module || w.index != index {
		u.awaits[g] = &moduleAwait{module: module, index: index}
	}
}

// Tick moves time, for retries.
func (u *Upgrader) Tick(now time.Duration) { u.now = max(u.now, now) }

// NextDeadline is when Tick next matters.
func (u *Upgrader) NextDeadline() (at time.Duration, ok bool) {
	consider := func(r retry) {
		if r.at > 0 && (!ok || r.at < at) {
			at, ok = r.at, true
		}
	}
	for _, t := range u.tasks {
		consider(t.retry)
	}
	for _, w := range u.awaits {
		consider(w.retry)
	}
	return at, ok
}

// Prepared says what came of Prepare: refused is the verdict on the module, err
// that there is none yet.
func (u *Upgrader) Prepared(g raft.GroupID, id DeployID, refused string, err error) {
	if t := u.ended(g, id, err); t != nil {
		t.step, t.order.Refused = stepSpread, refused
	}
}

// Spread says what came of Spread.
func (u *Upgrader) Spread(g raft.GroupID, id DeployID, err error) {
	if t := u.ended(g, id, err); t != nil && u.leads[g] {
		t.step = stepPropose
	}
}

// Answered says what the machine's log answered, or why it did not.
func (u *Upgrader) Answered(g raft.GroupID, id DeployID, o UpgradeOutcome, err error) {
	t := u.ended(g, id, err)
	if t == nil {
		return
	}
	if o.Status == StatusUpgradeStale { // the meta group decided this one before; its catalogue is on the way
		t.again(u.now)
		return
	}
	t.step, t.outcome = stepReport, o
}

// Reported says what came of Report. The catalogue ends the task.
func (u *Upgrader) Reported(g raft.GroupID, id DeployID, err error) { u.ended(g, id, err) }

// ended finishes a task's action and returns the task if it went well.
func (u *Upgrader) ended(g raft.GroupID, id DeployID, err error) *upgradeTask {
	t := u.tasks[g]
	if t == nil || t.order.ID != id {
		return nil
	}
	t.busy = false
	if err != nil {
		t.again(u.now)
		return nil
	}
	t.retry = retry{}
	if t.step == stepReport {
		t.again(u.now) // should the catalogue never show it, it is reported again
	}
	return t
}

// again plans another try, later each time.
func (r *retry) again(now time.Duration) {
	r.tries++
	r.at = now + min(upgradeRetryMin<<min(r.tries, 10), upgradeRetryMax)
}

// Fetched says what came of Fetch.
func (u *Upgrader) Fetched(g raft.GroupID, module Digest, err error) {
	w := u.awaits[g]
	if w == nil || w.module != module {
		return
	}
	w.busy = false
	w.here, w.lacking = err == nil, err != nil
}

// Obtained says what came of Obtain: without an error the replica begins from a snapshot.
func (u *Upgrader) Obtained(g raft.GroupID, module Digest, err error) {
	w := u.awaits[g]
	switch {
	case w == nil || w.module != module:
	case err == nil:
		delete(u.awaits, g)
	default:
		w.busy, w.lacking = false, false
		w.again(u.now)
	}
}

// Next returns what to do now, ascending by group.
func (u *Upgrader) Next() []UpgradeAction {
	var out []UpgradeAction
	for _, g := range slices.Sorted(maps.Keys(u.awaits)) {
		out = u.nextAwait(g, out)
	}
	for _, g := range slices.Sorted(maps.Keys(u.tasks)) {
		if t := u.tasks[g]; !t.busy && t.at <= u.now {
			t.at = 0
			out = u.nextTask(t, out)
		}
	}
	return out
}

func (u *Upgrader) nextAwait(g raft.GroupID, out []UpgradeAction) []UpgradeAction {
	w := u.awaits[g]
	a := &AwaitedModule{Group: g, Module: w.module, Index: w.index}
	switch {
	case w.here:
		delete(u.awaits, g)
		return append(out, UpgradeAction{Resume: a})
	case w.busy || w.at > u.now:
		return out
	}
	w.busy, w.at = true, 0
	if w.lacking {
		return append(out, UpgradeAction{Obtain: a})
	}
	return append(out, UpgradeAction{Fetch: a})
}

func (u *Upgrader) nextTask(t *upgradeTask, out []UpgradeAction) []UpgradeAction {
	a := &UpgradeTask{Machine: t.machine, Group: t.group, Order: t.order, Outcome: t.outcome}
	var action UpgradeAction
	switch {
	case t.step == stepPrepare:
		action.Prepare = a
	case t.step == stepReport:
		action.Report = a
	case !u.leads[t.group]:
		return out
	case t.step == stepSpread:
		action.Spread = a
	default:
		action.Propose = a
	}
	t.busy = true
	return append(out, action)
}
