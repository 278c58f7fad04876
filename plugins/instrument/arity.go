package instrument

import "github.com/wraft/wraft/plugins/wasm"

// arity is how many operands an instruction takes from the stack and how many
// it leaves there.
type arity struct{ pops, pushes uint8 }

// arities has the instructions of straight-line code. Control flow and calls are
// not in it: trace.go knows nothing of the stack behind them.
var arities = buildArities()

func buildArities() (t [wasm.OpcodesMax]arity) {
	set := func(a arity, first, last wasm.Opcode) {
		for op := first; op <= last; op++ {
			t[op] = a
		}
	}
	push, pop, change, merge := arity{0, 1}, arity{1, 0}, arity{1, 1}, arity{2, 1}
	set(merge, wasm.OpI32Eqz, wasm.OpI64Extend32S)
	set(change, wasm.OpI32Eqz, wasm.OpI32Eqz)
	set(change, opI64Eqz, opI64Eqz)
	set(change, wasm.OpI32Clz, opI32Popcnt)
	set(change, opI64Clz, opI64Popcnt)
	set(change, wasm.OpF32Abs, wasm.OpF32Sqrt)
	set(change, wasm.OpF64Abs, wasm.OpF64Sqrt)
	set(change, wasm.OpI32WrapI64, wasm.OpI64Extend32S)
	set(change, wasm.OpI32Load, wasm.OpI64Load32U)
	set(arity{2, 0}, wasm.OpI32Store, wasm.OpI64Store32)
	set(push, wasm.OpI32Const, wasm.OpF64Const)
	set(change, wasm.OpTruncSat, wasm.OpTruncSatEnd)
	for op, a := range map[wasm.Opcode]arity{
		wasm.OpDrop: pop, wasm.OpSelect: {3, 1}, wasm.OpSelectTyped: {3, 1},
		wasm.OpLocalGet: push, wasm.OpLocalSet: pop, wasm.OpLocalTee: change, wasm.OpGlobalGet: push, wasm.OpGlobalSet: pop,
		wasm.OpTableGet: change, wasm.OpTableSize: push, wasm.OpRefNull: push, wasm.OpRefIsNull: change, wasm.OpRefFunc: push,
		wasm.OpMemorySize: push, wasm.OpMemoryGrow: change,
		wasm.OpMemoryInit: {3, 0}, wasm.OpMemoryCopy: {3, 0}, wasm.OpMemoryFill: {3, 0},
	} {
		t[op] = a
	}
	return t
}
