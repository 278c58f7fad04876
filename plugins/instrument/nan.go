package instrument

import (
	"encoding/binary"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// NaN. Arithmetic that ends in a NaN may choose its sign and payload, and
// processors choose differently. After such an operation every NaN is replaced
// by the canonical one. Operations that only move or flip bits (neg, abs,
// copysign, loads, reinterpretations) leave them as they are. When the next
// instruction takes the value and its own result doesn't depend on the bits,
// nobody can see them, and the replacement is left to that one.

// Bits of the canonical NaNs.
const (
	canonical32 uint32 = 0x7fc00000
	canonical64 uint64 = 0x7ff8000000000000
)

// makesNaN gives the type of the NaN with which an instruction may end.
var makesNaN = buildMakesNaN()

func buildMakesNaN() (t [wasm.OpcodesMax]abi.ValueType) {
	for op := wasm.OpF32Ceil; op <= wasm.OpF32Max; op++ {
		t[op] = abi.F32 // rounding, sqrt, arithmetic, min, max
	}
	for op := wasm.OpF64Ceil; op <= wasm.OpF64Max; op++ {
		t[op] = abi.F64
	}
	t[wasm.OpF32Demote], t[wasm.OpF64Promote] = abi.F32, abi.F64
	return t
}

// blindToNaN are the instructions that take a float from the top of the stack
// and whose effect is the same for every NaN.
var blindToNaN = buildBlindToNaN()

func buildBlindToNaN() (t [wasm.OpcodesMax]bool) {
	for op := range t {
		t[op] = makesNaN[op] != 0
	}
	for op := wasm.OpF32Eq; op <= wasm.OpF64Ge; op++ {
		t[op] = true
	}
	for op := wasm.OpI32TruncF32S; op <= wasm.OpI32TruncF64U; op++ {
		t[op] = true
	}
	for op := wasm.OpI64TruncF32S; op <= wasm.OpI64TruncF64U; op++ {
		t[op] = true
	}
	for op := wasm.OpTruncSat; op <= wasm.OpTruncSatEnd; op++ {
		t[op] = true
	}
	t[wasm.OpDrop] = true
	return t
}

// settle makes the value on top of the stack canonical, if it may be a NaN of
// any bits and the next instruction could tell.
func (f *function) settle(next wasm.Opcode) {
	if f.unclear == 0 || blindToNaN[next] {
		return
	}
	x, equal := f.local(f.unclear, 0), opF64Eq
	f.indexed(wasm.OpLocalTee, x)
	if f.unclear == abi.F32 {
		equal = opF32Eq
		f.op(wasm.OpF32Const)
		f.code = binary.LittleEndian.AppendUint32(f.code, canonical32)
	} else {
		f.op(wasm.OpF64Const)
		f.code = binary.LittleEndian.AppendUint64(f.code, canonical64)
	}
	f.indexed(wasm.OpLocalGet, x)
	f.indexed(wasm.OpLocalGet, x)
	f.op(equal)
	f.op(wasm.OpSelect)
}

// CanonicalNaN returns the bits of the NaN of a float type.
func CanonicalNaN(t abi.ValueType) uint64 {
	if t == abi.F32 {
		return uint64(canonical32)
	}
	return canonical64
}
