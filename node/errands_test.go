package node

import (
	"context"
	"errors"
	"runtime/debug"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// runningLoop is an applier loop on a goroutine, without a node around it.
type runningLoop struct {
	*applierLoop
	t    *testing.T
	next raft.Index
	quit chan struct{}
	end  chan struct{}
}

func runLoop(t *testing.T, m Machine) *runningLoop { return runLoopBy(t, m, clock.System()) }

func runLoopBy(t *testing.T, m Machine, c clock.Clock) *runningLoop {
	quit := make(chan struct{})
	n := &Node{ctx: context.Background(), stop: quit, clock: c}
	n.snapshots = newSnapshots(n, nil)
	n.catalogue.Store(&Catalogue{})
	l := &runningLoop{newApplierLoop(n, 7, &shardLoop{in: newMailbox[shardInput](1 << 20)}), t, 1, quit, make(chan struct{})}
	go func() {
		l.run()
		close(l.end)
	}()
	l.open(NewApplier(7, m, nil), nil)
	return l
}

func (l *runningLoop) stop() {
	close(l.quit)
	<-l.end
}

// add has the next entry applied and waits for its answer.
func (l *runningLoop) add(command string) reply {
	l.t.Helper()
	c := newCall()
	e := entry(l.t, l.next, 1, Batch{Commands: []Command{call1(0, 0, command)}})
	l.submit(ApplyWork{Range: raft.ApplyRange{First: l.next, Last: l.next, Entries: []raft.Entry{e}}, Waiting: map[raft.Index][]Ticket{l.next: {c}}})
	l.next++
	return l.await(c)
}

func (l *runningLoop) await(c *call) reply {
	l.t.Helper()
	select {
	case r := <-c.done:
		return r
	case <-time.After(time.Minute):
		l.t.Fatal("no answer")
		return reply{}
	}
}

func (l *runningLoop) ask(query string) *queryCall {
	q := &queryCall{call: call{done: make(chan reply, 1)}, data: []byte(query)}
	l.query(q, 0)
	return q
}

func slowMachine(t *testing.T) *plugins.Instance {
	t.Helper()
	return slowMachines(t)()
}

// slowMachines compiles the machine once, for many instances.
func slowMachines(t *testing.T) (start func() *plugins.Instance) {
	t.Helper()
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	m, err := engine.Compile(t.Context(), wasmtest.Slow(t))
	if err != nil {
		t.Fatal(err)
	}
	return func() *plugins.Instance {
		i, err := engine.NewInstance(t.Context(), m, plugins.InstanceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
}

// TestLongQueriesHoldUpNobody: while more queries of seconds are asked than there
// may be forks, entries are applied and short queries answered.
func TestLongQueriesHoldUpNobody(t *testing.T) {
	// Why: a collection of garbage waits for guest code, and all others for it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	l := runLoop(t, slowMachine(t))
	l.add("add 1")
	var long []*queryCall
	for range 4 {
		long = append(long, l.ask("spin 60000000"))
	}
	waiting := func() (n int) {
		for _, q := range long {
			if len(q.done) == 0 {
				n++
			}
		}
		return n
	}
	applied := 1
	for n := 0; n < 500 && waiting() > 0; n++ { // Why not more: on one processor each entry holds up the queries
		beside := waiting()
		if r := l.add("add 1"); r.err != nil || r.answer.Status != 0 {
			t.Fatalf("entry: %+v", r)
		}
		if r := l.await(&l.ask("index").call); r.err != nil || r.applied != l.next-1 {
			t.Fatalf("short query: %+v, applied %d", r, l.next-1)
		}
		if beside == len(long) {
			applied++
		}
	}
	if applied < 5 {
		t.Errorf("%d entries were applied before the first long query was answered", applied)
	}
	for k, q := range long {
		if r := <-q.done; r.err != nil || r.answer.Status != 0 || r.applied < 1 || r.applied >= l.next {
			t.Errorf("long query %d: %+v", k, r)
		}
	}
	l.stop()
}

// handClock has one timer, which fires when the test says so.
type handClock struct {
	set  chan time.Duration
	fire chan time.Time
}

func (c *handClock) Now() time.Duration { return 0 }
func (c *handClock) NewTimer(d time.Duration) clock.Timer {
	c.set <- d
	return c
}
func (c *handClock) C() <-chan time.Time   { return c.fire }
func (c *handClock) Reset(d time.Duration) { c.set <- d }
func (c *handClock) Stop() bool            { return true }

// TestForksAreAskedForByTheNodesClock: while others have all forks, a machine asks
// again when the node's clock says so, and not by another.
func TestForksAreAskedForByTheNodesClock(t *testing.T) {
	i := slowMachine(t)
	var taken []*plugins.Fork
	for {
		f, err := i.Fork(t.Context())
		if errors.Is(err, plugins.ErrForks) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, f)
	}
	hand := &handClock{set: make(chan time.Duration, 4), fire: make(chan time.Time)}
	l := runLoopBy(t, i, hand)
	q := l.ask("spin 30000000")
	for range 3 { // in vain
		if d := <-hand.set; d != retryForkAfter {
			t.Errorf("asks again after %v", d)
		}
		if len(q.done) > 0 {
			t.Fatal("answered without a fork")
		}
		hand.fire <- time.Time{}
	}
	<-hand.set
	l.in.force(func(*applierLoop) {
		for _, f := range taken {
			if err := f.Release(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	hand.fire <- time.Time{}
	if r := l.await(&q.call); r.err != nil || r.answer.Status != 0 {
		t.Errorf("got %+v", r)
	}
	l.stop()
}

// TestErrandsEndWithTheLoop: whoever waits gets an answer when the node stops, and
// digests are answered from forks.
func TestErrandsEndWithTheLoop(t *testing.T) {
	l := runLoop(t, slowMachine(t))
	l.add("add 5")
	digests := make(chan error, 1)
	l.digest(func(_ [32]byte, at raft.Index, err error) {
		if at != 1 {
			err = errors.Join(err, errors.New("digest of another index"))
		}
		digests <- err
	})
	if err := <-digests; err != nil {
		t.Error(err)
	}
	var long []*queryCall
	for range 4 {
		long = append(long, l.ask("spin 30000000"))
	}
	l.add("add 5")
	l.stop()
	answers := map[bool]int{}
	for _, q := range long {
		r := l.await(&q.call)
		if r.err != nil && !errors.Is(r.err, ErrStopping) {
			t.Errorf("got %v", r.err)
		}
		answers[r.err == nil]++
	}
	t.Logf("%d answered, %d refused", answers[true], answers[false])
}
