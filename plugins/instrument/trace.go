package instrument

import (
	"encoding/binary"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Trace. While the first walk over a body plans, it follows operands from the
// instruction that makes them to the one that takes them, so that marks.go knows
// which stores go to the same place, and nan.go which NaNs nobody sees.
//
// It follows them through straight-line code only. At every turn of control flow
// and at every call it forgets the stack: an operand that it doesn't know may be
// anything. Forgetting is always right, it only costs a mark or a comparison more.

// operand is what is known of a value on the stack. The zero value is one of which
// nothing is known, but that its bits are what they should be.
type operand struct {
	// base is what an i32 was computed from by adding: baseConstant, or the index
	// of a local plus firstLocal; stamp tells which of the local's values.
	base, stamp int32
	added       uint32
	// maker is the place in makers, plus one, of what made a float that may be a NaN
	// of bits that the engine chose; 0 is none.
	maker int32
	// pure says that a NaN here, once it is as it should be, is the canonical one.
	pure bool
}

const (
	baseConstant = 1
	firstLocal   = 2
)

// trace is the plan of one body.
type trace struct {
	binary []byte
	at     int32 // the number of the instruction in the body
	stack  []operand

	types  []abi.ValueType // of locals, parameters included
	params int
	stamps []int32 // by local: when it was last set
	clock  int32
	// held is, by local, what a float local was set to in this run of straight-line
	// code; locals lists those.
	held   []operand
	locals []uint32

	marking
	settling
}

// begin prepares for a body.
func (t *trace) begin(p *pass, n int) {
	body := p.module.Bodies[n]
	t.binary, t.at, t.clock = p.binary, 0, 0
	t.stack, t.locals = t.stack[:0], t.locals[:0]
	t.types = append(t.types[:0], p.module.OwnType(n).Params...)
	t.params = len(t.types)
	t.types = appendLocals(t.types, body, p.binary)
	t.stamps = append(t.stamps[:0], make([]int32, len(t.types))...)
	t.held = append(t.held[:0], make([]operand, len(t.types))...)
	t.marking.begin()
	t.settling.begin(len(t.types))
}

// appendLocals appends the types that a body declares.
func appendLocals(types []abi.ValueType, body wasm.Body, code []byte) []abi.ValueType {
	for at := body.Groups.Start; at < body.Groups.End; at++ {
		n, size := binary.Uvarint(code[at:])
		at += size
		for range n {
			types = append(types, abi.ValueType(code[at]))
		}
	}
	return types
}

// step follows one instruction.
func (t *trace) step(in wasm.Instruction) {
	switch op := in.Op; {
	case turns[op]:
		t.turn(op)
	case op == wasm.OpCall, op == wasm.OpCallIndirect:
		t.forget()
	case op == wasm.OpLocalGet:
		t.push(t.get(in.Index))
	case op == wasm.OpLocalSet:
		t.set(in.Index, t.pop())
	case op == wasm.OpLocalTee:
		v := t.pop()
		t.set(in.Index, v)
		v.base, v.stamp, v.added = int32(in.Index)+firstLocal, t.stamps[in.Index], 0
		t.push(v)
	case op >= wasm.OpI32Const && op <= wasm.OpF64Const:
		t.push(constantOperand(op, t.binary[in.Span.Start+1:in.Span.End]))
	case op == opI32Add, op == opI32Sub:
		t.push(sum(op, t.pop(), t.pop()))
	case op >= wasm.OpI32Store && op <= wasm.OpI64Store32:
		t.see(t.pop())
		t.mark(t.pop(), in)
	default:
		t.compute(op)
	}
	t.at++
}

func (t *trace) push(v operand) { t.stack = append(t.stack, v) }

// pop takes an operand; below what was followed nothing is known.
func (t *trace) pop() (v operand) {
	if last := len(t.stack) - 1; last >= 0 {
		v, t.stack = t.stack[last], t.stack[:last]
	}
	return v
}

// get is what a local holds.
func (t *trace) get(n uint32) operand {
	v := t.held[n]
	if isFloat(t.types[n]) && v == (operand{}) {
		v = t.fetched(n)
	}
	v.base, v.stamp, v.added = int32(n)+firstLocal, t.stamps[n], 0
	return v
}

// set gives a local a value.
func (t *trace) set(n uint32, v operand) {
	t.clock++
	t.stamps[n] = t.clock
	if !isFloat(t.types[n]) {
		return
	}
	if t.held[n] == (operand{}) {
		t.locals = append(t.locals, n)
	}
	v.base, v.stamp = baseConstant, 0 // so that it is never the zero value
	t.held[n] = v
}

// turns are the instructions of control flow.
var turns = [wasm.OpcodesMax]bool{
	wasm.OpUnreachable: true, wasm.OpBlock: true, wasm.OpLoop: true, wasm.OpIf: true, wasm.OpElse: true, wasm.OpEnd: true,
	wasm.OpBr: true, wasm.OpBrIf: true, wasm.OpBrTable: true, wasm.OpReturn: true,
}

// turn ends a run of straight-line code: whatever is on the stack or in a local may
// be met elsewhere.
func (t *trace) turn(op wasm.Opcode) {
	t.forget()
	over := op == wasm.OpReturn || op == wasm.OpUnreachable || op == wasm.OpEnd && len(t.blocks) == 0
	for _, n := range t.locals {
		switch {
		case over: // and nobody reads a local any more
		case int(n) < t.params:
			t.see(t.held[n])
		default:
			t.escape(n, t.held[n])
		}
		t.held[n] = operand{}
	}
	t.locals = t.locals[:0]
	t.marking.turn(op)
}

// forget drops the stack, the operands of a call among it.
func (t *trace) forget() {
	for _, v := range t.stack {
		t.see(v)
	}
	t.stack = t.stack[:0]
}

func isFloat(t abi.ValueType) bool { return t == abi.F32 || t == abi.F64 }

// sum is what an addition or subtraction of constants leaves; y was on top.
func sum(op wasm.Opcode, y, x operand) operand {
	switch {
	case op == opI32Sub && y.base == baseConstant && x.base != 0:
		return operand{base: x.base, stamp: x.stamp, added: x.added - y.added}
	case op == opI32Add && y.base == baseConstant && x.base != 0:
		return operand{base: x.base, stamp: x.stamp, added: x.added + y.added}
	case op == opI32Add && x.base == baseConstant && y.base != 0:
		return operand{base: y.base, stamp: y.stamp, added: x.added + y.added}
	}
	return operand{}
}

// constantOperand is a constant with the given bytes.
func constantOperand(op wasm.Opcode, b []byte) operand {
	switch op {
	case wasm.OpI32Const:
		return operand{base: baseConstant, added: signed32(b)}
	case wasm.OpF32Const:
		return operand{pure: binary.LittleEndian.Uint32(b)<<1 <= 0xff<<24}
	case wasm.OpF64Const:
		return operand{pure: binary.LittleEndian.Uint64(b)<<1 <= 0x7ff<<53}
	}
	return operand{}
}

// signed32 decodes a signed LEB128 number of 32 bits, padded ones too.
func signed32(b []byte) (v uint32) {
	for i, c := range b {
		v |= uint32(c&0x7f) << (7 * i)
	}
	if last := len(b) - 1; b[last]&0x40 != 0 && 7*len(b) < 32 {
		v |= ^uint32(0) << (7 * len(b))
	}
	return v
}
