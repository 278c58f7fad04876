package plugins_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func stateHash(tb testing.TB, i *plugins.Instance) plugins.StateHash {
	tb.Helper()
	sum, err := i.StateHash()
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}

// traps are commands of the slow guest that change much and then fail, with
// what their result must say.
var traps = map[string]string{
	"half way":   "-1 unreachable: panic: way",
	"panic boom": "-1 unreachable: panic: boom",
	"exit 3":     "-1 exit status 3",
	"exit 0":     "-1 exit status 0",
}

func TestTrappedCommandsLeaveNoTrace(t *testing.T) {
	e := shared
	for trap, want := range traps {
		t.Run(trap, func(t *testing.T) {
			a := start(t, e, wasmtest.Slow(t), plugins.InstanceConfig{})
			b := start(t, e, wasmtest.Slow(t), plugins.InstanceConfig{})
			honest := []string{"add 1", "order", "random 8", "grow 1", "now"}
			for k, c := range honest {
				index := uint64(k + 1)
				fromA, fromB := apply(t, a, index, c), apply(t, b, index, c)
				if !slices.Equal(fromA, fromB) {
					t.Fatalf("%s: %q and %q", c, fromA, fromB)
				}
				if got := apply(t, a, index, trap); !strings.HasPrefix(got[0], want) {
					t.Fatalf("trap %q: got %q, want %q", trap, got, want)
				}
				if stateHash(t, a) != stateHash(t, b) {
					t.Fatalf("state differs after %q and a trap", c)
				}
			}
			if n := len(a.Events()); n != 0 {
				t.Errorf("%d events of a trapped command", n)
			}
		})
	}
}

func TestOnlyTheGuiltyCommandOfABatchFails(t *testing.T) {
	e := shared
	a := start(t, e, wasmtest.Slow(t), plugins.InstanceConfig{})
	b := start(t, e, wasmtest.Slow(t), plugins.InstanceConfig{})
	got := apply(t, a, 1, "add 1", "emit one", "half x", "add 2", "panic y", "fail 7", "get")
	want := []string{"0 1", "0 ", "-1 unreachable: panic: x", "0 3", "-1 unreachable: panic: y", "7 as told", "0 3"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, c := range []string{"add 1", "emit one", "add 2", "fail 7", "get"} {
		apply(t, b, 1, c)
	}
	if stateHash(t, a) != stateHash(t, b) {
		t.Error("the batch's state is not that of its innocent commands alone")
	}
	apply(t, a, 2, "emit two", "panic z", "emit three")
	var events []string
	for _, ev := range a.Events() {
		events = append(events, fmt.Sprintf("%d.%d %s", ev.Index, ev.N, ev.Data))
	}
	if want := []string{"2.0 two", "2.1 three"}; !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
}

func TestRollbackAcrossCheckpoints(t *testing.T) {
	e := shared
	a := start(t, e, wasmtest.Slow(t), plugins.InstanceConfig{})
	b := start(t, e, wasmtest.Slow(t), plugins.InstanceConfig{})
	for k := uint64(1); k <= 600; k++ { // with traps at odd places
		command := "add 1"
		if k%5 == 0 {
			command = "order" // moves the runtime's random state
		}
		apply(t, a, k, command)
		apply(t, b, k, command)
		if k%613 == 0 || k == 1025 {
			apply(t, a, k, "half way")
		}
	}
	if got := apply(t, a, 3000, "get"); got[0] != "0 480" {
		t.Errorf("value %q, want 480", got)
	}
	apply(t, b, 3000, "get")
	if stateHash(t, a) != stateHash(t, b) {
		t.Error("state differs")
	}
}

// globalMachine counts in a global that it doesn't export, answers one command
// with the count, and traps after counting when the command starts with X.
func globalMachine() []byte {
	b := wasmtest.NewBuilder()
	b.Global(0)
	count := [][]byte{
		wasmtest.GlobalGet(0), wasmtest.I32Const(1), wasmtest.I32Add, wasmtest.GlobalSet(0),
		wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const('X'), wasmtest.I32Eq,
		wasmtest.If, wasmtest.Unreachable, wasmtest.End,
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(0), wasmtest.I32Store(0),
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(1), wasmtest.I32Store(4),
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.GlobalGet(0), wasmtest.I32Const('0'), wasmtest.I32Add, wasmtest.I32Store(8),
		wasmtest.Answer(wasmtest.OutputAt, 9),
	}
	return machineOn(b, count...)
}

// machineOn is wasmtest.NewMachine on a builder that already holds something.
func machineOn(b *wasmtest.Builder, code ...[]byte) []byte {
	b.Memory(1, -1)
	b.Export("memory", 2, 0)
	f := b.Function("ii", "I", "", code...)
	b.Export("wraft_apply", 0, f)
	b.Export("wraft_query", 0, f)
	b.Export("wraft_abi_v1", 0, b.Function("", "", ""))
	b.Export("wraft_alloc", 0, b.Function("i", "i", "", wasmtest.I32Const(wasmtest.InputAt)))
	b.Export("wraft_snapshot", 0, b.Function("", "i", "", wasmtest.I32Const(0)))
	b.Export("wraft_restore", 0, b.Function("i", "i", "", wasmtest.I32Const(0)))
	return b.Bytes()
}

func TestHiddenGlobalsRollBack(t *testing.T) {
	i := start(t, shared, globalMachine(), plugins.InstanceConfig{})
	for k, step := range []struct{ command, want string }{
		{"a", "0 1"}, {"X", "-1 unreachable"}, {"b", "0 2"}, {"X", "-1 unreachable"}, {"X", "-1 unreachable"}, {"c", "0 3"},
	} {
		if got := apply(t, i, uint64(k+1), step.command); got[0] != step.want {
			t.Errorf("step %d, %s: got %q, want %q", k, step.command, got, step.want)
		}
	}
	// It can only answer one command, so a batch is malformed as a whole.
	if got, want := apply(t, i, 9, "a", "X", "b"), []string{"0 4", "-1 unreachable", "0 5"}; !slices.Equal(got, want) {
		t.Errorf("batch: got %q, want %q", got, want)
	}
}

func TestQueriesAndExportsLeaveNoTrace(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, i, 1, "add 5")
	before := stateHash(t, i)
	ctx := context.Background()
	for _, q := range []string{"get", "add 1", "grow 8", "order", "half way", "random 8", "sleep 1000", "get"} {
		if _, err := i.Query(ctx, []byte(q)); err != nil {
			t.Fatalf("query %s: %v", q, err)
		}
		if _, err := i.ExportDigest(ctx); err != nil {
			t.Fatalf("export after %s: %v", q, err)
		}
	}
	if stateHash(t, i) != before {
		t.Error("a query or an export changed the state")
	}
	if got := apply(t, i, 2, "get"); got[0] != "0 5" {
		t.Errorf("value %q, want 5", got)
	}
	if r, err := i.Query(ctx, []byte("get")); err != nil || string(r.Data) != "5" {
		t.Errorf("query: %s, %v", r.Data, err)
	}
}
