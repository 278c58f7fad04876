package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// frugal opens machines that may spend little.
type frugal struct{ engine *plugins.Engine }

func (f frugal) open(t *testing.T, binary []byte) (*plugins.Instance, error) {
	t.Helper()
	m, err := f.engine.Compile(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	return f.engine.NewInstance(t.Context(), m, plugins.InstanceConfig{Limits: plugins.Limits{
		FuelCommandMax: 3_000_000, FuelBase: 100_000, FuelPerByte: 1, MemoryBytesMax: 1 << 20,
	}})
}

// runaway is a machine that loops for ever when a command starts with L, calls
// itself for ever when it starts with R, and otherwise answers 0.
func runaway(initialize ...[]byte) []byte {
	when := func(letter int32, code ...[]byte) [][]byte {
		head := [][]byte{wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const(letter), wasmtest.I32Eq, wasmtest.If}
		return append(append(head, code...), wasmtest.End)
	}
	const apply = 0
	code := when('L', wasmtest.Loop, wasmtest.Br(0), wasmtest.End)
	code = append(code, when('R', wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.Call(apply), wasmtest.Drop)...)
	for _, at := range []uint32{0, 4} {
		code = append(code, wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(0), wasmtest.I32Store(at))
	}
	b := wasmtest.NewMachine(append(code, wasmtest.Answer(wasmtest.OutputAt, 8))...)
	if initialize != nil {
		b.Export("_initialize", 0, b.Function("", "", "", initialize...))
	}
	return b.Bytes()
}

// TestRunawaysAreAnsweredAndTheLogGoesOn drives an applier over commands that
// never end: their clients learn why, the others get their answers, and the next
// entries are applied.
func TestRunawaysAreAnsweredAndTheLogGoesOn(t *testing.T) {
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(context.Background())
	open := frugal{engine}
	machine, err := open.open(t, runaway())
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close(context.Background())
	a := NewApplier(7, machine, nil)
	entries := []raft.Entry{
		entry(t, 1, 1, Batch{Commands: []Command{call1(0, 0, "a"), call1(0, 0, "L"), call1(0, 0, "b"), call1(0, 0, "R")}}),
		entry(t, 2, 1, Batch{Commands: []Command{call1(0, 0, "L")}}),
		entry(t, 3, 1, Batch{Commands: []Command{call1(0, 0, "c")}}),
	}
	tickets := map[raft.Index][]Ticket{1: {"a", "L", "b", "R"}, 2: {"L"}, 3: {"c"}}
	got, err := a.Apply(t.Context(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 3, Entries: entries}, Waiting: tickets})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		status int32
		text   string
	}{{0, ""}, {plugins.StatusFuel, "out of fuel"}, {0, ""}, {plugins.StatusStack, "stack exhausted"}, {plugins.StatusFuel, "out of fuel"}, {0, ""}}
	for k, w := range want {
		if g := got[k].Answer; g.Status != w.status || !strings.HasPrefix(string(g.Data), w.text) {
			t.Errorf("answer %d to %v: status %d %q, want %d %q", k, got[k].Ticket, g.Status, g.Data, w.status, w.text)
		}
	}
	if a.Applied() != 3 {
		t.Errorf("applied %d, want 3", a.Applied())
	}
	a.work.hold(a)
	fuel, limits := a.work.Failed[FailureFuel], a.work.Failed[FailureLimits]
	// Two commands of 3,000,000 each that loop for ever, at least.
	if a.work.Commands != 6 || fuel != 2 || limits != 1 || a.work.Fuel < 6_000_000 || a.work.MemoryBytes != machine.MemoryBytes() || a.work.MemoryBytes == 0 {
		t.Errorf("it did %+v", *a.work)
	}
	var guest *plugins.GuestError
	if _, err := open.open(t, runaway(wasmtest.Loop, wasmtest.Br(0), wasmtest.End)); !errors.As(err, &guest) || guest.Status != plugins.StatusFuel {
		t.Errorf("a module that never starts: %v", err)
	}
}
