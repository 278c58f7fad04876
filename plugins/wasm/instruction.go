package wasm

import "iter"

// Opcode is an instruction: the byte of the format, or for instructions behind
// the prefix 0xfc their number there plus OpPrefixed.
type Opcode uint16

// OpPrefixed is the opcode of the first instruction behind the prefix, and
// OpcodesMax is beyond the last one.
const (
	OpPrefixed Opcode = 0x100
	OpcodesMax        = int(OpPrefixed) + len(prefixed)
)

// Block types that are no value and no index.
const blockEmpty = -64

// Instruction is one instruction of a body with what a reader of code may want
// to know of its operands.
type Instruction struct {
	Op   Opcode
	Span Span
	// Index is the first operand of an instruction that has indexes: a label,
	// local, global, function, type or segment. Of a br_table it is the
	// greatest label, of a load or store its alignment as a power of two.
	Index uint32
	// Offset is the constant offset of a load or store.
	Offset uint32
	// Targets is the number of labels of a br_table, the default not counted.
	Targets int
	// Block is the type of a block, loop or if: a type index, or negative for a
	// value type and for none.
	Block int64
}

// instruction decodes the next instruction and refuses one that isn't offered.
func (r *reader) instruction() (in Instruction) {
	in.Span.Start = r.pos
	op := r.byte("a function body")
	if !r.ok() {
		return in
	}
	in.Op = Opcode(op)
	kind := opcodes[op]
	switch kind {
	case notOffered:
		r.pos = in.Span.Start
		r.refuseOpcode(op)
		return in
	case immPrefix:
		kind = r.prefixed(&in)
	}
	if r.ok() {
		r.operands(kind, &in)
	}
	in.Span.End = r.pos
	return in
}

func (r *reader) prefixed(in *Instruction) immediate {
	sub := r.u32("an instruction")
	if !r.ok() {
		return notOffered
	}
	if sub >= uint32(len(prefixed)) || prefixed[sub] == notOffered {
		r.pos = in.Span.Start
		r.refusePrefixed(sub)
		return notOffered
	}
	in.Op = OpPrefixed + Opcode(sub)
	return prefixed[sub]
}

// operands reads what follows an opcode. Most numbers are indexes and types
// whose meaning the engine's validation checks.
func (r *reader) operands(kind immediate, in *Instruction) {
	switch kind {
	case immBlock:
		in.Block = r.blockType()
	case immIndex:
		in.Index = r.u32("an index")
	case immTwoIndexes:
		in.Index = r.u32("an operand")
		r.u32("an operand")
	case immMemory:
		in.Index = r.u32("an alignment")
		in.Offset = r.u32("an offset")
	case immBrTable:
		r.brTable(in)
	case immI32:
		r.signed(32, "a constant")
	case immI64:
		r.signed(64, "a constant")
	case immF32:
		r.skip(4, "a constant")
	case immF64:
		r.skip(8, "a constant")
	case immZero:
		r.zero()
	case immTwoZeros:
		r.zero()
		r.zero()
	case immIndexAndZero:
		in.Index = r.u32("an index")
		r.zero()
	case immSelect:
		if n := r.count(1, "types of select", "one"); n == 1 {
			r.valueType()
		}
	case immReference:
		r.referenceType()
	}
}

func (r *reader) zero() {
	if v := r.byte("a memory index"); v != 0 {
		r.malformed("memory %d does not exist", v)
	}
}

// blockType reads empty (-64), a value type (negative) or a type index.
func (r *reader) blockType() int64 {
	if !r.ok() || r.pos >= r.end {
		r.byte("a block type")
		return blockEmpty
	}
	next := r.bytes[r.pos]
	switch {
	case next == 0x40:
		r.pos++
		return blockEmpty
	case next >= 0x60 && next < 0x80:
		return int64(r.valueType()) - 0x80
	}
	t := r.signed(33, "a block type")
	if t < 0 {
		r.malformed("unknown block type %d", t)
	}
	return t
}

func (r *reader) brTable(in *Instruction) {
	in.Targets = r.count(brTargetsMax, "br_table targets", "brTargetsMax")
	for i := 0; i <= in.Targets && r.ok(); i++ {
		in.Index = max(in.Index, r.u32("a br_table target"))
	}
}

// Body is the code of one function.
type Body struct {
	// Whole spans the declarations of locals and the code; the number of bytes
	// that stands before them is not part of it.
	Whole Span
	// Groups are the groups of locals, without their count.
	Groups     Span
	GroupCount int
	// Code spans the instructions, the last end included.
	Code Span
	// Locals is the number of locals, parameters included.
	Locals int
	// Calls says that the function calls others.
	Calls bool
	// FrameBytes bounds what an engine needs on its stack for one call of the
	// instrumented function; see frame.go.
	FrameBytes int64
	// CompileCost estimates the engine's work on the body as it is, and
	// InstrumentedCost on what package instrument makes of it. The latter is
	// what is refused when it is too much; see cost.go.
	CompileCost, InstrumentedCost int64
}

// Instructions walks over the code of a body. The binary must be the one that
// was read.
func (b Body) Instructions(binary []byte) iter.Seq[Instruction] {
	return func(yield func(Instruction) bool) {
		r := &reader{bytes: binary, pos: b.Code.Start, end: b.Code.End}
		for r.pos < r.end {
			in := r.instruction()
			if !r.ok() || !yield(in) {
				return
			}
		}
	}
}
