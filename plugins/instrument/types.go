package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Types. A select does not say what it chooses between, and select.go has to know. So
// the second walk follows the types on the stack, as validation does (WebAssembly 2.0,
// appendix "Validation Algorithm"). It validates nothing: of a module that is not valid it
// may believe anything, and the engine refuses what becomes of it.

// unknown is the type of an operand that is not there: code behind a branch that is always
// taken may pop whatever it likes, and never runs.
const unknown abi.ValueType = 0

// reference stands for both types of references.
const reference abi.ValueType = 0x70

// types are those on the stack of a body.
type types struct {
	module *wasm.Module
	locals []abi.ValueType
	stack  []abi.ValueType
	blocks []typedBlock
}

// typedBlock is an open block: what it takes and leaves, and how high the stack is below it.
type typedBlock struct {
	abi.Signature
	height int
}

func (t *types) begin(p *pass, n int, locals []abi.ValueType) {
	t.module, t.locals = p.module, locals
	t.stack = t.stack[:0]
	t.blocks = append(t.blocks[:0], typedBlock{Signature: abi.Signature{Results: p.module.OwnType(n).Results}})
}

// step follows one instruction.
func (t *types) step(in wasm.Instruction) {
	switch op := in.Op; op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		t.open(in)
	case wasm.OpElse:
		t.cut()
		t.push(t.blocks[len(t.blocks)-1].Params)
	case wasm.OpEnd:
		t.cut()
		last := len(t.blocks) - 1
		results := t.blocks[last].Results
		t.blocks = t.blocks[:last]
		t.push(results)
	case wasm.OpBr, wasm.OpBrTable, wasm.OpReturn, wasm.OpUnreachable:
		t.cut()
	case wasm.OpBrIf:
		t.pop(1)
	case wasm.OpCall:
		sig, _ := t.module.FunctionType(in.Index)
		t.call(sig)
	case wasm.OpCallIndirect:
		t.pop(1)
		sig, _ := t.module.Type(in.Index)
		t.call(sig)
	case wasm.OpLocalGet, wasm.OpLocalTee:
		t.pop(int(arities[op].pops))
		t.stack = append(t.stack, t.locals[in.Index])
	case wasm.OpGlobalGet:
		t.stack = append(t.stack, t.global(in.Index))
	case wasm.OpSelect, wasm.OpSelectTyped:
		chosen := t.chosen()
		t.pop(3)
		t.stack = append(t.stack, chosen)
	default:
		t.pop(int(arities[op].pops))
		if arities[op].pushes > 0 {
			t.stack = append(t.stack, results[op])
		}
	}
}

func (t *types) open(in wasm.Instruction) {
	if in.Op == wasm.OpIf {
		t.pop(1)
	}
	var sig abi.Signature
	switch {
	case in.Block >= 0:
		sig, _ = t.module.Type(uint32(in.Block))
	case in.Block+0x80 != blockEmpty:
		sig.Results = []abi.ValueType{abi.ValueType(in.Block + 0x80)}
	}
	t.pop(len(sig.Params))
	t.blocks = append(t.blocks, typedBlock{sig, len(t.stack)})
	t.push(sig.Params)
}

func (t *types) call(sig abi.Signature) {
	t.pop(len(sig.Params))
	t.push(sig.Results)
}

func (t *types) push(ts []abi.ValueType) { t.stack = append(t.stack, ts...) }

// floor is how high the stack is below the innermost block.
func (t *types) floor() int {
	if last := len(t.blocks) - 1; last >= 0 {
		return t.blocks[last].height
	}
	return 0
}

// pop takes operands as far as there are any: code that never runs may take more.
func (t *types) pop(n int) { t.stack = t.stack[:max(len(t.stack)-n, t.floor())] }

// cut drops what the innermost block has on the stack.
func (t *types) cut() { t.stack = t.stack[:t.floor()] }

// chosen is what a select that comes next chooses between; unknown where it never runs.
func (t *types) chosen() abi.ValueType {
	top := len(t.stack) - 2 // below the condition
	if top-1 < t.floor() || t.stack[top] != t.stack[top-1] {
		return unknown
	}
	return t.stack[top]
}

func (t *types) global(n uint32) abi.ValueType {
	if uint64(n) >= uint64(len(t.module.Globals)) {
		return unknown
	}
	return t.module.Globals[n].Type
}

// results are what instructions of straight-line code leave on the stack, but for those
// whose result depends on their operands.
var results = buildResults()

func buildResults() (t [wasm.OpcodesMax]abi.ValueType) {
	set := func(v abi.ValueType, first, last wasm.Opcode) {
		for op := first; op <= last; op++ {
			t[op] = v
		}
	}
	loads := [...]abi.ValueType{abi.I32, abi.I64, abi.F32, abi.F64, abi.I32, abi.I32, abi.I32, abi.I32}
	set(abi.I64, wasm.OpI32Load, wasm.OpI64Load32U)
	copy(t[wasm.OpI32Load:], loads[:])
	copy(t[wasm.OpI32Const:], loads[:4])
	set(abi.I32, wasm.OpI32Eqz, wasm.OpF64Ge)
	set(abi.I32, wasm.OpI32Clz, opI64Clz-1)
	set(abi.I64, opI64Clz, wasm.OpI64Rotr)
	set(abi.F32, wasm.OpF32Abs, wasm.OpF32Copysign)
	set(abi.F64, wasm.OpF64Abs, wasm.OpF64Copysign)
	set(abi.I32, wasm.OpI32WrapI64, wasm.OpI32TruncF64U)
	set(abi.I64, wasm.OpI32TruncF64U+1, wasm.OpI64TruncF64U)
	set(abi.F32, wasm.OpF32ConvertI, wasm.OpF32Demote)
	set(abi.F64, wasm.OpF32Demote+1, wasm.OpF64Promote)
	copy(t[opI32Reinter:], loads[:4]) // i32, i64, f32, f64 of the other kind
	set(abi.I32, wasm.OpI32Extend8S, wasm.OpI32Extend8S+1)
	set(abi.I64, wasm.OpI32Extend8S+2, wasm.OpI64Extend32S)
	set(abi.I32, wasm.OpTruncSat, wasm.OpTruncSat+3)
	set(abi.I64, wasm.OpTruncSat+4, wasm.OpTruncSatEnd)
	t[wasm.OpMemorySize], t[wasm.OpMemoryGrow], t[wasm.OpTableSize], t[wasm.OpRefIsNull] = abi.I32, abi.I32, abi.I32, abi.I32
	t[wasm.OpTableGet], t[wasm.OpRefNull], t[wasm.OpRefFunc] = reference, reference, reference
	return t
}
