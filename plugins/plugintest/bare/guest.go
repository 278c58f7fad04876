package bare

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
)

// ErrBudget says that a call of rewritten code ended for want of fuel, that a
// frame was not given back, or that the engine's stack ended before the budget:
// a fault of the pass.
var ErrBudget = errors.New("bare: the budgets are not as they should be")

// Guest is a running module.
type Guest struct {
	world                *World
	module               api.Module
	fuel, reserve, stack api.MutableGlobal // nil as it was written
	shift                uint32
}

// Shift is how many bytes the pass keeps before the guest's own memory.
func (g *Guest) Shift() uint32 { return g.shift }

// Invoke calls an export with plenty of everything. A trap is an outcome; errors
// are for exports that aren't there and for faults of engine and pass.
func (g *Guest) Invoke(ctx context.Context, name string, args ...uint64) (Outcome, error) {
	f := g.module.ExportedFunction(name)
	if f == nil {
		return Outcome{}, fmt.Errorf("bare: function %q is not exported", name)
	}
	g.world.refuel()
	results, err := f.Call(ctx, args...)
	o := Outcome{Results: results}
	for _, t := range f.Definition().ResultTypes() {
		o.Types = append(o.Types, abi.ValueType(t))
	}
	if err != nil {
		text, ok := trapOf(err)
		if !ok {
			return o, fmt.Errorf("bare: call %q: %w", name, err)
		}
		o.Trap, o.Exhausted = text, text == trapOverflow
	}
	return o, g.world.audit(&o)
}

func (w *World) refuel() {
	if !w.config.Rewritten {
		return
	}
	for _, g := range w.guests {
		g.refuel()
	}
}

// refuel fills the meter, fuel by its first slice as the host does.
func (g *Guest) refuel() {
	g.fuel.Set(instrument.SliceFuel)
	g.reserve.Set(FuelPlenty - instrument.SliceFuel)
	g.stack.Set(StackBytes)
}

// audit looks at the meters after a call.
func (w *World) audit(o *Outcome) error {
	if !w.config.Rewritten {
		return nil
	}
	if o.Exhausted {
		return fmt.Errorf("%w: the engine's stack ended before the budget", ErrBudget)
	}
	for _, g := range w.guests {
		fuel, stack := int64(g.fuel.Get())+int64(g.reserve.Get()), int64(g.stack.Get())
		o.Exhausted = o.Exhausted || stack < 0
		o.Fuel += FuelPlenty - fuel
		if fuel < 0 || int64(g.reserve.Get()) < 0 || o.Trap == "" && stack != StackBytes {
			return fmt.Errorf("%w: fuel %d, stack %d", ErrBudget, fuel, stack)
		}
	}
	return nil
}

// Global reads an exported global; ok is false if there is none.
func (g *Guest) Global(name string) (t abi.ValueType, bits uint64, ok bool) {
	global := g.module.ExportedGlobal(name)
	if global == nil {
		return 0, 0, false
	}
	return abi.ValueType(global.Type()), global.Get(), true
}

// Memory is what the guest sees as its memory, by the name of its export; nil if
// there is none. It is valid until the next call.
func (g *Guest) Memory(export string) []byte {
	m := g.module.ExportedMemory(export)
	if m == nil {
		return nil
	}
	b, _ := m.Read(g.shift, m.Size()-g.shift)
	return b
}

// Equal compares two values bit for bit.
func Equal(t abi.ValueType, a, b uint64) bool {
	if t == abi.I32 || t == abi.F32 {
		return uint32(a) == uint32(b)
	}
	return a == b
}

// EqualNaN compares two values bit for bit; all NaNs are equal.
func EqualNaN(t abi.ValueType, a, b uint64) bool {
	switch t {
	case abi.F32:
		if math.IsNaN(float64(api.DecodeF32(a))) && math.IsNaN(float64(api.DecodeF32(b))) {
			return true
		}
	case abi.F64:
		if math.IsNaN(api.DecodeF64(a)) && math.IsNaN(api.DecodeF64(b)) {
			return true
		}
	}
	return Equal(t, a, b)
}
