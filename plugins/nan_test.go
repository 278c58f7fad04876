package plugins_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
)

// The canonical NaNs.
const (
	nan32 = "0x7fc00000"
	nan64 = "0x7ff8000000000000"
)

// Quiet NaNs with a sign and a payload.
var odd32, odd64 = f32(0xffc12345), f64(0xfff8123456789abc)

func f32(bits uint32) []byte { return binary.LittleEndian.AppendUint32([]byte{0x43}, bits) }

func f64(bits uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{0x44}, bits) }

// bits is code that leaves a float as an integer, and what that must be.
type bits struct {
	result string
	code   []byte
	want   string
}

func TestNaNsAreCanonical(t *testing.T) {
	cases := map[string]bits{
		"promote":         {"I", join(odd32, []byte{0xbb, 0xbd}), nan64},
		"demote":          {"i", join(odd64, []byte{0xb6, 0xbc}), nan32},
		"zero by zero":    {"I", join(f64(0), f64(0), []byte{0xa3, 0xbd}), nan64},
		"minus inf":       {"i", join(f32(0x7f800000), f32(0x7f800000), []byte{0x93, 0xbc}), nan32},
		"root of minus":   {"I", join(f64(0xbff0000000000000), []byte{0x9f, 0xbd}), nan64},
		"a chain":         {"I", join(f64(0), f64(0), []byte{0xa3}, f64(1), []byte{0xa0}, f64(2), []byte{0xa2, 0xbd}), nan64},
		"taken at once":   {"I", join(f64(5), f64(0), f64(0), []byte{0xa3, 0xa0, 0xbd}), nan64},
		"into copysign":   {"I", join(f64(0x3ff0000000000000), f64(0), f64(0), []byte{0xa3, 0xa6, 0xbd}), "0x3ff0000000000000"},
		"into neg":        {"I", join(f64(0), f64(0), []byte{0xa3, 0x9a, 0xbd}), "0xfff8000000000000"},
		"through a local": {"I", join(f64(0), f64(0), []byte{0xa3, 0x21, 1}, wasmtest.LocalGet(1), []byte{0xbd}), nan64},
		"through memory":  {"I", join(wasmtest.I32Const(8), f64(0), f64(0), []byte{0xa3, 0x39, 3, 0}, wasmtest.I32Const(8), []byte{0x29, 3, 0}), nan64},
		"constants stay":  {"I", join(odd64, []byte{0xbd}), "0xfff8123456789abc"},
		"neg only flips":  {"i", join(odd32, []byte{0x8c, 0xbc}), "0x7fc12345"},
		"numbers stay":    {"I", join(f64(0x3ff8000000000000), f64(0x4000000000000000), []byte{0xa2, 0xbd}), "0x4008000000000000"},
	}
	for op := byte(0x8d); op <= 0x91; op++ { // rounding, sqrt
		cases[fmt.Sprintf("f32 %#x", op)] = bits{"i", join(odd32, []byte{op, 0xbc}), nan32}
	}
	for op := byte(0x92); op <= 0x97; op++ {
		cases[fmt.Sprintf("f32 %#x", op)] = bits{"i", join(odd32, f32(0x3f800000), []byte{op, 0xbc}), nan32}
	}
	for op := byte(0xa0); op <= 0xa5; op++ {
		cases[fmt.Sprintf("f64 %#x", op)] = bits{"I", join(f64(0x3ff0000000000000), odd64, []byte{op, 0xbd}), nan64}
	}
	checkBits(t, cases)
}

// TestNaNsAreFollowed lets NaNs go through locals, loops, choices, calls and blocks
// before they are seen, beside NaNs that are data. Local 0 is 0, local 1 a float.
func TestNaNsAreFollowed(t *testing.T) {
	get, zero, again := wasmtest.LocalGet(1), f64(0), join(wasmtest.LocalGet(0), wasmtest.BrIf(0))
	checkBits(t, map[string]bits{
		"in a loop":         {"I", join(wasmtest.Loop, get, f64(1), []byte{0xa0}, zero, []byte{0xa3}, zero, []byte{0xa2, 0x21, 1}, again, wasmtest.End, get, []byte{0xbd}), nan64},
		"in a loop, stored": {"I", join(wasmtest.Loop, get, f64(1), []byte{0xa0}, zero, []byte{0xa3}, zero, []byte{0xa2, 0x21, 1}, again, wasmtest.End, wasmtest.I32Const(8), get, []byte{0x39, 3, 0}, wasmtest.I32Const(8), []byte{0x29, 3, 0}), nan64},
		"copied in a loop":  {"I", join(wasmtest.Loop, zero, zero, []byte{0xa3, 0x21, 1}, get, []byte{0x21, 2}, again, wasmtest.End, wasmtest.LocalGet(2), []byte{0xbd}), nan64},
		"passed round":      {"I", join(zero, zero, []byte{0xa3, 0x21, 1}, wasmtest.Loop, get, []byte{0x21, 2}, zero, zero, []byte{0xa3, 0x21, 1}, again, wasmtest.End, wasmtest.LocalGet(2), []byte{0xbd}), nan64},
		"sign in a loop":    {"I", join(wasmtest.Loop, get, zero, []byte{0xa0}, zero, []byte{0xa3, 0x9a, 0x21, 1}, again, wasmtest.End, get, []byte{0xbd}), "0xfff8000000000000"},
		"size in a loop":    {"I", join(wasmtest.Loop, get, zero, []byte{0xa0}, zero, []byte{0xa3, 0x99, 0x21, 1}, again, wasmtest.End, get, []byte{0xbd}), nan64},
		"data in a local":   {"I", join(odd64, []byte{0x21, 1}, wasmtest.Loop, again, get, zero, []byte{0xa0, 0x1a}, wasmtest.End, get, []byte{0xbd}), "0xfff8123456789abc"},
		"data or result":    {"I", join(odd64, []byte{0x21, 1}, wasmtest.LocalGet(0), wasmtest.If, wasmtest.Loop, get, zero, []byte{0xa0, 0x21, 1}, again, wasmtest.End, wasmtest.End, get, []byte{0xbd}), "0xfff8123456789abc"},
		"data by a copy":    {"I", join(odd64, []byte{0x21, 1}, wasmtest.Block, wasmtest.End, get, []byte{0x21, 2}, wasmtest.Loop, wasmtest.LocalGet(0), wasmtest.If, zero, zero, []byte{0xa3, 0x21, 2}, wasmtest.End, again, wasmtest.End, wasmtest.LocalGet(2), []byte{0xbd}), "0xfff8123456789abc"},
		"data by a choice":  {"I", join(odd64, zero, zero, []byte{0xa3}, wasmtest.I32Const(1), []byte{0x1b, 0x21, 1}, wasmtest.Loop, again, wasmtest.LocalGet(0), wasmtest.If, zero, zero, []byte{0xa3, 0x21, 1}, wasmtest.End, wasmtest.End, get, []byte{0xbd}), "0xfff8123456789abc"},
		"a choice":          {"I", join(zero, zero, []byte{0xa3}, zero, wasmtest.I32Const(1), []byte{0x1b, 0xbd}), nan64},
		"the other choice":  {"I", join(zero, zero, zero, []byte{0xa3}, wasmtest.I32Const(0), []byte{0x1b, 0xbd}), nan64},
		"choice in a loop":  {"I", join(wasmtest.Loop, get, zero, zero, []byte{0xa3}, wasmtest.I32Const(0), []byte{0x1b, 0x21, 1}, again, wasmtest.End, get, []byte{0xbd}), nan64},
		"sign of another":   {"I", join(f64(0x3ff0000000000000), zero, zero, []byte{0xa3, 0x21, 1}, get, []byte{0xa6, 0xbd}), "0x3ff0000000000000"},
		"out of a block":    {"I", join([]byte{0x02, 0x7c}, zero, zero, []byte{0xa3}, wasmtest.End, []byte{0xbd}), nan64},
		"branched with":     {"I", join([]byte{0x02, 0x7c}, zero, zero, []byte{0xa3}, wasmtest.Br(0), wasmtest.End, []byte{0xbd}), nan64},
		"below a block":     {"I", join(zero, zero, []byte{0xa3}, wasmtest.Block, wasmtest.End, []byte{0xbd}), nan64},
		"below a call":      {"I", join(zero, zero, []byte{0xa3}, wasmtest.Call(0), []byte{0xbd}), nan64},
		"an argument":       {"I", join(zero, zero, []byte{0xa3}, wasmtest.Call(1)), nan64},
		"a result":          {"I", join(wasmtest.Call(2), []byte{0xbd}), nan64},
		"a global":          {"I", join(zero, zero, []byte{0xa3}, wasmtest.GlobalSet(0), wasmtest.GlobalGet(0), []byte{0xbd}), nan64},
		"a tee":             {"I", join(zero, zero, []byte{0xa3, 0x22, 1}, zero, []byte{0xa0, 0x1a}, get, []byte{0xbd}), nan64},
		"a tee, seen":       {"I", join(zero, zero, []byte{0xa3, 0x22, 1, 0xbd}), nan64},
		"a parameter":       {"I", join(f64(0), wasmtest.Call(3)), nan64},
		"after a branch":    {"I", join(zero, zero, []byte{0xa3, 0x21, 1}, wasmtest.IfCode(wasmtest.LocalGet(0)), wasmtest.End, get, []byte{0xbd}), nan64},
		"single, in a loop": {"i", join(wasmtest.Loop, wasmtest.LocalGet(3), f32(0), []byte{0x92}, f32(0), []byte{0x95, 0x21, 3}, again, wasmtest.End, wasmtest.LocalGet(3), []byte{0xbc}), nan32},
	})
}

// checkBits calls each function and compares.
func checkBits(t *testing.T, cases map[string]bits) {
	t.Helper()
	zero := f64(0)
	for name, c := range cases {
		b := wasmtest.NewBuilder()
		b.Memory(1, 1)
		b.Item(6, []byte{0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b})
		b.Function("", "", "")
		b.Function("F", "I", "", wasmtest.LocalGet(0), []byte{0xbd})
		b.Function("", "F", "", zero, zero, []byte{0xa3})
		b.Function("F", "I", "", wasmtest.LocalGet(0), zero, []byte{0xa3, 0x21, 0}, wasmtest.Block, wasmtest.End, wasmtest.LocalGet(0), []byte{0xbd})
		b.Export("f", 0, b.Function("i", c.result, "FFf", c.code))
		if got := raw(t, instrumented(t, b.Bytes())).call("f", 0); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// settled counts how often code makes a NaN canonical, by the bits of that: i64.const
// 0x7ff8000000000000.
func settled(t *testing.T, code []byte) int {
	return bytes.Count(instrumented(t, code), []byte{0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xfc, 0xff, 0})
}

// TestNaNsThatNobodySeesAreLeft counts what is settled: what leaves the function, and
// nothing that goes round a loop from arithmetic to arithmetic.
func TestNaNsThatNobodySeesAreLeft(t *testing.T) {
	const x = 2
	step := join(wasmtest.LocalGet(x), wasmtest.LocalGet(x), []byte{0xa2}, wasmtest.LocalGet(x), []byte{0xa0, 0x21, x})
	seen := join(wasmtest.LocalGet(x), []byte{0xbd, 0x21, 1})
	for name, c := range map[string]struct {
		want  int
		round []byte
	}{
		"nothing leaves":    {0, step},
		"two steps":         {0, join(step, step)},
		"each is seen":      {1, join(step, seen)},
		"compared":          {0, join(step, wasmtest.LocalGet(x), wasmtest.LocalGet(x), []byte{0x63, 0x1a})},
		"the lesser":        {0, join(step, wasmtest.LocalGet(x), wasmtest.LocalGet(x), wasmtest.LocalGet(x), wasmtest.LocalGet(x), []byte{0x63, 0x1b, 0x21, x})},
		"across a branch":   {0, join(step, wasmtest.IfCode(wasmtest.LocalGet(0)), step, wasmtest.End)},
		"one branch sees":   {1, join(step, wasmtest.IfCode(wasmtest.LocalGet(0)), seen, wasmtest.End, step)},
		"loaded, then used": {0, join(wasmtest.I32Const(8), []byte{0x2b, 3, 0, 0x21, x}, step)},
		"loaded and kept":   {1, join(wasmtest.I32Const(8), []byte{0x2b, 3, 0, 0x21, x}, wasmtest.IfCode(wasmtest.LocalGet(0)), wasmtest.End, step)},
	} {
		if got := settled(t, kernel(wasmtest.NewBuilder(), "F", c.round)); got != c.want {
			t.Errorf("%s: %d results are settled, want %d", name, got, c.want)
		}
	}
	if got := settled(t, floatKernel()); got != 0 {
		t.Errorf("the loop of the benchmark settles %d results", got)
	}
}
