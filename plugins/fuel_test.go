package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// endless never ends.
var endless = join(wasmtest.Loop, wasmtest.Br(0), wasmtest.End)

// scarce are limits under which an endless loop ends soon.
var scarce = plugins.Limits{FuelCommandMax: 1_000_000, FuelBase: 1_000_000, FuelPerByte: 1, MemoryBytesMax: 1 << 20}

// looping is a machine that loops in apply and query when the input starts with
// L, in snapshot and restore when that was applied last as S, and in _initialize
// if asked to.
func looping(initialize bool) []byte {
	when := func(at, letter int32, code []byte) []byte {
		return join(wasmtest.I32Const(at), wasmtest.I32Load8(0), wasmtest.I32Const(letter), wasmtest.I32Eq, wasmtest.If, code, wasmtest.End)
	}
	const commandAt, queryAt, kept = wasmtest.InputAt + 8, wasmtest.InputAt, 16
	b := wasmtest.NewBuilder()
	b.Memory(1, -1)
	b.Export("memory", 2, 0)
	keep := join(wasmtest.I32Const(kept), wasmtest.I32Const(commandAt), wasmtest.I32Load8(0), wasmtest.I32Store(0))
	b.Export("wraft_apply", 0, b.Function("ii", "I", "", store32(kept, 'X'), when(commandAt, 'L', endless), keep, result(0, 0, 8)))
	b.Export("wraft_query", 0, b.Function("ii", "I", "", when(queryAt, 'L', endless), result(0, 0, 8)))
	b.Export("wraft_abi_v1", 0, b.Function("", "", ""))
	b.Export("wraft_alloc", 0, b.Function("i", "i", "", wasmtest.I32Const(wasmtest.InputAt)))
	b.Export("wraft_snapshot", 0, b.Function("", "i", "", when(kept, 'S', endless), wasmtest.I32Const(0)))
	b.Export("wraft_restore", 0, b.Function("i", "i", "", store32(kept, 'Y'), endless, wasmtest.I32Const(0)))
	if initialize {
		b.Export("_initialize", 0, b.Function("", "", "", endless))
	}
	return b.Bytes()
}

func TestEndlessLoopsEndInEveryExport(t *testing.T) {
	ctx := context.Background()
	i := start(t, shared, looping(false), plugins.InstanceConfig{Limits: scarce})
	const command, call = "-4 out of fuel: the call may spend 1000000", "out of fuel: the call may spend %d"
	before := stateHash(t, i)
	if got := apply(t, i, 1, "L"); got[0] != command {
		t.Errorf("apply: %q", got)
	}
	if stateHash(t, i) != before {
		t.Error("the loop left a trace")
	}
	if got := apply(t, i, 2, "a"); got[0] != "0 " {
		t.Errorf("the next command: %q", got)
	}
	r, err := i.Query(ctx, []byte("L"))
	if want := fmt.Sprintf(call, 1_000_000+65536); err != nil || r.Status != plugins.StatusFuel || string(r.Data) != want {
		t.Errorf("query: %d %s, %v, want %s", r.Status, r.Data, err, want)
	}
	if r, err := i.Query(ctx, []byte("a")); err != nil || r.Status != plugins.StatusOK {
		t.Errorf("the next query: %d %s, %v", r.Status, r.Data, err)
	}
	before = stateHash(t, i)
	if err := i.Import(ctx, plugins.Moment{Index: 3}, bytes.NewReader(nil), 0); !ranOut(err) {
		t.Errorf("restore: %v", err)
	}
	if stateHash(t, i) != before {
		t.Error("the restore left a trace")
	}
	apply(t, i, 4, "S")
	if err := i.Export(ctx, &bytes.Buffer{}); !ranOut(err) {
		t.Errorf("snapshot: %v", err)
	}
	apply(t, i, 5, "a")
	if err := i.Export(ctx, &bytes.Buffer{}); err != nil {
		t.Errorf("the next snapshot: %v", err)
	}
	m, err := shared.Compile(ctx, looping(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = shared.NewInstance(ctx, m, plugins.InstanceConfig{Limits: scarce}); !ranOut(err) {
		t.Errorf("_initialize: %v", err)
	}
}

func ranOut(err error) bool {
	var g *plugins.GuestError
	return errors.As(err, &g) && g.Status == plugins.StatusFuel && strings.HasPrefix(g.Text, "out of fuel: ")
}

// TestGoGuestsThatMisbehave is what authors in Go will do: each guilty command of
// a batch gets its error, the others their results, on the same instance.
func TestGoGuestsThatMisbehave(t *testing.T) {
	limits := plugins.Limits{FuelCommandMax: 200_000_000, MemoryBytesMax: 32 << 20}
	a := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	b := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	got := apply(t, a, 1, "add 1", "spin 4000000000000", "add 2", "recurse 100000000", "recurse 1000", "panic now", "grow 1000", "get")
	want := []string{"0 1", "-4 out of fuel: the call may spend 200000000", "0 3", "-5 stack exhausted: the call may claim 33554432 bytes", "0 1000",
		"-1 unreachable: panic: now", "-1 ", "0 3"}
	for k := range want {
		if !strings.HasPrefix(got[k], want[k]) {
			t.Errorf("command %d: %q, want %q", k, got[k], want[k])
		}
	}
	for _, c := range []string{"add 1", "add 2", "recurse 1000", "get"} {
		apply(t, b, 1, c)
	}
	if stateHash(t, a) != stateHash(t, b) {
		t.Error("the state is not that of the innocent commands alone")
	}
}

// TestFuelIsTheSameEverywhere plays one random log on three replicas, one of
// which queries in between and one of which starts later, and wants equal fuel,
// results and states.
func TestFuelIsTheSameEverywhere(t *testing.T) {
	limits := plugins.Limits{FuelCommandMax: 5_000_000, FuelEntryMax: 15_000_000}
	verbs := []string{"add %d", "order", "random %d", "sleep %d", "grow 0", "panic %d", "spin 1%d000", "half %d", "recurse 9%d", "spin 9000000000"}
	type entry struct {
		commands []string
		results  []string
		fuel     int64
		hash     plugins.StateHash
	}
	var log []entry
	chance := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		commands := make([]string, 1+chance.IntN(4))
		for k := range commands {
			commands[k] = strings.ReplaceAll(verbs[chance.IntN(len(verbs))], "%d", fmt.Sprint(chance.IntN(50)))
		}
		log = append(log, entry{commands: commands})
	}
	for replica := range 3 {
		i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
		for k := range log {
			e := entry{commands: log[k].commands, results: apply(t, i, uint64(k+1), log[k].commands...), fuel: i.FuelUsed(), hash: stateHash(t, i)}
			if replica == 1 {
				if _, err := i.Query(context.Background(), []byte("order")); err != nil {
					t.Fatal(err)
				}
			}
			if replica == 0 {
				log[k] = e
				continue
			}
			if e.fuel != log[k].fuel || e.hash != log[k].hash || !slices.Equal(e.results, log[k].results) {
				t.Fatalf("replica %d, entry %d %q: fuel %d and %d, %q and %q", replica, k+1, e.commands, e.fuel, log[k].fuel, e.results, log[k].results)
			}
		}
	}
}
