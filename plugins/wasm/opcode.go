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

// Opcodes that somebody has to know by name.
const (
	OpUnreachable  Opcode = 0x00
	OpNop          Opcode = 0x01
	OpBlock        Opcode = 0x02
	OpLoop         Opcode = 0x03
	OpIf           Opcode = 0x04
	OpElse         Opcode = 0x05
	OpEnd          Opcode = 0x0b
	OpBr           Opcode = 0x0c
	OpBrIf         Opcode = 0x0d
	OpBrTable      Opcode = 0x0e
	OpReturn       Opcode = 0x0f
	OpCall         Opcode = 0x10
	OpCallIndirect Opcode = 0x11
	OpDrop         Opcode = 0x1a
	OpSelect       Opcode = 0x1b
	OpSelectTyped  Opcode = 0x1c
	OpLocalGet     Opcode = 0x20
	OpLocalSet     Opcode = 0x21
	OpLocalTee     Opcode = 0x22
	OpGlobalGet    Opcode = 0x23
	OpGlobalSet    Opcode = 0x24
	OpTableGet     Opcode = 0x25
	OpI32Load      Opcode = 0x28 // the first load
	OpI64Load32U   Opcode = 0x35 // the last load
	OpI32Store     Opcode = 0x36 // the first store
	OpI64Store32   Opcode = 0x3e // the last store
	OpMemorySize   Opcode = 0x3f
	OpMemoryGrow   Opcode = 0x40
	OpI32Const     Opcode = 0x41
	OpI64Const     Opcode = 0x42
	OpF32Const     Opcode = 0x43
	OpF64Const     Opcode = 0x44
	OpI32Eqz       Opcode = 0x45 // the first operator on numbers
	OpF32Eq        Opcode = 0x5b // the first comparison of floats
	OpF64Ge        Opcode = 0x66 // the last comparison of floats
	OpI32Clz       Opcode = 0x67 // the first arithmetic on integers
	OpI32Mul       Opcode = 0x6c
	OpI32DivS      Opcode = 0x6d
	OpI32RemU      Opcode = 0x70
	OpI64Mul       Opcode = 0x7e
	OpI64DivS      Opcode = 0x7f
	OpI64RemU      Opcode = 0x82
	OpI64Rotr      Opcode = 0x8a // the last arithmetic on integers
	OpF32Abs       Opcode = 0x8b
	OpF32Ceil      Opcode = 0x8d
	OpF32Sqrt      Opcode = 0x91
	OpF32Add       Opcode = 0x92
	OpF32Div       Opcode = 0x95
	OpF32Max       Opcode = 0x97
	OpF32Copysign  Opcode = 0x98
	OpF64Abs       Opcode = 0x99
	OpF64Ceil      Opcode = 0x9b
	OpF64Sqrt      Opcode = 0x9f
	OpF64Add       Opcode = 0xa0
	OpF64Div       Opcode = 0xa3
	OpF64Max       Opcode = 0xa5
	OpF64Copysign  Opcode = 0xa6
	OpI32WrapI64   Opcode = 0xa7 // the first conversion
	OpI32TruncF32S Opcode = 0xa8
	OpI32TruncF64U Opcode = 0xab
	OpI64TruncF32S Opcode = 0xae
	OpI64TruncF64U Opcode = 0xb1
	OpF32ConvertI  Opcode = 0xb2 // from signed 32 bits
	OpF32Demote    Opcode = 0xb6
	OpF64Promote   Opcode = 0xbb
	OpF64Reinter   Opcode = 0xbf // the last conversion
	OpI32Extend8S  Opcode = 0xc0 // the first sign extension
	OpI64Extend32S Opcode = 0xc4 // the last operator on numbers
	OpRefNull      Opcode = 0xd0
	OpRefIsNull    Opcode = 0xd1
	OpRefFunc      Opcode = 0xd2
	OpTruncSat     Opcode = OpPrefixed + 0 // the first saturating conversion
	OpTruncSatEnd  Opcode = OpPrefixed + 7 // the last one
	OpMemoryInit   Opcode = OpPrefixed + 8
	OpDataDrop     Opcode = OpPrefixed + 9
	OpMemoryCopy   Opcode = OpPrefixed + 10
	OpMemoryFill   Opcode = OpPrefixed + 11
	OpTableSize    Opcode = OpPrefixed + 16
)

// Prefix stands before the opcodes from OpPrefixed on.
const Prefix = 0xfc

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
	for _, op := range []Opcode{OpUnreachable, OpNop, OpElse, OpEnd, OpReturn, OpDrop, OpSelect, OpRefIsNull} {
		t[op] = immNone
	}
	t[OpBlock], t[OpLoop], t[OpIf] = immBlock, immBlock, immBlock
	t[OpBr], t[OpBrIf], t[OpBrTable] = immIndex, immIndex, immBrTable
	t[OpCall], t[OpCallIndirect] = immIndex, immTwoIndexes
	t[OpSelectTyped] = immSelect
	for op := OpLocalGet; op <= OpTableGet; op++ {
		t[op] = immIndex
	}
	for op := OpI32Load; op <= OpI64Store32; op++ {
		t[op] = immMemory
	}
	t[OpMemorySize], t[OpMemoryGrow] = immZero, immZero
	t[OpI32Const], t[OpI64Const], t[OpF32Const], t[OpF64Const] = immI32, immI64, immF32, immF64
	for op := OpI32Eqz; op <= OpI64Extend32S; op++ {
		t[op] = immNone // comparisons, arithmetic, conversions, sign extension
	}
	t[OpRefNull], t[OpRefFunc] = immReference, immIndex
	t[Prefix] = immPrefix
	return t
}

// prefixed is the allow-list behind the prefix: saturating conversions, bulk
// memory, table.size.
var prefixed = [18]immediate{
	0: immNone, 1: immNone, 2: immNone, 3: immNone, 4: immNone, 5: immNone, 6: immNone, 7: immNone,
	8: immIndexAndZero, 9: immIndex, 10: immTwoZeros, 11: immZero, 16: immIndex,
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
		r.malformed("unknown instruction %#02x %d", Prefix, sub)
	}
}
