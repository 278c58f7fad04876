package instrument

import "github.com/wraft/wraft/plugins/wasm"

// appendUnsigned appends an unsigned LEB128 number.
func appendUnsigned(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// appendSigned appends a signed LEB128 number.
func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// Instructions that the pass inserts and nobody else has to know by name.
const (
	opI64LtS       wasm.Opcode = 0x53
	opF32Eq        wasm.Opcode = wasm.OpF32Eq
	opF64Eq        wasm.Opcode = 0x61
	opI64Add       wasm.Opcode = 0x7c
	opI64Sub       wasm.Opcode = 0x7d
	opI64Or        wasm.Opcode = 0x84
	opI64ShrU      wasm.Opcode = 0x88
	opI64ExtendI32 wasm.Opcode = 0xad // unsigned
)

// blockEmpty is the type of a block without results.
const blockEmpty = 0x40

// op appends an instruction without operands.
func (f *function) op(op wasm.Opcode) { f.code = append(f.code, byte(op)) }

// indexed appends an instruction with an index.
func (f *function) indexed(op wasm.Opcode, index uint32) {
	f.code = appendUnsigned(append(f.code, byte(op)), uint64(index))
}

// number appends an i64.const.
func (f *function) number(v int64) {
	f.code = appendSigned(append(f.code, byte(wasm.OpI64Const)), v)
}

// trapIf appends a trap for when the i32 on the stack isn't zero. It is a block,
// which costs the compiler, so it is inserted sparingly.
func (f *function) trapIf() {
	f.code = append(f.code, byte(wasm.OpIf), blockEmpty, byte(wasm.OpUnreachable), byte(wasm.OpEnd))
}

// copied appends an instruction as it was.
func (f *function) copied(in wasm.Instruction) {
	f.code = append(f.code, f.pass.binary[in.Span.Start:in.Span.End]...)
}
