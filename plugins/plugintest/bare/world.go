package bare

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

// What each call may spend where modules are rewritten. The stack is what machines
// get by default: calls that exhaust it must not reach the engine's own end.
const (
	FuelPlenty = 1 << 60
	StackBytes = 32 << 20
)

// Config says what a world is like.
type Config struct {
	// Rewritten: modules go through the pass before they are started.
	Rewritten bool
	// Interpreted: they are interpreted and not compiled.
	Interpreted bool
	// MemoryPagesMax bounds what memories may grow to, in pages of 64 KiB as the
	// guests count them. Default 65,536.
	MemoryPagesMax uint32
}

const (
	pageBytes   = 65536
	formatPages = 65536
	shiftPages  = 16 // room for what the pass may keep in a memory
)

// World is an engine and the guests in it.
type World struct {
	config  Config
	runtime wazero.Runtime
	guests  []*Guest
}

// NewWorld starts an engine with the features that machines may use.
func NewWorld(ctx context.Context, c Config) *World {
	rc := wazero.NewRuntimeConfigCompiler()
	if c.Interpreted {
		rc = wazero.NewRuntimeConfigInterpreter()
	}
	pages := uint32(formatPages)
	if c.Rewritten {
		pages = instrument.WayOutPages - 1
	}
	if c.MemoryPagesMax > 0 && c.Rewritten {
		pages = min(pages, c.MemoryPagesMax+shiftPages)
	} else if c.MemoryPagesMax > 0 {
		pages = min(formatPages, c.MemoryPagesMax)
	}
	rc = rc.WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)).WithMemoryLimitPages(pages)
	return &World{config: c, runtime: wazero.NewRuntimeWithConfig(ctx, rc)}
}

// Close ends all guests.
func (w *World) Close(ctx context.Context) error { return w.runtime.Close(ctx) }

// Provide starts a module as it is written, from which others import, under the
// name that it has in its custom section.
func (w *World) Provide(ctx context.Context, binary []byte) error {
	_, err := w.runtime.InstantiateWithConfig(ctx, binary, wazero.NewModuleConfig())
	return err
}

// Compile says whether the engine takes a module, after the pass where there is
// one: nil, or why not.
func (w *World) Compile(ctx context.Context, binary []byte) error {
	code, err := w.code(binary)
	if err != nil {
		return err
	}
	m, err := w.runtime.CompileModule(ctx, code)
	if err != nil {
		return err
	}
	return m.Close(ctx)
}

func (w *World) code(binary []byte) ([]byte, error) {
	if !w.config.Rewritten {
		return binary, nil
	}
	return Rewrite(binary)
}

// Rewrite instruments a module and has the validator read the result.
func Rewrite(binary []byte) ([]byte, error) {
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	out, err := instrument.Rewrite(binary, m)
	if err != nil {
		return nil, err
	}
	if _, err := wasm.Read(out.Binary, wasm.Limits{Rewritten: true}); err != nil {
		return nil, fmt.Errorf("bare: the validator refuses what the pass made: %w", err)
	}
	return out.Binary, nil
}

// Start starts a module under a name from which others import, without running
// anything of it. The name may be empty.
func (w *World) Start(ctx context.Context, binary []byte, name string) (*Guest, error) {
	code, err := w.code(binary)
	if err != nil {
		return nil, err
	}
	m, err := w.runtime.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("bare: instantiate: %w", err)
	}
	g := &Guest{world: w, module: m}
	if w.config.Rewritten {
		g.fuel, _ = m.ExportedGlobal(instrument.FuelExport).(api.MutableGlobal)
		g.reserve, _ = m.ExportedGlobal(instrument.ReserveExport).(api.MutableGlobal)
		g.stack, _ = m.ExportedGlobal(instrument.StackExport).(api.MutableGlobal)
		if g.shift, err = memoryShift(binary, code); err != nil {
			return nil, err
		}
	}
	w.guests = append(w.guests, g)
	return g, nil
}

// memoryShift is how many bytes the pass keeps for itself before the memory of a
// module.
func memoryShift(binary, rewritten []byte) (uint32, error) {
	a, errA := wasm.Read(binary, wasm.Limits{})
	b, errB := wasm.Read(rewritten, wasm.Limits{Rewritten: true})
	if err := errors.Join(errA, errB); err != nil {
		return 0, err
	}
	return (b.MemoryPages - a.MemoryPages) * pageBytes, nil
}

// Outcome is what came of a call.
type Outcome struct {
	Trap      string // the engine's name of it; "" for none
	Exhausted bool   // the stack was
	Results   []uint64
	Types     []abi.ValueType
	Fuel      int64 // spent; 0 as written
}

// String draws the outcome without the fuel.
func (o Outcome) String() string {
	if o.Trap != "" {
		return "trap: " + o.Trap
	}
	return fmt.Sprintf("%#x", o.Results)
}

const (
	trapPrefix   = "wasm error: "
	trapOverflow = "stack overflow"
)

// trapOf finds the engine's name of a trap; ok is false if the error is none.
func trapOf(err error) (text string, ok bool) {
	first, _, _ := strings.Cut(err.Error(), "\n")
	text, ok = strings.CutPrefix(first, trapPrefix)
	return text, ok || text == trapOverflow
}
