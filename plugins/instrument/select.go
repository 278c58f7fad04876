package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// choose copies a select. Between floats it chooses by their bits, as integers.
//
// Why: the engine's compiler for amd64 makes a select of floats a move that it may not do, and
// does not tell its register allocator that what was there before matters then (wazero 1.12, its
// issue 2534). With the second float in a register that is needed for something else, what comes
// of it is the first one, or whatever that register held. It tells so of integers.
func (f *function) choose(in wasm.Instruction) {
	t := f.types.chosen()
	if !isFloat(t) {
		f.copied(in)
		return
	}
	condition := f.local(abi.I32, 0)
	bits, n := abi.I64, 0
	if t == abi.F32 {
		bits, n = abi.I32, 1 // the condition has the first
	}
	second := f.local(bits, n)
	f.indexed(wasm.OpLocalSet, condition)
	f.op(toBits(t))
	f.indexed(wasm.OpLocalSet, second)
	f.op(toBits(t))
	f.operands(second, condition)
	f.op(wasm.OpSelect)
	f.op(fromBits(t))
}

// toBits is the instruction that takes a float for an integer.
func toBits(t abi.ValueType) wasm.Opcode {
	if t == abi.F32 {
		return opI32Reinter
	}
	return opI64Reinter
}

// fromBits is the way back.
func fromBits(t abi.ValueType) wasm.Opcode {
	if t == abi.F32 {
		return opF32Reinter
	}
	return wasm.OpF64Reinter
}
