package plugins_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/bare"
)

// TestGeneratedModulesInTheRuntime makes machines of generated modules. Whatever a
// call wrote must have been marked (Audit), a call that trapped must leave what was
// there before, and one that did not what it leaves in the bare engine.
func TestGeneratedModulesInTheRuntime(t *testing.T) {
	modules := uint64(150)
	if testing.Short() {
		modules = 25
	}
	traps, returns := 0, 0
	for seed := range modules {
		x, y := inTheRuntime(t, seed)
		traps, returns = traps+x, returns+y
	}
	if traps == 0 || returns == 0 {
		t.Errorf("%d calls trapped, %d returned", traps, returns)
	}
}

// inTheRuntime calls the functions of one module until one traps in the bare
// engine, which undoes nothing, and goes on without it.
func inTheRuntime(t *testing.T, seed uint64) (traps, returns int) {
	ctx := context.Background()
	binary := wasmtest.Generate(draws(seed, 300+int(seed*17)%2000))
	machine, err := asMachine(binary)
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, plugins.Config{})
	i := start(t, e, machine, plugins.InstanceConfig{})
	w := bare.NewWorld(ctx, bare.Config{MemoryPagesMax: 64})
	defer w.Close(ctx)
	written, err := w.Start(ctx, binary, "")
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(seed, 5))
	for _, f := range []string{"f3", "f2", "f1", "f0", "f3", "f1", "f2", "f3"} {
		args := []uint64{uint64(chance.Uint32()), chance.Uint64(), uint64(chance.Uint32()), chance.Uint64()}
		before := bytes.Clone(i.Memory())
		_, _, r, err := i.Invoke(ctx, f, args)
		if err == nil {
			err = i.Audit()
		}
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, f, err)
		}
		if r.Status != plugins.StatusOK {
			traps++
			if !bytes.Equal(i.Memory(), before) {
				t.Fatalf("seed %d, %s: %s left a trace", seed, f, r.Data)
			}
		}
		if traps > 0 {
			continue
		}
		returns++
		if o, err := written.Invoke(ctx, f, args...); err != nil || o.Trap != "" || !bytes.Equal(i.Memory(), written.Memory("memory")) {
			t.Fatalf("seed %d, %s: as written %v, %v, or another memory", seed, f, o, err)
		}
	}
	return traps, returns
}
