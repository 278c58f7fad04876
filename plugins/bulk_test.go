package plugins_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/instrument"
)

const (
	bulkMemory  = 16 * 65536 // bytes of memory of bulkModule
	bulkSegment = 3*instrument.BulkPieceBytes + 77
	piece       = instrument.BulkPieceBytes
)

// bulkModule has every bulk operation on what its caller says, and a scramble that
// makes every place of memory look different.
func bulkModule() []byte {
	b := wasmtest.NewBuilder()
	b.Memory(bulkMemory/65536, 32)
	b.Export("memory", 2, 0)
	segment := make([]byte, bulkSegment)
	for n := range segment {
		segment[n] = byte(n*7 + n>>8)
	}
	b.Item(12, []byte{1})
	b.Item(11, join([]byte{1}, wasmtest.Unsigned(bulkSegment), segment))
	for name, op := range map[string][]byte{"fill": wasmtest.MemoryFill, "copy": wasmtest.MemoryCopy, "init": {0xfc, 8, 0, 0}} {
		b.Export(name, 0, b.Function("iii", "", "", wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.LocalGet(2), op))
	}
	word := join(wasmtest.LocalGet(1), wasmtest.LocalGet(1), wasmtest.I32Const(-1640531527), []byte{0x6c}, wasmtest.I32Store(0))
	b.Export("scramble", 0, b.Function("i", "", "i", wasmtest.Loop, word,
		wasmtest.LocalGet(1), wasmtest.I32Const(4), wasmtest.I32Add, []byte{0x22, 1}, wasmtest.LocalGet(0), []byte{0x49, 0x0d, 0}, wasmtest.End))
	return b.Bytes()
}

// bulkCall is one bulk operation.
type bulkCall struct {
	op              string
	to, from, bytes uint32
}

// bulkCalls are the edges: what is done in place, pieces, overlaps, the end of memory
// and of the segment, sums that wrap.
func bulkCalls() (all []bulkCall) {
	const end = bulkMemory
	lengths := []uint32{0, 1, 254, 255, 256, 257, 4095, 4096, 4097, piece - 1, piece, piece + 1, 2 * piece, 2*piece + 1, 3*piece + 77, 5*piece + 4096}
	for _, n := range lengths {
		all = append(all, bulkCall{"fill", 12345, 0x1ab, n}, bulkCall{"fill", end - n, 3, n}, bulkCall{"fill", end - n + 1, 4, n}, bulkCall{"fill", -n, 5, n},
			bulkCall{"init", 4000, 0, n}, bulkCall{"init", 77, bulkSegment - n, n}, bulkCall{"init", 77, bulkSegment - n + 1, n}, bulkCall{"init", end - n + 1, 0, n}, bulkCall{"init", 0, -n, n})
		for _, by := range []uint32{0, 1, 100, 255, 256, 4096, piece - 1, piece, piece + 1, 2*piece + 5} {
			all = append(all, bulkCall{"copy", 999 + by, 999, n}, bulkCall{"copy", 999, 999 + by, n})
		}
		all = append(all, bulkCall{"copy", end - n, 0, n}, bulkCall{"copy", 0, end - n, n}, bulkCall{"copy", end - n + 1, 0, n}, bulkCall{"copy", 0, end - n + 1, n},
			bulkCall{"copy", -n, 8, n}, bulkCall{"copy", 8, -n, n}, bulkCall{"copy", 1 << 31, 0, n}, bulkCall{"copy", 0, 1 << 31, n})
	}
	for _, n := range []uint32{end, end + 1, 1 << 31, math.MaxUint32 - piece, math.MaxUint32} {
		all = append(all, bulkCall{"fill", 0, 9, n}, bulkCall{"copy", 0, 0, n}, bulkCall{"init", 0, 0, n}, bulkCall{"fill", math.MaxUint32, 9, n}, bulkCall{"copy", 1, math.MaxUint32, n})
	}
	return all
}

// TestMeaningOfBulkOperations: in pieces or not, an operation does what it does as
// written, traps before it has written anything, costs what the table says, and marks
// what it changed.
func TestMeaningOfBulkOperations(t *testing.T) {
	binary := bulkModule()
	rewritten := instrumented(t, binary)
	checkCosts(t, binary, rewritten)
	x, y := raw(t, binary), raw(t, rewritten)
	calls := bulkCalls()
	chance := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		op := []string{"fill", "copy", "init"}[chance.IntN(3)]
		calls = append(calls, bulkCall{op, chance.Uint32N(bulkMemory), chance.Uint32N(bulkMemory), chance.Uint32N(7 * piece)})
	}
	traps := 0
	for n, c := range calls {
		if n%16 == 0 {
			x.call("scramble", bulkMemory)
			y.call("scramble", bulkMemory)
			y.takeMarks(t, "scramble")
		}
		what := fmt.Sprintf("%+v", c)
		was, is := x.call(c.op, uint64(c.to), uint64(c.from), uint64(c.bytes)), y.call(c.op, uint64(c.to), uint64(c.from), uint64(c.bytes))
		if was != is {
			t.Fatalf("%s: %q as written, %q instrumented", what, was, is)
		}
		if was != "" {
			traps++
		}
		sameState(t, what, x, y)
		y.takeMarks(t, what)
		if spent, want := plenty-int64(y.fuel.Get()), 4+20+int64(c.bytes>>instrument.BulkShift); spent != want {
			t.Fatalf("%s: spent %d, want %d", what, spent, want)
		}
	}
	if traps < 50 || traps > len(calls)/2 {
		t.Errorf("%d of %d trapped", traps, len(calls))
	}
}

// wayOuts is an engine's allocator that counts how often code only wanted to give
// others a turn.
type wayOuts struct {
	memory []byte
	count  int
}

func (w *wayOuts) Allocate(_, _ uint64) experimental.LinearMemory { return w }
func (w *wayOuts) Free()                                          {}

func (w *wayOuts) Reallocate(size uint64) []byte {
	if size == instrument.WayOutPages*65536 {
		w.count++
		return nil
	}
	if w.memory == nil {
		w.memory = make([]byte, size)
	}
	return w.memory
}

// TestBulkOperationsGiveOthersATurn: between any two pieces.
func TestBulkOperationsGiveOthersATurn(t *testing.T) {
	var w wayOuts
	r := wazero.NewRuntime(t.Context())
	defer func() { _ = r.Close(context.Background()) }()
	ctx := experimental.WithMemoryAllocator(t.Context(), &w)
	m, err := r.InstantiateWithConfig(ctx, instrumented(t, bulkModule()), wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	s := &specimen{module: m}
	for op, most := range map[string]uint64{"fill": bulkMemory, "copy": bulkMemory, "init": bulkSegment} {
		for _, n := range []uint64{0, 255, piece, piece + 1, 2 * piece, 2*piece + 1, most} {
			w.count = 0
			setFuel(t, s)
			if got := s.call(op, 0, 0, n); got != "" {
				t.Fatalf("%s %d: %s", op, n, got)
			}
			if want := int(max(1, n)-1) / piece; w.count != want {
				t.Errorf("%s of %d bytes: %d turns for others, want %d", op, n, w.count, want)
			}
		}
	}
}

// setFuel gives a specimen of an engine of its own plenty.
func setFuel(t *testing.T, s *specimen) {
	t.Helper()
	for _, name := range []string{instrument.FuelExport, instrument.StackExport} {
		g, ok := s.module.ExportedGlobal(name).(interface{ Set(uint64) })
		if !ok {
			t.Fatalf("%s is not there", name)
		}
		g.Set(plenty)
	}
}

// TestBulkOperationsEndForWantOfFuel: what cannot be paid for does not begin, however
// long it is, and is undone like anything else.
func TestBulkOperationsEndForWantOfFuel(t *testing.T) {
	for name, op := range map[string][]byte{"fill": wasmtest.MemoryFill, "copy": wasmtest.MemoryCopy} {
		machine := wasmtest.NewMachine(wasmtest.I32Const(60), wasmtest.MemoryGrow(), wasmtest.Drop,
			wasmtest.Loop, wasmtest.I32Const(8), wasmtest.I32Const(0), wasmtest.I32Const(3<<20), op, wasmtest.Br(0), wasmtest.End, wasmtest.Unreachable)
		i := start(t, shared, machine.Bytes(), plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 2_000_000}})
		before := stateHash(t, i)
		if got := apply(t, i, 1, "x"); got[0] != "-4 out of fuel: the call may spend 2000000" {
			t.Errorf("%s: %q", name, got)
		}
		// Each round costs the operation and its length, and some for the loop.
		const round = 20 + 3<<20>>instrument.BulkShift
		if over := i.FuelUsed() - 2_000_000; over <= 0 || over > round+10 {
			t.Errorf("%s: %d over the budget", name, over)
		}
		if stateHash(t, i) != before {
			t.Errorf("%s: the state is another", name)
		}
	}
}
