package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
)

// guest is one running copy of a module with its host state: the live one of an
// Instance, which is the machine's state, or that of a Fork.
type guest struct {
	module  api.Module
	memory  *linearMemory
	globals []api.MutableGlobal
	host    host
	ctx     *callContext

	alloc, apply, query, snapshot, restore api.Function

	// stack carries arguments and results of a call; kept to save allocations.
	stack [2]uint64
}

// newGuest instantiates a module without running anything of it.
func newGuest(ctx context.Context, m *Module, l Limits, seed [32]byte) (*guest, error) {
	if m.MemoryBytesMin() > l.MemoryBytesMax {
		return nil, fmt.Errorf("plugins: the module starts with %d bytes of memory, the machine may have %d", m.MemoryBytesMin(), l.MemoryBytesMax)
	}
	g := &guest{memory: &linearMemory{limit: l.MemoryBytesMax}}
	g.host = host{limits: l, seed: seed, semantics: m.semantics, memory: g.memory}
	g.ctx = newCallContext(&g.host)
	if err := g.instantiate(ctx, m); err != nil {
		return nil, err
	}
	g.memory.engine = g.module.Memory()
	g.bindFunctions()
	if err := g.bindGlobals(m); err != nil {
		return nil, errors.Join(err, g.close(ctx))
	}
	return g, nil
}

// bindFunctions gets new handles on the exports. Each handle owns a stack of the
// engine's, which only grows: after the budget for it was exhausted the handles
// are replaced, so that a guest does not keep tens of megabytes for it.
func (g *guest) bindFunctions() {
	g.alloc = g.module.ExportedFunction(abi.ExportAlloc)
	g.apply = g.module.ExportedFunction(abi.ExportApply)
	g.query = g.module.ExportedFunction(abi.ExportQuery)
	g.snapshot = g.module.ExportedFunction(abi.ExportSnapshot)
	g.restore = g.module.ExportedFunction(abi.ExportRestore)
}

// bindGlobals finds the globals that are state, and those of the meter.
func (g *guest) bindGlobals(m *Module) error {
	bind := func(name string) (api.MutableGlobal, error) {
		mutable, ok := g.module.ExportedGlobal(name).(api.MutableGlobal)
		if !ok {
			return nil, fmt.Errorf("plugins: global %s is not exported as mutable", name)
		}
		return mutable, nil
	}
	for _, global := range m.globals {
		mutable, err := bind(global.Name)
		if err != nil {
			return err
		}
		g.globals = append(g.globals, mutable)
	}
	var err error
	if g.host.meter.fuel, err = bind(instrument.FuelExport); err != nil {
		return err
	}
	if g.host.meter.reserve, err = bind(instrument.ReserveExport); err != nil {
		return err
	}
	g.host.meter.stack, err = bind(instrument.StackExport)
	return err
}

// instantiate asks the engine for an instance. The engine panics when memory
// can't be had, which is trouble of this host and no verdict on the module.
func (g *guest) instantiate(ctx context.Context, m *Module) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("plugins: instantiate: no memory for %d bytes: %v", g.memory.limit, p)
		}
	}()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	ctx = experimental.WithMemoryAllocator(context.WithoutCancel(ctx), g.memory)
	g.module, err = m.engine.runtime.InstantiateModule(ctx, m.compiled, config)
	if err != nil {
		return fmt.Errorf("plugins: instantiate: %w", err)
	}
	return nil
}

// call runs an export. A *fault is the guest's, any other error the host's.
// The result, if there is one, is g.stack[0].
func (g *guest) call(f api.Function, args ...uint64) error {
	g.stack = [2]uint64{}
	copy(g.stack[:], args)
	err := f.CallWithStack(g.ctx, g.stack[:])
	if err == nil && !g.host.meter.empty() {
		return nil
	}
	return g.explain(err)
}

const (
	engineTrapPrefix  = "wasm error: "
	engineStackText   = "stack overflow"
	enginePanicSuffix = "Go runtime stack trace:"
)

// explain turns the engine's error into a fault whose text is the same on
// every replica: the name of the trap and the guest's own last words, without
// the engine's stack trace. A call that ends with fuel below zero is out of
// fuel, whatever it ended with (nil included): the trap that instrumented code
// ends it with is a plain unreachable.
func (g *guest) explain(err error) error {
	f, err := trapOf(err)
	meter := &g.host.meter
	switch {
	case err != nil:
		return err
	case meter.empty():
		return g.withLastWords(&fault{StatusFuel, meter.outOfFuel()})
	case f.status == StatusTrap && meter.exhausted():
		g.bindFunctions()
		return g.withLastWords(&fault{StatusStack, meter.outOfStack()})
	}
	return g.withLastWords(f)
}

// trapOf finds what the guest did wrong in the engine's error; a second error
// means that the guest did nothing wrong.
func trapOf(err error) (*fault, error) {
	var f *fault
	var x *exit
	switch {
	case err == nil:
		return &fault{}, nil
	case errors.As(err, &f):
		return f, nil
	case errors.As(err, &x):
		return &fault{StatusTrap, x.Error()}, nil
	}
	first, rest, _ := strings.Cut(err.Error(), "\n")
	first = strings.TrimPrefix(first, engineTrapPrefix)
	if first == engineStackText {
		// Invariant: the budget ends before the engine's stack does.
		return nil, fmt.Errorf("plugins: call: the engine's own stack ended before the budget: %w", err)
	}
	if strings.Contains(rest, enginePanicSuffix) || !strings.HasPrefix(err.Error(), engineTrapPrefix) {
		return nil, fmt.Errorf("plugins: call: %w", err)
	}
	return &fault{StatusTrap, first}, nil
}

// withLastWords adds what the guest said with set_error, or else on stderr.
func (g *guest) withLastWords(f *fault) *fault {
	words := g.host.failure
	if words == "" {
		words = g.host.output.firstComplaint()
	}
	if words == "" {
		return f
	}
	return &fault{f.status, f.text + ": " + words}
}

// pass asks the guest where to put bytes and puts them there.
func (g *guest) pass(data []byte) (ptr uint32, err error) {
	if err := g.call(g.alloc, uint64(uint32(len(data)))); err != nil {
		return 0, err
	}
	ptr = uint32(g.stack[0])
	if ptr == 0 {
		return 0, &fault{StatusLimits, fmt.Sprintf("the module refused a buffer of %d bytes", len(data))}
	}
	if !g.memory.write(ptr, data) {
		return 0, &fault{StatusMalformed, fmt.Sprintf("%s returned a buffer outside of memory", abi.ExportAlloc)}
	}
	return ptr, nil
}

// exchange passes bytes to apply or query and returns a view of the answer,
// valid until the next call.
func (g *guest) exchange(f api.Function, data []byte) ([]byte, error) {
	ptr, err := g.pass(data)
	if err != nil {
		return nil, err
	}
	if err := g.call(f, uint64(ptr), uint64(uint32(len(data)))); err != nil {
		return nil, err
	}
	at, n := uint32(g.stack[0]>>32), uint32(g.stack[0])
	if int64(n) > int64(g.host.limits.ResultBytesMax) {
		return nil, &fault{StatusLimits, fmt.Sprintf("the answer has %d bytes, the limit is %d", n, g.host.limits.ResultBytesMax)}
	}
	answer, ok := g.memory.read(at, n)
	if !ok {
		return nil, &fault{StatusMalformed, "the answer lies outside of memory"}
	}
	return answer, nil
}

func (g *guest) close(ctx context.Context) error {
	if g == nil || g.module == nil {
		return nil
	}
	return g.module.Close(context.WithoutCancel(ctx))
}
