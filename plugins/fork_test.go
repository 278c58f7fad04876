package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// ready refreshes a fork to the end, in pieces of so many bytes.
func ready(tb testing.TB, f *plugins.Fork, bytes int) (steps int) {
	tb.Helper()
	for {
		steps++
		ok, err := f.Refresh(bytes)
		if err != nil {
			tb.Fatal(err)
		}
		if ok {
			return steps
		}
	}
}

func fork(tb testing.TB, i *plugins.Instance) *plugins.Fork {
	tb.Helper()
	f, err := i.Fork(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func released(tb testing.TB, f *plugins.Fork) {
	tb.Helper()
	if err := f.Release(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// askFork asks a fork once and releases it.
func askFork(tb testing.TB, f *plugins.Fork, query string) string {
	tb.Helper()
	r, err := f.Query([]byte(query))
	if err != nil {
		tb.Fatal(err)
	}
	released(tb, f)
	return texts([]plugins.Result{r})[0]
}

// TestForksFollowTheMachine takes the same fork again and again, with entries in
// between and in the middle of a refresh, and after queries that wreck it.
func TestForksFollowTheMachine(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: 48 << 20}})
	want := 0
	add := func(index, n int) {
		want += n
		apply(t, i, uint64(index), fmt.Sprintf("add %d", n), "order")
	}
	for round, query := range []string{"add 7", "half way", "grow 16", "panic x", "get", "sleep 5000"} {
		f := fork(t, i)
		add(10*round+1, round)
		if ok, err := f.Refresh(64 << 10); ok || err != nil && round == 0 {
			t.Fatalf("ready after 64 KiB: %v", err)
		}
		add(10*round+2, 3)
		ready(t, f, 256<<10)
		if got := askFork(t, f, "get"); got != fmt.Sprintf("0 %d", want) {
			t.Fatalf("round %d: the fork has %q, want %d", round, got, want)
		}
		f = fork(t, i)
		ready(t, f, 1<<30)
		askFork(t, f, query)
		if same, err := f.Same(); err != nil || !same {
			t.Fatalf("after %q: the fork differs where nobody knows of it (%v)", query, err)
		}
	}
	audit(t, i)
}

// TestForkedQueriesSeeTheirMoment: a fork answers from the state of its last
// refresh, however the machine has gone on, and the same as the machine did.
func TestForkedQueriesSeeTheirMoment(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, i, 5, "add 40", "sleep 300")
	var export strings.Builder
	if err := i.Export(context.Background(), &export); err != nil {
		t.Fatal(err)
	}
	queries := []string{"get", "now", "index", "random 8", "order"}
	var want []string
	for _, q := range queries {
		want = append(want, ask(t, i, q))
	}
	for k, q := range queries {
		f := fork(t, i)
		ready(t, f, 1<<30)
		if got := askFork(t, f, q); got != want[k] {
			t.Errorf("%s: the fork %q, the machine %q", q, got, want[k])
		}
	}
	f := fork(t, i)
	ready(t, f, 1<<30)
	apply(t, i, 6, "add 2")
	var b strings.Builder
	if err := f.Export(&b); err != nil || b.String() != export.String() {
		t.Errorf("export %q, %v, want %q", b.String(), err, export.String())
	}
	released(t, f)
	if got := ask(t, i, "get"); got != "0 42" {
		t.Errorf("the machine has %q", got)
	}
}

// TestForksRunBesideTheMachine has a query of some seconds run on a goroutine while
// the machine applies.
func TestForksRunBesideTheMachine(t *testing.T) {
	// Why: a collection of garbage waits for guest code, and all others for it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	if _, done, err := i.Quick(context.Background(), []byte("spin 100000000")); done || err != nil {
		t.Fatalf("a long query was quick: %v", err)
	}
	audit(t, i)
	if r, done, err := i.Quick(context.Background(), []byte("get")); !done || err != nil || string(r.Data) != "0" {
		t.Fatalf("a short one was not: %s, %v", r.Data, err)
	}
	f := fork(t, i)
	ready(t, f, 1<<30)
	answer := make(chan plugins.Result, 1)
	go func() {
		r, _ := f.Query([]byte("spin 100000000"))
		answer <- r
	}()
	applied := uint64(0)
	for applied < 1000 && len(answer) == 0 { // Why not more: on one processor each entry holds up the query
		applied++
		apply(t, i, applied, "add 1")
	}
	if r := <-answer; r.Status != 0 || applied < 10 {
		t.Errorf("%d entries meanwhile, status %d %s", applied, r.Status, r.Data)
	}
	released(t, f)
	if got := ask(t, i, "get"); got != fmt.Sprintf("0 %d", applied) {
		t.Errorf("the machine has %q after %d entries", got, applied)
	}
}

func TestForksAreBounded(t *testing.T) {
	ctx := context.Background()
	e := newEngine(t, plugins.Config{ForkBytesMax: 40 << 20})
	e.LetForks(8)
	c := plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: 16 << 20}}
	a, b := start(t, e, growing(-1), c), start(t, e, growing(-1), c)
	large := start(t, e, growing(-1), plugins.InstanceConfig{})
	first, second := fork(t, a), fork(t, a)
	for name, i := range map[string]*plugins.Instance{"the machine has its share": a, "the memory is taken": b, "larger than all": large} {
		if _, err := i.Fork(ctx); !errors.Is(err, plugins.ErrForks) {
			t.Errorf("%s: %v", name, err)
		}
	}
	released(t, first)
	released(t, second)
	// Idle forks give way, also to one that is larger than all there is.
	released(t, fork(t, b))
	alone := fork(t, large)
	if _, err := a.Fork(ctx); !errors.Is(err, plugins.ErrForks) {
		t.Errorf("beside the large one: %v", err)
	}
	ready(t, alone, 1<<20)
	if got := askFork(t, alone, "12345678L"); got != "-1 out of bounds memory access" {
		t.Errorf("the large one: %q", got)
	}
	for _, i := range []*plugins.Instance{a, b} {
		f := fork(t, i)
		ready(t, f, 1<<20)
		if got := askFork(t, f, "12345678-"); got != "0 " {
			t.Errorf("afterwards: %q", got)
		}
	}
}

func TestForksLeaveAProcessor(t *testing.T) {
	e := newEngine(t, plugins.Config{})
	e.LetForks(1)
	a, b := start(t, e, growing(-1), plugins.InstanceConfig{}), start(t, e, growing(-1), plugins.InstanceConfig{})
	f := fork(t, a)
	if _, err := b.Fork(context.Background()); !errors.Is(err, plugins.ErrForks) {
		t.Errorf("got %v", err)
	}
	released(t, f)
	released(t, fork(t, b))
}

func TestForksOutliveTheirInstance(t *testing.T) {
	e := newEngine(t, plugins.Config{ForkBytesMax: 1})
	m, err := e.Compile(context.Background(), growing(-1))
	if err != nil {
		t.Fatal(err)
	}
	i, err := e.NewInstance(context.Background(), m, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	f := fork(t, i)
	ready(t, f, 1<<30)
	if err := i.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := askFork(t, f, "12345678-"); got != "0 " {
		t.Errorf("got %q", got)
	}
	other := start(t, e, growing(-1), plugins.InstanceConfig{})
	released(t, fork(t, other)) // its memory was given back
}

// TestTriesLookLikeTheWhole: a query that is tried with little fuel reads the same
// fuel as one that has all.
func TestTriesLookLikeTheWhole(t *testing.T) {
	b := wasmtest.NewBuilder()
	f := b.Import("wraft", "fuel", "", "I")
	machine := machineOn(b, wasmtest.I32Const(wasmtest.OutputAt+8), wasmtest.Call(f), []byte{0x37, 0, 0}, result(0, 8, 16))
	i := start(t, shared, machine, plugins.InstanceConfig{})
	whole, err := i.Query(context.Background(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	tried, done, err := i.Quick(context.Background(), []byte("x"))
	if err != nil || !done || string(tried.Data) != string(whole.Data) || len(whole.Data) != 8 {
		t.Errorf("tried % x (%v, %v), whole % x", tried.Data, done, err, whole.Data)
	}
}
