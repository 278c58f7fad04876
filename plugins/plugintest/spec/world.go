package spec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

// What each call may spend in the rewritten world. The stack is what machines
// get by default; the scripts that exhaust it must not reach the engine's own end.
const (
	fuelPlenty = 1 << 60
	stackBytes = 32 << 20
)

// world is an engine with the modules of one script.
type world struct {
	runtime   wazero.Runtime
	rewritten bool
	meters    []*guest // all guests of the script: a call may lead into any
}

// newWorld starts an engine with the features that machines may use.
func newWorld(ctx context.Context, folder string, rewritten bool) (*world, error) {
	host, err := os.ReadFile(filepath.Join(folder, hostModuleFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSuite, err)
	}
	config := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false))
	w := &world{runtime: wazero.NewRuntimeWithConfig(ctx, config), rewritten: rewritten}
	if _, err := w.runtime.InstantiateWithConfig(ctx, host, wazero.NewModuleConfig()); err != nil {
		return nil, errors.Join(fmt.Errorf("spec: the module spectest: %w", err), w.close(ctx))
	}
	return w, nil
}

func (w *world) close(ctx context.Context) error { return w.runtime.Close(ctx) }

// guest is a module of the script in one of the worlds.
type guest struct {
	of          *adapted
	module      api.Module
	fuel, stack api.MutableGlobal // nil as it was written
	// shift is the number of bytes before the guest's own memory.
	shift uint32
}

// rewrite instruments a module and has the validator read the result.
func rewrite(original []byte) ([]byte, error) {
	m, err := wasm.Read(original, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	out, err := instrument.Rewrite(original, m)
	if err != nil {
		return nil, err
	}
	if _, err := wasm.Read(out.Binary, wasm.Limits{Rewritten: true}); err != nil {
		return nil, fmt.Errorf("spec: the validator refuses what the pass made: %w", err)
	}
	return out.Binary, nil
}

// instantiate starts a module and calls its start function. A trap in there is
// in the outcome, everything else is an error.
func (w *world) instantiate(ctx context.Context, a *adapted, name string) (*guest, outcome, error) {
	code := a.binary
	if w.rewritten {
		var err error
		if code, err = rewrite(code); err != nil {
			return nil, outcome{}, err
		}
	}
	m, err := w.runtime.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	if err != nil {
		return nil, outcome{}, fmt.Errorf("spec: instantiate: %w", err)
	}
	g := &guest{of: a, module: m}
	if w.rewritten {
		g.fuel, _ = m.ExportedGlobal(instrument.FuelExport).(api.MutableGlobal)
		g.stack, _ = m.ExportedGlobal(instrument.StackExport).(api.MutableGlobal)
		if g.shift, err = memoryShift(a.binary, code); err != nil {
			return nil, outcome{}, err
		}
	}
	w.meters = append(w.meters, g)
	if !a.started {
		return g, outcome{}, nil
	}
	o, err := w.invoke(ctx, g, exportStart, nil)
	return g, o, err
}

// compile rewrites a module and compiles it, without starting it.
func (w *world) compile(ctx context.Context, original []byte) (wazero.CompiledModule, error) {
	code, err := rewrite(original)
	if err != nil {
		return nil, err
	}
	return w.runtime.CompileModule(ctx, code)
}

// memoryShift is how many bytes the pass keeps for itself before the memory of a
// module. Reports want it to be the same for all.
func memoryShift(original, rewritten []byte) (uint32, error) {
	a, errA := wasm.Read(original, wasm.Limits{})
	b, errB := wasm.Read(rewritten, wasm.Limits{Rewritten: true})
	if err := errors.Join(errA, errB); err != nil {
		return 0, err
	}
	return (b.MemoryPages - a.MemoryPages) * pageBytes, nil
}

const pageBytes = 65536

// memory is what the guest sees as its memory; nil without one.
func (g *guest) memory() []byte {
	if !g.of.memory {
		return nil
	}
	m := g.module.ExportedMemory(exportMemory)
	b, _ := m.Read(g.shift, m.Size()-g.shift)
	return b
}

// outcome is what came of a call.
type outcome struct {
	trap      string // "" for none
	exhausted bool   // the stack was
	results   []uint64
	types     []api.ValueType
}

func (o outcome) String() string {
	if o.trap != "" {
		return "trap: " + o.trap
	}
	return fmt.Sprintf("%#x", o.results)
}

const (
	trapPrefix   = "wasm error: "
	trapOverflow = "stack overflow"
	trapBounds   = "out of bounds memory access"
)

// errBudget says that a call in the rewritten world ended for want of fuel, or
// that a frame wasn't given back.
var errBudget = errors.New("spec: the budgets are not as they should be")

// invoke calls an export with plenty of everything.
func (w *world) invoke(ctx context.Context, g *guest, name string, args []uint64) (outcome, error) {
	f := g.module.ExportedFunction(name)
	if f == nil {
		return outcome{}, fmt.Errorf("spec: function %q is not exported", name)
	}
	w.refuel()
	results, err := f.Call(ctx, args...)
	o := outcome{results: results, types: f.Definition().ResultTypes()}
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		text, ok := strings.CutPrefix(first, trapPrefix)
		if !ok && first != trapOverflow {
			return o, fmt.Errorf("spec: call %q: %w", name, err)
		}
		o.trap, o.exhausted = text, text == trapOverflow
	}
	return o, w.audit(&o)
}

func (w *world) refuel() {
	for _, g := range w.meters {
		if w.rewritten {
			g.fuel.Set(fuelPlenty)
			g.stack.Set(stackBytes)
		}
	}
}

// audit looks at the meters after a call.
func (w *world) audit(o *outcome) error {
	if !w.rewritten {
		return nil
	}
	if o.exhausted {
		return fmt.Errorf("%w: the engine's stack ended before the budget", errBudget)
	}
	for _, g := range w.meters {
		fuel, stack := int64(g.fuel.Get()), int64(g.stack.Get())
		o.exhausted = o.exhausted || stack < 0
		if fuel < 0 || o.trap == "" && stack != stackBytes {
			return fmt.Errorf("%w: fuel %d, stack %d", errBudget, fuel, stack)
		}
	}
	return nil
}

// sameState compares what two guests hold. Bytes that are part of a NaN on both
// sides may differ.
func sameState(a, b *guest) error {
	for _, name := range a.of.globals {
		x, y := a.module.ExportedGlobal(name), b.module.ExportedGlobal(name)
		if !sameNumber(x.Type(), x.Get(), y.Get()) {
			return fmt.Errorf("%s is %#x as written, %#x rewritten", name, x.Get(), y.Get())
		}
	}
	x, y := a.memory(), b.memory()
	if len(x) != len(y) {
		return fmt.Errorf("memory has %d bytes as written, %d rewritten", len(x), len(y))
	}
	if bytes.Equal(x, y) {
		return nil
	}
	for i := range x {
		if x[i] != y[i] {
			return fmt.Errorf("memory at %#x is %#02x as written, %#02x rewritten", i, x[i], y[i])
		}
	}
	return nil
}
