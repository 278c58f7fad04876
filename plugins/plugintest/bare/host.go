package bare

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Offer gives the world what a machine imports, so that it can be started as it
// was written: WASI as the engine has it, and functions that answer 0 for all
// others. Such a machine is for measuring and not for rewriting, since the
// engine's WASI knows nothing of where the pass puts a memory.
func (w *World) Offer(ctx context.Context, binary []byte) error {
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		return err
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, im := range m.Imports {
		if im.Module == abi.WASIModule || w.runtime.Module(im.Module) != nil {
			continue
		}
		b, ok := builders[im.Module]
		if !ok {
			b = w.runtime.NewHostModuleBuilder(im.Module)
			builders[im.Module] = b
		}
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(answerZero), types(im.Type.Params), types(im.Type.Results)).Export(im.Name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("bare: offer %s: %w", name, err)
		}
	}
	if w.runtime.Module(abi.WASIModule) == nil {
		_, err = wasi_snapshot_preview1.Instantiate(ctx, w.runtime)
	}
	return err
}

func answerZero(_ context.Context, stack []uint64) {
	if len(stack) > 0 {
		stack[0] = 0
	}
}

func types(ts []abi.ValueType) (out []api.ValueType) {
	for _, t := range ts {
		out = append(out, api.ValueType(t))
	}
	return out
}

// Function is an export that is called often.
type Function struct {
	guest *Guest
	f     api.Function
}

// Function finds an export; nil if there is none.
func (g *Guest) Function(name string) *Function {
	f := g.module.ExportedFunction(name)
	if f == nil {
		return nil
	}
	return &Function{guest: g, f: f}
}

// Call calls the export with what lies on the stack, which holds the results
// afterwards. The guest's meter is filled before; traps are errors.
func (f *Function) Call(ctx context.Context, stack []uint64) error {
	if f.guest.fuel != nil {
		f.guest.refuel()
	}
	return f.f.CallWithStack(ctx, stack)
}
