package instrument

import "github.com/wraft/wraft/plugins/wasm"

// What things cost, in units of fuel: about what a simple instruction takes,
// 0.3 to 1 ns. The figures follow throughput on common processors and are round
// on purpose: what counts is that they are the same everywhere and that no
// instruction is much dearer than it costs. docs/ABI.md has the table; a change
// here is a new Version.
const (
	costEntry     = 4  // of a function, paid by itself
	localsPerUnit = 4  // locals of a function, parameters included
	costTiny      = 64 // a function that costs less and calls nobody is not checked at its entry
	costImport    = 200
	// BulkShift says what a bulk operation costs besides its own cost: 1 for
	// each 2^BulkShift bytes. The host charges its functions alike.
	BulkShift = 3
)

// costs of instructions. What leaves no machine code behind is free: constants,
// locals, drop, nop, and the frames of blocks.
var costs = buildCosts()

func buildCosts() (t [wasm.OpcodesMax]uint16) {
	set := func(c uint16, first, last wasm.Opcode) {
		for op := first; op <= last; op++ {
			t[op] = c
		}
	}
	each := func(c uint16, ops ...wasm.Opcode) {
		for _, op := range ops {
			t[op] = c
		}
	}
	set(1, wasm.OpI32Eqz, wasm.OpI64Extend32S)
	each(1, wasm.OpUnreachable, wasm.OpLoop, wasm.OpIf, wasm.OpBr, wasm.OpBrIf, wasm.OpReturn, wasm.OpSelect, wasm.OpSelectTyped,
		wasm.OpGlobalGet, wasm.OpGlobalSet, wasm.OpRefNull, wasm.OpRefIsNull, wasm.OpRefFunc, wasm.OpTableSize)
	set(2, wasm.OpI32Load, wasm.OpI64Load32U)
	set(3, wasm.OpI32Store, wasm.OpI64Store32) // with its mark
	each(2, wasm.OpMemorySize)
	set(2, wasm.OpF32Eq, wasm.OpF64Ge)
	set(3, wasm.OpF32Ceil, wasm.OpF32Max)
	set(3, wasm.OpF64Ceil, wasm.OpF64Max)
	set(3, wasm.OpF32ConvertI, wasm.OpF64Promote)
	each(3, wasm.OpTableGet)
	set(5, wasm.OpI32TruncF32S, wasm.OpI32TruncF64U)
	set(5, wasm.OpI64TruncF32S, wasm.OpI64TruncF64U)
	set(5, wasm.OpTruncSat, wasm.OpTruncSatEnd)
	each(5, wasm.OpBrTable, wasm.OpCall)
	each(10, wasm.OpCallIndirect)
	set(20, wasm.OpI32DivS, wasm.OpI32RemU)
	set(20, wasm.OpI64DivS, wasm.OpI64RemU)
	each(20, wasm.OpF32Sqrt, wasm.OpF32Div, wasm.OpF64Sqrt, wasm.OpF64Div)
	each(20, wasm.OpMemoryInit, wasm.OpMemoryCopy, wasm.OpMemoryFill)
	each(1000, wasm.OpMemoryGrow)
	return t
}
