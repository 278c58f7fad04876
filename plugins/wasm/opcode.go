package wasm

// immediate says which bytes follow an opcode.
type immediate byte

const (
	notOffered immediate = iota
	immNone
	immBlock        // block type
	immIndex        // one unsigned number
	immTwoIndexes   // two unsigned numbers
	immBrTable      // a vector of labels and a default
	immMemory       // alignment and offset
	immI32          // signed 32 bits
	immI64          // signed 64 bits
	immF32          // 4 bytes
	immF64          // 8 bytes
	immZero         // the byte 0 (a memory index)
	immTwoZeros     // two bytes 0
	immIndexAndZero // an unsigned number and the byte 0
	immSelect       // a vector of value types
	immReference    // a reference type
	immPrefix       // a second opcode follows
)

// Opcodes that the walk has to know by name.
const (
	opBlock    = 0x02
	opLoop     = 0x03
	opIf       = 0x04
	opElse     = 0x05
	opEnd      = 0x0b
	opBr       = 0x0c
	opBrIf     = 0x0d
	opI32Const = 0x41
	opI64Const = 0x42
	opF32Const = 0x43
	opF64Const = 0x44
	opRefNull  = 0xd0
	opRefFunc  = 0xd2
	opPrefix   = 0xfc
	opDataDrop = 0x09 // after opPrefix
)

const (
	hintSIMD    = "build without SIMD (clang: -mno-simd128, Rust: -C target-feature=-simd128, Zig: -mcpu=generic-simd128)"
	hintThreads = "build without threads (clang: -mno-atomics, Rust: -C target-feature=-atomics)"
	hintTail    = "build without tail calls (clang: -mno-tail-call, Rust: -C target-feature=-tail-call)"
	hintExcept  = "build without exceptions (clang: -fno-exceptions, Rust: panic=abort)"
	hintGC      = "build without the GC and typed-reference proposals"
)

// opcodes is the allow-list: WebAssembly 1.0, sign extension, multi-value and
// the reading half of reference types.
var opcodes = buildOpcodes()

func buildOpcodes() (t [256]immediate) {
	for _, op := range []byte{0x00, 0x01, opElse, opEnd, 0x0f, 0x1a, 0x1b, 0xd1} {
		t[op] = immNone // unreachable, nop, else, end, return, drop, select, ref.is_null
	}
	t[opBlock], t[opLoop], t[opIf] = immBlock, immBlock, immBlock
	t[opBr], t[opBrIf], t[0x0e] = immIndex, immIndex, immBrTable
	t[0x10], t[0x11] = immIndex, immTwoIndexes // call, call_indirect
	t[0x1c] = immSelect
	for op := 0x20; op <= 0x25; op++ {
		t[op] = immIndex // local.get to global.set, table.get
	}
	for op := 0x28; op <= 0x3e; op++ {
		t[op] = immMemory
	}
	t[0x3f], t[0x40] = immZero, immZero
	t[opI32Const], t[opI64Const], t[opF32Const], t[opF64Const] = immI32, immI64, immF32, immF64
	for op := 0x45; op <= 0xc4; op++ {
		t[op] = immNone // comparisons, arithmetic, conversions, sign extension
	}
	t[opRefNull], t[opRefFunc] = immReference, immIndex
	t[opPrefix] = immPrefix
	return t
}

// prefixed is the allow-list behind opPrefix: saturating conversions, bulk
// memory, table.size.
var prefixed = [18]immediate{
	0: immNone, 1: immNone, 2: immNone, 3: immNone, 4: immNone, 5: immNone, 6: immNone, 7: immNone,
	8: immIndexAndZero, opDataDrop: immIndex, 10: immTwoZeros, 11: immZero, 16: immIndex,
}

// refuseOpcode names the proposal behind an instruction that isn't offered,
// since authors know flags of toolchains and not numbers of opcodes.
func (r *reader) refuseOpcode(op byte) {
	switch {
	case op == 0x26:
		r.tableChange("table.set")
	case op == 0xfd:
		r.feature("SIMD", hintSIMD)
	case op == 0xfe:
		r.feature("threads and atomics", hintThreads)
	case op == 0x12 || op == 0x13:
		r.feature("tail calls", hintTail)
	case op >= 0x06 && op <= 0x0a, op == 0x18, op == 0x19, op == 0x1f:
		r.feature("exceptions", hintExcept)
	case op == 0xfb || op == 0x14 || op == 0x15 || op >= 0xd3 && op <= 0xd6:
		r.feature("garbage collection and typed references", hintGC)
	default:
		r.malformed("unknown instruction %#02x", op)
	}
}

func (r *reader) refusePrefixed(sub uint32) {
	switch sub {
	case 12:
		r.tableChange("table.init")
	case 13:
		r.tableChange("elem.drop")
	case 14:
		r.tableChange("table.copy")
	case 15:
		r.tableChange("table.grow")
	case 17:
		r.tableChange("table.fill")
	default:
		r.malformed("unknown instruction %#02x %d", opPrefix, sub)
	}
}
