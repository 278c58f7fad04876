package plugins

import (
	"encoding/binary"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/instrument"
)

// meter holds what one call into a guest may spend. The instrumented module
// counts both budgets down in globals of its own (package instrument); the host
// fills them before a call and judges by them afterwards. They are no state:
// nothing of one call's budget is left to the next.
type meter struct {
	fuel, stack, reserve api.MutableGlobal

	budget int64 // fuel of this call
	held   int64 // of which the call may not spend so much
	frames int64 // bytes of stack of this call
}

// fill sets both budgets.
func (m *meter) fill(fuel, stack int64) {
	m.budget, m.held, m.frames = fuel, 0, stack
	m.grant(fuel)
	m.stack.Set(uint64(stack))
}

// hold keeps so much of the fuel back: a call that is tried out with little sees
// what one with all of it would.
func (m *meter) hold(n int64) {
	m.held = n
	m.grant(m.budget - n)
}

// grant gives the call so much to spend, the first slice of it at once.
func (m *meter) grant(fuel int64) {
	slice := min(fuel, instrument.SliceFuel)
	m.fuel.Set(uint64(slice))
	m.reserve.Set(uint64(fuel - slice))
}

// left is the fuel that is left, at least 0.
func (m *meter) left() int64 { return max(0, m.rest()+m.held) }

// rest is fuel and reserve together, below 0 when more was spent than there was.
func (m *meter) rest() int64 { return int64(m.fuel.Get()) + int64(m.reserve.Get()) }

// empty reports that more was spent than there was.
func (m *meter) empty() bool { return m.rest() < 0 }

// exhausted reports that more stack was claimed than there was. It is so only
// after a trap: a function that returns gives its frame back.
func (m *meter) exhausted() bool { return int64(m.stack.Get()) < 0 }

// used is what was spent since fill. It may exceed the budget a little.
func (m *meter) used() int64 { return m.budget - m.held - m.rest() }

// spend takes n from the fuel and reports whether that was there.
func (m *meter) spend(n int64) bool {
	m.fuel.Set(m.fuel.Get() - uint64(n))
	return !m.empty()
}

func (m *meter) outOfFuel() string {
	return fmt.Sprintf("out of fuel: the call may spend %d", m.budget)
}

func (m *meter) outOfStack() string {
	return fmt.Sprintf("stack exhausted: the call may claim %d bytes", m.frames)
}

// entryFuel is the budget of an encoded entry: that of its commands together,
// up to the limit.
func (l Limits) entryFuel(input []byte) int64 {
	n := int64(binary.LittleEndian.Uint32(input))
	if n > l.FuelEntryMax/l.FuelCommandMax {
		return l.FuelEntryMax
	}
	return n * l.FuelCommandMax
}

// callFuel is the budget of a call that is no entry, for so many bytes of memory.
func (l Limits) callFuel(memoryBytes int64) int64 { return l.FuelBase + l.FuelPerByte*memoryBytes }
