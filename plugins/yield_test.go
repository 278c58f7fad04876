package plugins_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
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
