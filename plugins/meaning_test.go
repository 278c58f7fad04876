package plugins_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/wasm"
)

// checkMeaning runs a generated module as it was written and instrumented, and
// wants the same of both: results, traps, memory, globals. The stack budget must
// be whole again after every call that returned.
func checkMeaning(t *testing.T, choices []byte) {
	binary := wasmtest.Generate(choices)
	rewritten := instrumented(t, binary)
	if again := instrumented(t, binary); !bytes.Equal(again, rewritten) {
		t.Fatal("the pass is not a function of its input")
	}
	checkCosts(t, binary, rewritten)
	a, b := raw(t, binary), raw(t, rewritten)
	chance := rand.New(rand.NewPCG(1, uint64(len(choices))))
	for _, f := range []string{"f3", "f2", "f1", "f0", "f3"} {
		args := []uint64{uint64(uint32(chance.Uint32())), chance.Uint64(), uint64(chance.Uint32()), chance.Uint64()}
		x, y := a.call(f, args...), b.call(f, args...)
		if x != y {
			t.Fatalf("%s%v: %s as written, %s instrumented", f, args, x, y)
		}
		sameState(t, f, a, b, "g0", "g1", "g2", "g3")
		b.takeMarks(t, f)
		trapped := len(x) > 0 && x[0] == 'w'
		if !trapped && b.stack.Get() != plenty {
			t.Fatalf("%s: the stack budget is %d after a return, want %d", f, b.stack.Get(), uint64(plenty))
		}
		if spent := plenty - int64(b.fuel.Get()); spent <= 0 {
			t.Fatalf("%s spent %d", f, spent)
		}
	}
}

// checkCosts holds the estimate of compiling to its word: no body may be dearer
// than was foreseen when the module was admitted.
func checkCosts(t *testing.T, binary, rewritten []byte) {
	t.Helper()
	before, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := wasm.Read(rewritten, wasm.Limits{})
	if err != nil {
		t.Fatalf("the validator refuses what the pass made: %v", err)
	}
	for n := range before.Bodies {
		foreseen, is := before.Bodies[n].InstrumentedCost, after.Bodies[n].CompileCost
		if is > foreseen {
			t.Fatalf("function %d: %d units to compile, %d were foreseen", n, is, foreseen)
		}
	}
}

// draws are the choices of one generated module.
func draws(seed uint64, n int) []byte {
	chance := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(chance.Uint32())
	}
	return b
}

func TestMeaningOfGeneratedModules(t *testing.T) {
	modules := uint64(300)
	if testing.Short() {
		modules = 40
	}
	for seed := range modules {
		checkMeaning(t, draws(seed, int(seed*7)%2500))
	}
}

func FuzzMeaning(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(draws(seed, 400))
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 3000 {
			return
		}
		checkMeaning(t, choices)
	})
}
