package plugins_test

import (
	"fmt"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
)

// shape is a function of one i32 whose results are compared as written and
// instrumented, for a few arguments. It may call "other" (function 0), which
// doubles its argument and traps at 77.
type shape struct {
	results, locals string
	code            []byte
}

const other = 0

// shapes are those that the generator doesn't make.
func shapes(b *wasmtest.Builder) map[string]shape {
	twoToThree := byte(b.Type("ii", "iiI"))
	call := wasmtest.Call(other)
	get := wasmtest.LocalGet(0)
	c := wasmtest.I32Const
	return map[string]shape{
		"no result":       {"", "", call42(call)},
		"branch out":      {"i", "", join(call42(call), get, wasmtest.Br(0))},
		"branch if out":   {"i", "", join(call42(call), get, get, []byte{0x0d, 0})},
		"out of a loop":   {"i", "", join(call42(call), wasmtest.Loop, get, []byte{0x0c, 1}, wasmtest.End, c(9))},
		"deep return":     {"iI", "", join(get, call, wasmtest.Drop, wasmtest.IfCode(get), wasmtest.Loop, []byte{0x02, 0x40}, c(5), wasmtest.I64Const(6), []byte{0x0f}, wasmtest.End, wasmtest.End, wasmtest.End, get, wasmtest.I64Const(7))},
		"return again":    {"i", "", join(get, call, []byte{0x0f}, c(1), []byte{0x0f}, c(2))},
		"table out":       {"i", "", join(call42(call), []byte{0x02, 0x40, 0x02, 0x40}, c(11), get, []byte{0x0e, 2, 2, 2, 2}, wasmtest.End, wasmtest.End, c(3))},
		"table spread":    {"i", "", join(call42(call), []byte{0x02, 0x40, 0x02, 0x40}, get, []byte{0x0e, 1, 0, 1}, wasmtest.End, c(20), []byte{0x0f}, wasmtest.End, c(30))},
		"after br":        {"i", "i", join(call42(call), []byte{0x02, 0x40}, []byte{0x0c, 0}, get, []byte{0x21, 1}, []byte{0x1a, 0x6a, 0x1a}, wasmtest.End, wasmtest.LocalGet(1))},
		"after trap":      {"i", "", join(wasmtest.IfCode(get), wasmtest.Unreachable, []byte{0x1a, 0xa0, 0x1a}, wasmtest.Loop, []byte{0x0c, 0}, wasmtest.End, wasmtest.End, get, call)},
		"dead fill":       {"i", "", join(get, call, []byte{0x0f, 0xfc, 11, 0}, c(1))},
		"parameters":      {"iiI", "", join(get, call, c(4), []byte{0x02, twoToThree}, wasmtest.I64Const(8), wasmtest.End)},
		"loop parameters": {"iiI", "i", join(c(3), []byte{0x21, 1}, get, call, c(0), []byte{0x03, twoToThree}, []byte{0x6a}, c(1), wasmtest.LocalGet(1), c(1), []byte{0x6b, 0x22, 1, 0x0d, 0}, wasmtest.I64Const(8), wasmtest.End)},
		"if parameters":   {"iiI", "", join(get, call, c(0), get, []byte{0x04, twoToThree}, wasmtest.I64Const(1), []byte{0x05}, wasmtest.I64Const(2), wasmtest.End)},
		"if without else": {"i", "", join(wasmtest.IfCode(get), c(1), call, wasmtest.Drop, wasmtest.End, get)},
		"typed select":    {"i", "", join(get, c(6), get, []byte{0x1c, 1, 0x7f})},
		"references":      {"iii", "", join([]byte{0xd0, 0x70, 0xd1}, c(0), []byte{0x25, 0, 0xd1}, []byte{0xfc, 16, 0}, []byte{0xd2, 0, 0x1a})},
		"init":            {"I", "", join(c(3), c(1), c(4), []byte{0xfc, 8, 0, 0}, c(0), []byte{0x29, 0, 0})},
		"init outside":    {"i", "", join(c(3), c(1), c(400), []byte{0xfc, 8, 0, 0}, c(0))},
		"nothing":         {"i", "iIfF", join([]byte{0x01, 0x01}, get)},
		"float stores":    {"I", "", join(c(8), []byte{0x43, 0, 0, 0xc0, 0x7f, 0x38, 2, 0}, c(16), []byte{0x44, 1, 2, 3, 4, 5, 6, 0xf8, 0xff, 0x39, 3, 0}, c(13), []byte{0x29, 0, 0})},
		"reinterpret":     {"iI", "", join([]byte{0x43, 1, 0, 0xa0, 0x7f, 0x8c, 0xbc}, []byte{0x44, 1, 0, 0, 0, 0, 0, 0xf4, 0x7f, 0x9a, 0xbd})},
		"copysign":        {"IF", "", join([]byte{0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []byte{0x44, 1, 0, 0, 0, 0, 0, 0xf4, 0xff, 0xa6, 0xbd}, []byte{0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf, 0x99})},
	}
}

func call42(call []byte) []byte { return join(wasmtest.I32Const(42), call, wasmtest.Drop) }

func TestMeaningOfShapes(t *testing.T) {
	for name := range shapes(wasmtest.NewBuilder()) {
		t.Run(name, func(t *testing.T) {
			b := wasmtest.NewBuilder()
			b.Memory(1, 2)
			b.Export("memory", 2, 0)
			s := shapes(b)[name]
			b.Function("i", "i", "", wasmtest.LocalGet(0), wasmtest.I32Const(77), wasmtest.I32Eq, wasmtest.If, wasmtest.Unreachable, wasmtest.End,
				wasmtest.LocalGet(0), wasmtest.LocalGet(0), wasmtest.I32Add)
			b.Item(4, []byte{0x70, 0, 2})
			b.Item(9, []byte{0, 0x41, 0, 0x0b, 1, other})
			b.Item(12, []byte{1})
			b.Item(11, []byte{1, 8, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})
			b.Export("f", 0, b.Function("i", s.results, s.locals, s.code))
			binary := b.Bytes()
			rewritten := instrumented(t, binary)
			checkCosts(t, binary, rewritten)
			x, y := raw(t, binary), raw(t, rewritten)
			for _, arg := range []uint64{0, 1, 2, 3, 77, 1 << 31} {
				was, is := x.call("f", arg), y.call("f", arg)
				if was != is {
					t.Errorf("f(%d): %s as written, %s instrumented", arg, was, is)
				}
				sameState(t, fmt.Sprintf("f(%d)", arg), x, y)
			}
			if len(s.results) > 0 && x.call("f", 1) == "" {
				t.Error("no results were compared")
			}
		})
	}
}
