package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// NaN. Arithmetic that ends in a NaN may choose its sign and payload, and
// processors choose differently. Where anybody could see it, such a NaN is replaced
// by the canonical one. Operations that only move or flip bits (neg, abs,
// copysign, loads, reinterpretations) leave them as they are.
//
// A NaN is seen by a store, a reinterpretation, a call, a branch: by everything but
// arithmetic, comparison and conversion, to which all NaNs are alike. The plan
// follows the result of each operation to those that take it (trace.go); one that
// may be seen is made canonical, "settled", right behind the operation. A local that
// arithmetic alone sets, round after round of a loop, may hold NaNs of any bits
// instead, if that takes fewer instructions; then it is settled where it is read,
// and only where the reader could tell. For that it must never hold a NaN that was
// loaded or passed, whose bits are data.

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

// blindToNaN are the instructions that take floats and whose effect is the same
// for every NaN.
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

// CanonicalNaN returns the bits of the NaN of a float type.
func CanonicalNaN(t abi.ValueType) uint64 {
	if t == abi.F32 {
		return uint64(canonical32)
	}
	return canonical64
}

// movesNaN are the instructions that move a NaN and change its sign at most.
var movesNaN = [wasm.OpcodesMax]bool{
	wasm.OpF32Abs: true, opF32Neg: true, wasm.OpF32Copysign: true,
	wasm.OpF64Abs: true, opF64Neg: true, wasm.OpF64Copysign: true,
}

// settleResult settles what the instruction that was just copied has left on the
// stack, if that is planned.
func (f *function) settleResult(in wasm.Instruction) {
	s := &f.trace.settling
	n := s.next
	if n == len(s.makers) || s.makers[n].at != f.at {
		return
	}
	s.next++
	switch {
	case !s.settles(n):
	case s.makers[n].local >= 0:
		f.settle(f.trace.types[s.makers[n].local])
	default:
		f.settle(makesNaN[in.Op])
	}
}

// settle makes a float on top of the stack canonical if it is a NaN. Why by its bits: see
// select.go.
func (f *function) settle(t abi.ValueType) {
	x, equal := f.local(t, 0), opF64Eq
	f.indexed(wasm.OpLocalTee, x)
	f.op(toBits(t))
	if t == abi.F32 {
		equal = opF32Eq
		f.code = appendSigned(append(f.code, byte(wasm.OpI32Const)), int64(canonical32))
	} else {
		f.number(int64(canonical64))
	}
	f.operands(x, x)
	f.op(equal)
	f.op(wasm.OpSelect)
	f.op(fromBits(t))
}
