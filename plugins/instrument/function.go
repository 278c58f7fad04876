package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// function rewrites one body after the other. What the concerns of the pass
// (fuel.go, stack.go, nan.go, memory.go) need of a body is planned in a first walk
// (trace.go, marks.go, settle.go); the second one copies the instructions and asks each of them what to insert.
type function struct {
	pass *pass
	body wasm.Body
	code []byte // of the new body, without its locals

	segments []int64 // costs of the segments of the body, in order
	next     int     // the segment that the second walk comes to next
	blocks   []bool  // open blocks of the body: is it a loop?
	checked  bool    // fuel is checked at the entry
	framed   bool    // the frame is counted

	scratch []abi.ValueType // locals added, in the order of their indexes
	at      int32           // the number of the next instruction
	trace   trace           // what the first walk found out about operands
	types   types           // of what is on the stack
}

// rewrite appends the instrumented body with the given number.
func (f *function) rewrite(section []byte, n int) []byte {
	f.body = f.pass.module.Bodies[n]
	f.code, f.scratch, f.next, f.at = f.code[:0], f.scratch[:0], 0, 0
	f.trace.begin(f.pass, n)
	f.plan()
	f.types.begin(f.pass, n, f.trace.types)
	f.enter(n)
	f.blocks = append(f.blocks[:0], false)
	for in := range f.body.Instructions(f.pass.binary) {
		f.instruction(in)
	}
	f.leave()
	return f.assemble(section)
}

// instruction copies one instruction with what belongs before and after it.
func (f *function) instruction(in wasm.Instruction) {
	switch op := in.Op; {
	case op == wasm.OpDataDrop: // dropped itself, see doc.go
	case op == wasm.OpReturn:
		f.exit(in)
	case op >= wasm.OpI32Store && op <= wasm.OpI64Store32:
		f.store(in)
	case op >= wasm.OpI32Load && op <= wasm.OpI64Load32U:
		f.access(in)
	case op == wasm.OpSelect, op == wasm.OpSelectTyped:
		f.choose(in)
	case op == wasm.OpMemoryFill, op == wasm.OpMemoryCopy, op == wasm.OpMemoryInit:
		f.bulk(in)
	case op == wasm.OpMemorySize:
		f.size(in)
	case op == wasm.OpMemoryGrow:
		f.grow(in)
	default:
		f.copied(in)
	}
	f.types.step(in)
	f.settleResult(in)
	f.at++
	if f.follow(in.Op) {
		f.startSegment(in)
	}
}

// follow keeps track of the open blocks and reports whether a new segment
// starts behind an instruction.
func (f *function) follow(op wasm.Opcode) bool {
	switch op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		f.blocks = append(f.blocks, op == wasm.OpLoop)
	case wasm.OpEnd:
		last := len(f.blocks) - 1
		loop := f.blocks[last]
		f.blocks = f.blocks[:last]
		return !loop && last > 0 // nothing joins at the end of a loop
	}
	return splits[op]
}

// splits are the instructions behind which a new segment starts, besides end.
// Behind br, br_table, return and unreachable nothing runs up to the next end
// or else.
var splits = [wasm.OpcodesMax]bool{
	wasm.OpLoop: true, wasm.OpIf: true, wasm.OpElse: true, wasm.OpBrIf: true,
	wasm.OpBr: true, wasm.OpBrTable: true, wasm.OpReturn: true, wasm.OpUnreachable: true,
}

// local returns the index of a local of the pass's own, the n-th of its type from
// 0. It is free between one instruction of the body and the next.
func (f *function) local(t abi.ValueType, n int) uint32 {
	for i, have := range f.scratch {
		if have != t {
			continue
		}
		if n--; n < 0 {
			return uint32(f.body.Locals + i)
		}
	}
	for ; n > 0; n-- {
		f.scratch = append(f.scratch, t)
	}
	f.scratch = append(f.scratch, t)
	return uint32(f.body.Locals + len(f.scratch) - 1)
}

// assemble appends length, locals and code.
func (f *function) assemble(section []byte) []byte {
	groups := f.pass.binary[f.body.Groups.Start:f.body.Groups.End]
	head := appendUnsigned(nil, uint64(f.body.GroupCount+len(f.scratch)))
	head = append(head, groups...)
	for _, t := range f.scratch {
		head = append(head, 1, byte(t))
	}
	section = appendUnsigned(section, uint64(len(head)+len(f.code)))
	section = append(section, head...)
	return append(section, f.code...)
}
