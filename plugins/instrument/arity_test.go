package instrument

import (
	"testing"

	"github.com/wraft/wraft/plugins/wasm"
)

// TestAritiesAreThoseOfTheSpecification lists the instructions of straight-line code
// by their numbers, as the specification types them.
func TestAritiesAreThoseOfTheSpecification(t *testing.T) {
	want := [wasm.OpcodesMax]arity{}
	for _, row := range []struct {
		first, last  wasm.Opcode
		pops, pushes uint8
	}{
		{0x1a, 0x1a, 1, 0}, {0x1b, 0x1c, 3, 1}, // drop, select
		{0x20, 0x20, 0, 1}, {0x21, 0x21, 1, 0}, {0x22, 0x22, 1, 1}, // locals
		{0x23, 0x23, 0, 1}, {0x24, 0x24, 1, 0}, {0x25, 0x25, 1, 1}, // globals, table.get
		{0x28, 0x35, 1, 1}, {0x36, 0x3e, 2, 0}, {0x3f, 0x3f, 0, 1}, {0x40, 0x40, 1, 1}, // memory
		{0x41, 0x44, 0, 1},
		{0x45, 0x45, 1, 1}, {0x46, 0x4f, 2, 1}, {0x50, 0x50, 1, 1}, {0x51, 0x66, 2, 1}, // comparisons
		{0x67, 0x69, 1, 1}, {0x6a, 0x78, 2, 1}, {0x79, 0x7b, 1, 1}, {0x7c, 0x8a, 2, 1}, // integers
		{0x8b, 0x91, 1, 1}, {0x92, 0x98, 2, 1}, {0x99, 0x9f, 1, 1}, {0xa0, 0xa6, 2, 1}, // floats
		{0xa7, 0xc4, 1, 1},
		{0xd0, 0xd0, 0, 1}, {0xd1, 0xd1, 1, 1}, {0xd2, 0xd2, 0, 1}, // references
		{0x100, 0x107, 1, 1}, {0x108, 0x108, 3, 0}, {0x10a, 0x10b, 3, 0}, {0x110, 0x110, 0, 1},
	} {
		for op := row.first; op <= row.last; op++ {
			want[op] = arity{row.pops, row.pushes}
		}
	}
	for op := range want {
		if arities[op] != want[op] {
			t.Errorf("%#x: %+v, want %+v", op, arities[op], want[op])
		}
	}
}
