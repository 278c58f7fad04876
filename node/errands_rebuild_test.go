package node

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// rebuildable is a running loop whose entries can be read again.
type rebuildable struct {
	*runningLoop
	log logOf
}

func runRebuildable(t *testing.T, m Machine, commands ...string) *rebuildable {
	l := &rebuildable{runningLoop: runLoop(t, m)}
	l.node.log = slog.New(slog.DiscardHandler)
	l.node.deploys = &deployLoop{in: newMailbox[func(*Deployer)](1)}
	for _, c := range commands {
		l.log = append(l.log, entry(t, l.next, 1, Batch{Commands: []Command{call1(0, 0, c)}}))
		if r := l.add(c); r.err != nil || r.answer.Status != 0 {
			t.Fatalf("%s: %+v", c, r)
		}
	}
	return l
}

// until waits until something holds on the loop's goroutine.
func (l *rebuildable) until(holds func(*applierLoop) bool) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		answer := make(chan bool, 1)
		l.in.force(func(l *applierLoop) { answer <- holds(l) })
		if <-answer {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatal("it never came to that")
		}
		<-time.After(time.Millisecond)
	}
}

// answered counts queries that have been.
func answered(queries []*queryCall) (n int) {
	for _, q := range queries {
		n += len(q.done)
	}
	return n
}

// TestForksDuringARebuild: of more long queries than there may be forks some have
// theirs, or a part of it, when the machine turns out to be wrong; the others wait for
// one, and more are asked while there is no machine. Forks that are whole are of use
// still; who has none waits until the machine is there again. All get the answer.
func TestForksDuringARebuild(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // see TestLongQueriesHoldUpNobody
	const spin, asked = "spin 12000000", 4
	start := slowMachines(t)
	for name, c := range map[string]struct {
		whole func(*applierLoop) bool // what the rebuild waits for
		early int                     // answers that need no new machine
	}{
		"copying": {nil, 0},
		"running": {func(l *applierLoop) bool { return l.errands.done != nil && l.errands.running > 0 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := runRebuildable(t, start(), "add 1", "grow 8", "add 1") // more than is copied at a time
			var first []*queryCall
			for range asked {
				first = append(first, &queryCall{call: call{done: make(chan reply, 1)}, data: []byte(spin)})
			}
			begin := func(l *applierLoop) {
				for _, q := range first {
					l.ask(indexedQuery{call: q})
				}
			}
			rebuild := func(l *applierLoop) { l.rebuild(errors.New("of a test"), l.applier.Applied()) }
			if c.whole == nil {
				l.in.force(func(l *applierLoop) { begin(l); rebuild(l) })
			} else {
				l.in.force(begin)
				l.until(c.whole)
				l.in.force(rebuild)
			}
			long := append(slices.Clip(first), l.ask(spin))
			l.until(func(l *applierLoop) bool { return l.errands.running == 0 && len(l.errands.waiting) > 0 })
			if n := answered(long); n < c.early || n == len(long) {
				t.Errorf("%d queries are answered without a machine", n)
			}
			l.open(NewApplier(7, start(), l.log), nil)
			want := l.await(&long[0].call)
			for n, q := range long {
				r := want
				if n > 0 {
					r = l.await(&q.call)
				}
				if r.err != nil || r.answer.Status != 0 || string(r.answer.Data) != string(want.answer.Data) || r.applied != raft.Index(len(l.log)) {
					t.Errorf("query %d: %+v, the first: %+v", n, r, want)
				}
			}
			if r := l.add("add 1"); r.err != nil || string(r.answer.Data) != "3" {
				t.Errorf("afterwards %+v", r)
			}
			l.stop()
		})
	}
}
