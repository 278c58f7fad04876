package node

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

const (
	// applierInboxMax bounds the queries that wait for a machine.
	applierInboxMax = 1 << 14
	// waitingQueriesMax bounds the queries that wait for an index to be applied.
	waitingQueriesMax = 1 << 14
)

// applierLoop drives the applier of one group on a goroutine of its own, so that
// a machine that takes long holds up nobody else. Before the machine is open,
// work waits; its bytes are bounded by the core's apply budget.
type applierLoop struct {
	node  *Node
	group raft.GroupID
	shard *shardLoop
	in    *mailbox[func(*applierLoop)]
	quit  chan struct{} // closed when the machine is deleted
	ended chan struct{} // closed when the machine is closed for good

	applied  atomic.Uint64                 // published for others
	running  atomic.Pointer[RunningModule] // published for others, never changed once stored
	exported atomic.Pointer[ExportOutcome] // published for others, never changed once stored
	empty    atomic.Bool                   // published for others: it waits for its state
	feed     *eventFeed                    // published for others
	work     sharedWork                    // published for others
	lines    *logLines                     // likewise
	moved    *broadcast                    // applied, or the end has come
	// The rest belongs to the goroutine.
	applier *Applier
	did     Work     // what all appliers so far have counted
	ahead   logAhead // what the applier reads
	backlog []ApplyWork
	waiting bool // for the module of the backlog's first entry
	queries []indexedQuery
	errands errands
	halted  error

	parked    atomic.Bool // the log is about to be replaced; restore follows
	reach     raft.Index  // the core hands out what comes behind it
	handed    raft.Index  // the core has handed out this much
	chain     snapshotChain
	recording bool // a snapshot is being written
	exporting bool // the log was asked for an export, and has not answered

	comparison *Comparison
	rebuilds   int           // since a majority last agreed
	asideAt    time.Duration // when leadership was last handed over because the machine stopped
	rebuilt    atomic.Uint64 // in all, published for others
}

type indexedQuery struct {
	call  *queryCall
	index raft.Index
}

func newApplierLoop(n *Node, g raft.GroupID, s *shardLoop) *applierLoop {
	return &applierLoop{
		node: n, group: g, shard: s, in: newMailbox[func(*applierLoop)](applierInboxMax),
		comparison: NewComparison(n.cfg.Self), feed: newEventFeed(), lines: n.lines.machine(g), moved: newBroadcast(), quit: make(chan struct{}), ended: make(chan struct{}),
	}
}

// submit queues committed work.
func (l *applierLoop) submit(w ApplyWork) {
	l.in.force(func(l *applierLoop) { l.apply(w) })
}

// open gives the loop its machine; the backlog runs. told, unless it is nil, is called by the
// loop's goroutine before that.
//
// Why there: the backlog may end the machine, or show that its state is wrong, and whoever hears of
// that has to have heard before that the machine was opened.
func (l *applierLoop) open(a *Applier, told func()) {
	begin := func(l *applierLoop) {
		if told != nil {
			told()
		}
		l.start(a)
	}
	if !l.in.force(begin) {
		_ = a.Close(context.Background()) // the node is stopping
	}
}

// refuse says that there will be no machine: it could not be opened.
func (l *applierLoop) refuse(err error) {
	l.in.force(func(l *applierLoop) {
		if l.halted == nil {
			l.halt(err, ApplyWork{})
		}
	})
}

// query queues a read that may run once index is applied.
func (l *applierLoop) query(q *queryCall, index raft.Index) {
	if !l.in.put(func(l *applierLoop) { l.ask(indexedQuery{call: q, index: index}) }) {
		q.resolve(reply{err: ErrBusy})
	}
}

// forget drops a read that nobody waits for any more.
func (l *applierLoop) forget(q *queryCall) {
	l.in.force(func(l *applierLoop) {
		l.queries = slices.DeleteFunc(l.queries, func(i indexedQuery) bool { return i.call == q })
	})
}

// digest asks for the digest of the exported state.
func (l *applierLoop) digest(answer func([32]byte, raft.Index, error)) {
	ok := l.in.put(func(l *applierLoop) {
		if l.applier == nil || l.halted != nil {
			answer([32]byte{}, 0, errors.Join(ErrMachineNotRunning, l.halted))
			return
		}
		if l.applier.Restoring() {
			answer([32]byte{}, 0, ErrRestoring)
			return
		}
		l.exportDigest(answer)
	})
	if !ok {
		answer([32]byte{}, 0, ErrBusy)
	}
}

// run is the applier's goroutine. It closes the machine at its end.
func (l *applierLoop) run() {
	defer close(l.ended)
	var inputs []func(*applierLoop)
	for {
		select {
		case <-l.node.stop:
			l.finish(ErrStopping)
			return
		case <-l.quit:
			l.finish(ErrDeleted)
			return
		case <-l.in.wake:
		case <-l.errands.wake():
			l.retried()
		}
		inputs = l.in.take(inputs)
		for _, in := range inputs {
			in(l)
		}
	}
}

func (l *applierLoop) start(a *Applier) {
	l.begin(a)
	l.publish()
	l.applyBacklog()
	l.serveWaiting()
}

func (l *applierLoop) applyBacklog() {
	backlog := l.backlog
	l.backlog = nil
	for _, w := range backlog {
		l.apply(w)
	}
}

func (l *applierLoop) apply(w ApplyWork) {
	if l.halted != nil {
		l.abandon(w)
		return
	}
	if l.applier == nil || l.waiting {
		l.backlog = append(l.backlog, w)
		return
	}
	w, ok := l.rest(w)
	if !ok {
		return
	}
	l.node.traces.reached(stageApplying, w)
	l.ahead.begin(l.group, w.Range)
	begin := l.node.clock.Now()
	answers, err := l.applier.Apply(l.node.ctx, w)
	l.did.Applying += l.node.clock.Now() - begin
	l.ahead.finish()
	for _, a := range answers {
		a.Ticket.(waiter).resolve(reply{answer: a.Answer, replayed: a.Replayed, fuel: a.Fuel})
	}
	var await *AwaitModuleError
	if errors.As(err, &await) {
		l.publish()
		l.wait(await, w.After(l.applier.Applied()))
		return
	}
	if errors.Is(err, storage.ErrCompacted) {
		l.compacted(w)
		return
	}
	if err != nil {
		l.stumble(err, w)
		return
	}
	l.publish()
	l.capture()
	l.proposeExport()
	l.serveWaiting()
	l.tellStates()
}

// publish tells the others how far the machine is.
func (l *applierLoop) publish() {
	l.did.hold(l.applier)
	l.work.set(l.did)
	index, running := l.applier.Applied(), l.applier.Running()
	if index < raft.Index(l.applied.Load()) {
		return // it is being rebuilt and not where it was
	}
	l.applied.Store(uint64(index))
	l.moved.notify()
	if was := l.running.Load(); was == nil || *was != running {
		l.running.Store(&running)
	}
	l.publishExport()
	l.feed.follow(l.applier.machine)
	l.empty.Store(l.applier.Restoring())
	if known := min(index, l.handed); known > 0 { // Why min: a snapshot of a peer's may be ahead of this log
		l.shard.in.force(func(s *Shard) { s.Applied(l.group, known) })
	}
}

// halt stops this replica's machine for good; consensus goes on without it.
func (l *applierLoop) halt(err error, w ApplyWork) {
	if l.node.ctx.Err() == nil {
		l.halted = err
		l.node.machineStopped(l.group, err)
	} else {
		l.halted = ErrStopping
	}
	l.leadNot()
	l.feed.end(&MachineHaltedError{Cause: l.halted})
	for _, w := range append(l.backlog, w) {
		l.abandon(w)
	}
	l.backlog = nil
	for _, q := range l.queries {
		q.call.resolve(reply{err: &MachineHaltedError{Cause: l.halted}})
	}
	l.queries = nil
	l.dispatch()
}

// abandon tells those who wait for committed work that no answer will come from here.
func (l *applierLoop) abandon(w ApplyWork) { l.abandonWith(w, &MachineHaltedError{Cause: l.halted}) }

func (l *applierLoop) abandonWith(w ApplyWork, cause error) {
	for index, tickets := range w.Waiting {
		for _, t := range tickets {
			t.(waiter).resolve(reply{err: &UnknownOutcomeError{Index: index, Cause: cause}})
		}
	}
}

func (l *applierLoop) ask(q indexedQuery) {
	switch {
	case l.halted != nil:
		q.call.resolve(reply{err: &MachineHaltedError{Cause: l.halted}})
	case l.applier != nil && l.applier.Applied() >= q.index:
		l.serve(q.call)
	case len(l.queries) >= waitingQueriesMax:
		q.call.resolve(reply{err: ErrBusy})
	default:
		l.queries = append(l.queries, q)
	}
}

func (l *applierLoop) serveWaiting() {
	if l.applier == nil {
		return // its log was cut or replaced while the backlog ran, and another one is opened
	}
	kept := l.queries[:0]
	for _, q := range l.queries {
		if l.applier.Applied() >= q.index {
			l.serve(q.call)
		} else {
			kept = append(kept, q)
		}
	}
	clear(l.queries[len(kept):])
	l.queries = kept
}

func (l *applierLoop) serve(q *queryCall) {
	applied := l.applier.Applied()
	if q.only {
		q.resolve(reply{applied: applied})
		return
	}
	if l.applier.Restoring() {
		q.resolve(reply{err: ErrRestoring})
		return
	}
	age := q.age(l.node.clock.Now())
	if q.mode == raft.ReadBounded && age > q.maxAge {
		q.resolve(reply{err: &TooStaleError{Age: age, Max: q.maxAge}}) // Why: applying took longer than that
		return
	}
	result, done, err := l.applier.Quick(l.node.ctx, q.data)
	if err != nil || done {
		q.answerWith(result, applied, age, err)
		return
	}
	l.send(&errand{
		run: func(f *plugins.Fork) error {
			result, err = f.Query(q.data)
			return err
		},
		answer: func(applied raft.Index, err error) { q.answerWith(result, applied, age, err) },
	})
}

// finish ends the loop for a reason: the node stops, or the machine is deleted.
func (l *applierLoop) finish(cause error) {
	l.in.close()
	l.feed.end(cause)
	l.node.lines.end(l.group, cause)
	l.moved.notify()
	for _, in := range l.in.take(nil) {
		l.halted = cause
		in(l)
	}
	l.finishErrands(cause)
	for _, q := range l.queries {
		q.call.resolve(reply{err: cause})
	}
	for _, w := range l.backlog {
		l.halted = cause
		l.abandon(w)
	}
	if l.applier != nil {
		_ = l.applier.Close(context.Background()) // nothing can be done about it at the end
	}
}
