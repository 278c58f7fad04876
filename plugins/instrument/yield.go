package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Yield. Compiled code cannot be preempted: while it runs, the Go runtime can
// neither give its processor to anybody else nor stop the world to collect garbage,
// for which everybody then waits. A loop that runs until its fuel ends would hold up
// the whole process for seconds.
//
// So fuel is handed out in slices. Where fuel is looked at and there is none, code
// leaves for the host and comes back: it asks for so much memory that there would be
// WayOutPages of it, which no guest may have, so the host's allocator refuses, and knows what
// is meant. Then code takes the next slice out of the reserve, and traps only when that was not enough. Fuel and reserve together are what they would
// be without slices, so nothing that a machine computes depends on SliceFuel.

// SliceFuel is how much fuel code may spend between two chances for the host's
// scheduler: some 100 us, so that who has to wait for one waits no longer than for a
// disk. The way out and back takes less than a hundredth of it.
const SliceFuel = 1 << 17

// WayOutPages is the size of memory, in pages of 64 KiB and with the map, for which
// code asks when it only wants to give others their turn. A host must refuse it.
const WayOutPages = enginePagesMax

// yield appends the way out and back, the next slice, and a trap if fuel, or for a
// framed function the stack, is below zero all the same. The trap is a division,
// since another block would cost the compiler more.
func (f *function) yield(framed bool) {
	if f.pass.hasMemory { // as every machine has
		f.wayOut()
	}
	// slice = min(reserve, SliceFuel - fuel)
	slice := f.local(abi.I64, 0)
	f.number(SliceFuel)
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	f.op(opI64Sub)
	f.indexed(wasm.OpLocalTee, slice)
	f.indexed(wasm.OpGlobalGet, f.pass.reserve)
	f.indexed(wasm.OpLocalGet, slice)
	f.indexed(wasm.OpGlobalGet, f.pass.reserve)
	f.op(opI64LtS)
	f.op(wasm.OpSelect)
	f.indexed(wasm.OpLocalSet, slice)
	f.move(f.pass.fuel, slice, opI64Add)
	f.move(f.pass.reserve, slice, opI64Sub)
	f.constant(1)
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	if framed {
		f.indexed(wasm.OpGlobalGet, f.pass.stack)
		f.op(opI64Or)
	}
	f.number(0)
	f.op(opI64GeS)
	f.op(opI32DivU)
	f.op(wasm.OpDrop)
}

// wayOut appends what leaves for the host and comes back.
func (f *function) wayOut() {
	f.constant(WayOutPages)
	f.code = append(f.code, byte(wasm.OpMemorySize), 0)
	f.op(opI32Sub)
	f.code = append(f.code, byte(wasm.OpMemoryGrow), 0)
	f.op(wasm.OpDrop)
}

// move adds a local to a global, or takes it from there.
func (f *function) move(global, local uint32, op wasm.Opcode) {
	f.indexed(wasm.OpGlobalGet, global)
	f.indexed(wasm.OpLocalGet, local)
	f.op(op)
	f.indexed(wasm.OpGlobalSet, global)
}
