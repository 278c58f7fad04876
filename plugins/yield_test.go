package plugins_test

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/instrument"
)

// TestTheWorldStopsWhileAGuestLoops: a collection of garbage, for which every
// goroutine has to stop, ends long before the guest's loop does. Without slices it
// ends after it, however slow the machine.
func TestTheWorldStopsWhileAGuestLoops(t *testing.T) {
	fibonacci := wasmtest.NewMachine(wasmtest.I32Const(90), wasmtest.Call(5), wasmtest.Drop, wasmtest.Unreachable)
	one := func(less int32) []byte {
		return join(wasmtest.LocalGet(0), wasmtest.I32Const(less), wasmtest.I32Sub, wasmtest.Call(5))
	}
	fibonacci.Function("i", "i", "", wasmtest.I32Const(2), wasmtest.LocalGet(0), wasmtest.I32GtU, wasmtest.If,
		wasmtest.I32Const(1), wasmtest.Return, wasmtest.End, one(1), one(2), wasmtest.I32Add)
	for name, module := range map[string][]byte{
		"loop":      wasmtest.NewMachine(wasmtest.Loop, wasmtest.Br(0), wasmtest.End, wasmtest.Unreachable).Bytes(),
		"recursion": fibonacci.Bytes(),
	} {
		i := start(t, shared, module, plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 300_000_000}})
		ended := make(chan int32, 1)
		begun := make(chan struct{})
		go func() {
			close(begun)
			rs, err := i.Apply(context.Background(), plugins.Moment{Index: 1}, [][]byte{{1}})
			if err != nil {
				t.Error(err)
				ended <- 0
				return
			}
			ended <- rs[0].Status
		}()
		<-begun
		runtime.GC()
		before := time.Now()
		stops := 0
		for len(ended) == 0 {
			runtime.GC()
			stops++
		}
		if status := <-ended; status != plugins.StatusFuel {
			t.Fatalf("%s: status %d", name, status)
		}
		t.Logf("%s: the world stopped %d times in %v", name, stops, time.Since(before))
		if stops < 5 {
			t.Errorf("%s: the world stopped %d times while the guest ran", name, stops)
		}
	}
}

// TestOthersGetATurnWithEachSlice: on one processor, between any two slices of a loop's
// fuel and any two pieces of a bulk operation, and while a call is undone, somebody else
// runs. The scheduler alone would let him every 10 ms. Why half of the turns will do: it
// shuffles its queue in a race build. Where the system's slices are short its threads are
// offered each of the turns, else each eighth.
func TestOthersGetATurnWithEachSlice(t *testing.T) {
	const mib = 24
	fill := func(end []byte) []byte {
		return wasmtest.NewMachine(wasmtest.I32Const(mib*16), wasmtest.MemoryGrow(), wasmtest.Drop, wasmtest.I32Const(0), wasmtest.I32Const(7),
			wasmtest.I32Const(mib<<20), wasmtest.MemoryFill, end).Bytes()
	}
	loop := wasmtest.NewMachine(wasmtest.Loop, wasmtest.Br(0), wasmtest.End, wasmtest.Unreachable).Bytes()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, k := range []struct {
		name   string
		module []byte
		status int32
		turns  int
		short  bool
	}{
		{"loop", loop, plugins.StatusFuel, 100_000_000/instrument.SliceFuel - 1, false},
		{"loop with short slices", loop, plugins.StatusFuel, 100_000_000/instrument.SliceFuel - 1, true},
		// The pieces of the fill, and the blocks of the undoing, 64 at a time.
		{"fill", fill(wasmtest.Unreachable), plugins.StatusTrap, (mib<<20)/instrument.BulkPieceBytes + (mib<<20)/(64*4096) - 2, true},
	} {
		i := start(t, shared, k.module, plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 100_000_000}})
		var end atomic.Bool
		var turns atomic.Int64
		offered := plugins.CountThreadTurns(t, k.short)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for ; !end.Load(); turns.Add(1) {
				runtime.Gosched()
			}
		}()
		rs, err := i.Apply(context.Background(), plugins.Moment{Index: 1}, [][]byte{{1}})
		got := int(turns.Load())
		end.Store(true)
		<-gone
		if err != nil || rs[0].Status != k.status {
			t.Fatalf("%s: %+v, %v", k.name, rs, err)
		}
		if got < k.turns/2 {
			t.Errorf("%s: somebody else ran %d times, there were %d turns", k.name, got, k.turns)
		}
		least := k.turns / 8
		if k.short {
			least = k.turns
		}
		if n := offered(); n < int64(least) || !k.short && n > int64(k.turns/4) {
			t.Errorf("%s: threads were offered %d turns of %d", k.name, n, k.turns)
		}
	}
}

// TestSlicesChangeNothing: what is spent and where it ends is the same whether fuel
// comes in slices or at once.
func TestSlicesChangeNothing(t *testing.T) {
	loops := wasmtest.NewMachine(wasmtest.Loop, wasmtest.Br(0), wasmtest.End, wasmtest.Unreachable).Bytes()
	var spent []int64
	for _, budget := range []int64{1, 1000, 1 << 19, 1<<19 + 1, 3 << 19, 10_000_000} {
		i := start(t, shared, loops, plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: budget}})
		if got := apply(t, i, 1, "x")[0][:2]; got != "-4" {
			t.Fatalf("budget %d: %s", budget, got)
		}
		// A round costs a few units; what is beyond the budget is less than one.
		if over := i.FuelUsed() - budget; over <= 0 || over > 40 {
			t.Errorf("budget %d: %d were spent", budget, i.FuelUsed())
		}
		spent = append(spent, i.FuelUsed())
	}
	if !slices.IsSorted(spent) {
		t.Errorf("spent %v", spent)
	}
}
