package plugins_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// spent is what a function of (i32) -> () spends.
func spent(t *testing.T, locals string, code []byte, arg uint64) int64 {
	t.Helper()
	b := wasmtest.NewBuilder()
	b.Memory(2, 4)
	b.Export("memory", 2, 0)
	b.Item(12, []byte{1})
	b.Item(11, append([]byte{1, 16}, make([]byte, 16)...))
	b.Function("", "", "")                              // 0: nothing
	b.Export("f", 0, b.Function("i", "", locals, code)) // 1
	b.Function("", "", "iIfFiIfF")                      // 2: eight locals
	s := raw(t, instrumented(t, b.Bytes()))
	if got := s.call("f", arg); got != "" {
		t.Fatalf("got %s", got)
	}
	return plenty - int64(s.fuel.Get())
}

// TestCharges compares with the table of docs/ABI.md. Entering the function
// costs 4 each time.
func TestCharges(t *testing.T) {
	c, get, drop := wasmtest.I32Const, wasmtest.LocalGet(0), wasmtest.Drop
	cases := map[string]struct {
		locals string
		code   []byte
		arg    uint64
		want   int64
	}{
		"nothing":      {"", nil, 0, 0},
		"locals":       {"iiiiiii", nil, 0, 2},
		"free":         {"", join(c(1), []byte{0x01, 0x22, 0}, drop, []byte{0x02, 0x40}, wasmtest.End), 0, 0},
		"add":          {"", join(c(1), c(2), wasmtest.I32Add, drop), 0, 1},
		"divide":       {"", join(c(1), c(2), []byte{0x6d}, drop), 0, 20},
		"load":         {"", join(c(8), wasmtest.I32Load8(0), drop), 0, 2},
		"store":        {"", store32(8, 8), 0, 3},
		"floats":       {"", join([]byte{0x43, 0, 0, 0, 0}, []byte{0x43, 0, 0, 0, 0, 0x92}, drop), 0, 3},
		"root":         {"", join([]byte{0x43, 0, 0, 0, 0, 0x91}, drop), 0, 20},
		"call":         {"", wasmtest.Call(0), 0, 5 + 4},
		"call, locals": {"", wasmtest.Call(2), 0, 5 + 4 + 2},
		"grow":         {"", join(c(0), wasmtest.MemoryGrow(), drop), 0, 1000},
		"fill nothing": {"", join(c(0), c(0), c(7), []byte{0xfc, 11, 0}), 0, 20},
		"fill":         {"", join(c(0), c(0), c(65536), []byte{0xfc, 11, 0}), 0, 20 + 8192},
		"copy":         {"", join(c(0), c(80), c(80), []byte{0xfc, 10, 0, 0}), 0, 20 + 10},
		"init":         {"", join(c(0), c(0), c(16), []byte{0xfc, 8, 0, 0}), 0, 20 + 2},
		"drop data":    {"", []byte{0xfc, 9, 0}, 0, 0},
		"if taken":     {"", join(wasmtest.IfCode(get), c(1), c(1), wasmtest.I32Add, drop, wasmtest.End), 1, 1 + 1},
		"if not taken": {"", join(wasmtest.IfCode(get), c(1), c(1), wasmtest.I32Add, drop, wasmtest.End), 0, 1},
		"early return": {"", join(wasmtest.IfCode(get), []byte{0x0f}, wasmtest.End, store32(8, 8)), 1, 1 + 1},
		"ten rounds":   {"", join(wasmtest.Loop, get, c(1), []byte{0x6b, 0x22, 0, 0x0d, 0}, wasmtest.End), 10, 1 + 10*(1+1)},
	}
	for name, k := range cases {
		if got := spent(t, k.locals, k.code, k.arg); got != 4+k.want {
			t.Errorf("%s: spent %d, want %d", name, got, 4+k.want)
		}
	}
}

// TestBulkOperationsAreCheckedBefore has a fill that costs more than there is.
func TestBulkOperationsAreCheckedBefore(t *testing.T) {
	code := join(wasmtest.I32Const(0), wasmtest.I32Const(7), wasmtest.I32Const(65536), []byte{0xfc, 11, 0}, result(0, 0, 8))
	i := start(t, shared, wasmtest.NewMachine(code).Bytes(), plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 1000}})
	if got := apply(t, i, 1, "x"); got[0] != "-4 out of fuel: the call may spend 1000" {
		t.Errorf("got %q", got)
	}
	s := raw(t, instrumented(t, wasmtest.NewMachine(code).Bytes()))
	s.fuel.Set(1000)
	s.stack.Set(plenty)
	if _, err := s.module.ExportedFunction("wraft_apply").Call(context.Background(), 0, 0); err == nil {
		t.Fatal("it ran")
	}
	if b := s.memory()[5]; b != 0 {
		t.Errorf("the memory was filled with %d", b)
	}
}

// TestOverdraftsFail: a call that came to its end with less than nothing left
// has failed all the same.
func TestOverdraftsFail(t *testing.T) {
	machine := wasmtest.NewMachine(result(0, 0, 8)).Bytes()
	i := start(t, shared, machine, plugins.InstanceConfig{})
	apply(t, i, 1, "x")
	cost := i.FuelUsed()
	for fuel, want := range map[int64]string{cost: "0 ", cost - 1: fmt.Sprintf("-4 out of fuel: the call may spend %d", cost-1)} {
		i := start(t, shared, machine, plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: fuel}})
		if got := apply(t, i, 1, "x"); got[0] != want || i.FuelUsed() != cost {
			t.Errorf("with %d of %d: %q and %d spent, want %q", fuel, cost, got, i.FuelUsed(), want)
		}
	}
}

// TestHostFunctionsCharge: what a module has its host do is not free.
func TestHostFunctionsCharge(t *testing.T) {
	const n = 32768
	calls := map[string]struct {
		module, params, results string
		args                    []int32
		want                    int64
	}{
		"random":     {"wraft", "ii", "", []int32{0, n}, n / 8},
		"emit":       {"wraft", "ii", "", []int32{0, n}, n / 8},
		"log":        {"wraft", "iii", "", []int32{1, 0, n}, n / 8},
		"set_error":  {"wraft", "ii", "", []int32{0, n}, n / 8},
		"random_get": {"wasi_snapshot_preview1", "ii", "i", []int32{0, n}, n / 8},
		"fd_write":   {"wasi_snapshot_preview1", "iiii", "i", []int32{1, 4096, 1, 8192}, 1 + n/8}, // one vector at 4096
		"now":        {"wraft", "", "I", nil, 0},
	}
	for name, c := range calls {
		cost := func(called bool) int64 {
			b := wasmtest.NewBuilder()
			f := b.Import(c.module, name, c.params, c.results)
			code := store32(4096+4, n)
			for _, arg := range c.args {
				code = join(code, wasmtest.I32Const(arg))
			}
			if called {
				code = join(code, wasmtest.Call(f))
				for range c.results {
					code = join(code, wasmtest.Drop)
				}
			} else {
				for range c.args {
					code = join(code, wasmtest.Drop)
				}
			}
			i := start(t, shared, machineOn(b, code, result(0, 0, 8)), plugins.InstanceConfig{})
			if got := apply(t, i, 1, "x"); got[0] != "0 " {
				t.Fatalf("%s: %q", name, got)
			}
			return i.FuelUsed()
		}
		if got := cost(true) - cost(false); got != 200+c.want {
			t.Errorf("%s: %d, want %d", name, got, 200+c.want)
		}
	}
}

// TestGuestsCanAskForTheirFuel: the answer is what is left at the call. What comes
// after it in this machine belongs to the same segment and is paid for already.
func TestGuestsCanAskForTheirFuel(t *testing.T) {
	b := wasmtest.NewBuilder()
	fuel := b.Import("wraft", "fuel", "", "I")
	code := join(wasmtest.I32Const(wasmtest.OutputAt), wasmtest.Call(fuel), []byte{0xa7}, wasmtest.I32Store(0),
		store32(wasmtest.OutputAt+4, 0), wasmtest.Answer(wasmtest.OutputAt, 8))
	i := start(t, shared, machineOn(b, code), plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 10_000}})
	got := apply(t, i, 1, "x")
	if want := fmt.Sprintf("%d ", 10_000-i.FuelUsed()); got[0] != want {
		t.Errorf("the guest saw %q left, want %q", got[0], want)
	}
}

// TestEntriesBeyondTheirCapAreAppliedOneByOne: many honest commands may need more
// than an entry may spend.
func TestEntriesBeyondTheirCapAreAppliedOneByOne(t *testing.T) {
	spin := []string{"spin 100000", "spin 100000", "spin 100000", "spin 100000", "get"}
	wide := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	want := apply(t, wide, 1, spin...)
	one := wide.FuelUsed() / 4
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: one * 5 / 4, FuelEntryMax: one * 3 / 2}})
	if got := apply(t, i, 1, spin...); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if i.FuelUsed() < wide.FuelUsed()+one {
		t.Errorf("it spent %d and %d without the cap: was it tried as a whole?", i.FuelUsed(), wide.FuelUsed())
	}
}
