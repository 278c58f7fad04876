package wasmtest

// Instructions without operands.
var (
	Unreachable = []byte{0x00}
	Drop        = []byte{0x1a}
	End         = []byte{0x0b}
	I32Eq       = []byte{0x46}
	I32Add      = []byte{0x6a}
	I64ExtendU  = []byte{0xad}
	// If and Loop open blocks without a result.
	If   = []byte{0x04, 0x40}
	Loop = []byte{0x03, 0x40}
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

// GlobalGet pushes a global.
func GlobalGet(index uint32) []byte { return append([]byte{0x23}, Unsigned(uint64(index))...) }

// GlobalSet pops a global.
func GlobalSet(index uint32) []byte { return append([]byte{0x24}, Unsigned(uint64(index))...) }

// I32Load8 loads a byte at the popped address plus an offset.
func I32Load8(offset uint32) []byte { return append([]byte{0x2d, 0}, Unsigned(uint64(offset))...) }

// I32Store stores the popped value at the popped address plus an offset.
func I32Store(offset uint32) []byte { return append([]byte{0x36, 2}, Unsigned(uint64(offset))...) }

// MemoryGrow pops a number of pages and pushes the former size, or -1.
func MemoryGrow() []byte { return []byte{0x40, 0} }

// Br jumps to an enclosing block.
func Br(label uint32) []byte { return append([]byte{0x0c}, Unsigned(uint64(label))...) }

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
