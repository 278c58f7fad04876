package wasmtest

import "bytes"

// Instructions without operands.
var (
	Unreachable = []byte{0x00}
	Drop        = []byte{0x1a}
	End         = []byte{0x0b}
	Return      = []byte{0x0f}
	Else        = []byte{0x05}
	I32Eqz      = []byte{0x45}
	I32Eq       = []byte{0x46}
	I32GtU      = []byte{0x4b}
	I32Add      = []byte{0x6a}
	I32Sub      = []byte{0x6b}
	I64Or       = []byte{0x84}
	I64Shl      = []byte{0x86}
	MemoryFill  = []byte{0xfc, 11, 0}
	MemoryCopy  = []byte{0xfc, 10, 0, 0}
	I64ExtendU  = []byte{0xad}
	// Block, If and Loop open blocks without a result.
	Block = []byte{0x02, 0x40}
	If    = []byte{0x04, 0x40}
	Loop  = []byte{0x03, 0x40}
)

// IfCode opens an if under a condition.
func IfCode(condition []byte) []byte { return append(append([]byte(nil), condition...), If...) }

// I32Const pushes a number.
func I32Const(n int32) []byte { return append([]byte{0x41}, Signed(int64(n))...) }

// I64Const pushes a number.
func I64Const(n int64) []byte { return append([]byte{0x42}, Signed(n)...) }

// Answer pushes what apply returns for n bytes at an address.
func Answer(at, n uint32) []byte { return I64Const(int64(uint64(at)<<32 | uint64(n))) }

// Call calls a function by index.
func Call(index uint32) []byte { return append([]byte{0x10}, Unsigned(uint64(index))...) }

// LocalGet pushes a local.
func LocalGet(index uint32) []byte { return append([]byte{0x20}, Unsigned(uint64(index))...) }

// LocalSet pops a local.
func LocalSet(index uint32) []byte { return append([]byte{0x21}, Unsigned(uint64(index))...) }

// GlobalGet pushes a global.
func GlobalGet(index uint32) []byte { return append([]byte{0x23}, Unsigned(uint64(index))...) }

// GlobalSet pops a global.
func GlobalSet(index uint32) []byte { return append([]byte{0x24}, Unsigned(uint64(index))...) }

// I32Load8 loads a byte at the popped address plus an offset.
func I32Load8(offset uint32) []byte { return append([]byte{0x2d, 0}, Unsigned(uint64(offset))...) }

// I32Load loads a number at the popped address plus an offset.
func I32Load(offset uint32) []byte { return append([]byte{0x28, 2}, Unsigned(uint64(offset))...) }

// I32Store stores the popped value at the popped address plus an offset.
func I32Store(offset uint32) []byte { return append([]byte{0x36, 2}, Unsigned(uint64(offset))...) }

// MemoryGrow pops a number of pages and pushes the former size, or -1.
func MemoryGrow() []byte { return []byte{0x40, 0} }

// Br jumps to an enclosing block.
func Br(label uint32) []byte { return append([]byte{0x0c}, Unsigned(uint64(label))...) }

// BrIf jumps to an enclosing block when the popped value isn't zero.
func BrIf(label uint32) []byte { return append([]byte{0x0d}, Unsigned(uint64(label))...) }

// BrTable jumps to the label that the popped value chooses, the last one if there
// is none for it.
func BrTable(labels ...uint32) []byte {
	code := append([]byte{0x0e}, Unsigned(uint64(len(labels)-1))...)
	for _, l := range labels {
		code = append(code, Unsigned(uint64(l))...)
	}
	return code
}

// CallIndirect calls the function of a type that the popped index of table 0 names.
func CallIndirect(typeIndex uint32) []byte {
	return append(append([]byte{0x11}, Unsigned(uint64(typeIndex))...), 0)
}

// Unsigned encodes an unsigned LEB128 number.
func Unsigned(v uint64) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// Signed encodes a signed LEB128 number.
func Signed(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// Join puts pieces of code one after the other.
func Join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Repeat puts the same piece of code n times one after the other.
func Repeat(n int, code []byte) []byte { return bytes.Repeat(code, n) }
