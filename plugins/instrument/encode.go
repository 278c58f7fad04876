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

// Instructions that only this package has to know by name.
const (
	opI32Store8    wasm.Opcode = 0x3a
	opI32Ne        wasm.Opcode = 0x47
	opI32LtU       wasm.Opcode = 0x49
	opI32GtU       wasm.Opcode = 0x4b
	opI64Eqz       wasm.Opcode = 0x50
	opI32LeU       wasm.Opcode = 0x4d
	opI64LtS       wasm.Opcode = 0x53
	opI64LeU       wasm.Opcode = 0x58
	opI64GtU       wasm.Opcode = 0x56
	opI64GeS       wasm.Opcode = 0x59
	opF32Eq        wasm.Opcode = wasm.OpF32Eq
	opF32Neg       wasm.Opcode = 0x8c
	opF64Neg       wasm.Opcode = 0x9a
	opF64Eq        wasm.Opcode = 0x61
	opI32Popcnt    wasm.Opcode = 0x69
	opI32Add       wasm.Opcode = 0x6a
	opI32Sub       wasm.Opcode = 0x6b
	opI32And       wasm.Opcode = 0x71
	opI32Or        wasm.Opcode = 0x72
	opI32ShrU      wasm.Opcode = 0x76
	opI32DivU      wasm.Opcode = 0x6e
	opI64Clz       wasm.Opcode = 0x79
	opI64Popcnt    wasm.Opcode = 0x7b
	opI64Add       wasm.Opcode = 0x7c
	opI64Sub       wasm.Opcode = 0x7d
	opI64Or        wasm.Opcode = 0x84
	opI64Shl       wasm.Opcode = 0x86
	opI64ShrU      wasm.Opcode = 0x88
	opI64ExtendI32 wasm.Opcode = 0xad // unsigned
	opI32Reinter   wasm.Opcode = 0xbc // the first of four
	opI64Reinter   wasm.Opcode = 0xbd
	opF32Reinter   wasm.Opcode = 0xbe // behind the conversions from integers
)

// blockEmpty is the type of a block without results.
const blockEmpty = 0x40

// The numbers of bulk operations behind the prefix.
const (
	opMemoryFill = byte(wasm.OpMemoryFill - wasm.OpPrefixed)
	opMemoryCopy = byte(wasm.OpMemoryCopy - wasm.OpPrefixed)
)

// op appends an instruction without operands.
func (f *function) op(op wasm.Opcode) { f.code = append(f.code, byte(op)) }

// indexed appends an instruction with an index.
func (f *function) indexed(op wasm.Opcode, index uint32) {
	f.code = appendUnsigned(append(f.code, byte(op)), uint64(index))
}

// operands pushes locals.
func (f *function) operands(locals ...uint32) {
	for _, l := range locals {
		f.indexed(wasm.OpLocalGet, l)
	}
}

// constant appends an i32.const.
func (f *function) constant(v uint32) {
	f.code = appendSigned(append(f.code, byte(wasm.OpI32Const)), int64(int32(v)))
}

// number appends an i64.const.
func (f *function) number(v int64) {
	f.code = appendSigned(append(f.code, byte(wasm.OpI64Const)), v)
}

// copied appends an instruction as it was.
func (f *function) copied(in wasm.Instruction) {
	f.code = append(f.code, f.pass.binary[in.Span.Start:in.Span.End]...)
}
