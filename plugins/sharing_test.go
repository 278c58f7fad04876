package plugins_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/instrument"
)

// Locals of the functions of records: the address and what is stored, which are
// passed, another address and a counter.
const (
	recordAt, stored, otherAt, counter = 0, 1, 2, 3
)

// store64 stores 8 bytes at a local's value and an offset.
func store64(local uint32, offset uint64) []byte {
	return join(wasmtest.LocalGet(local), wasmtest.LocalGet(stored), []byte{0x37, 0}, wasmtest.Unsigned(offset))
}

// sumStore64 stores 8 bytes at the sum of a local's value and a number.
func sumStore64(local uint32, added int32) []byte {
	return join(wasmtest.LocalGet(local), wasmtest.I32Const(added), wasmtest.I32Add, wasmtest.LocalGet(stored), []byte{0x37, 0, 0})
}

// moved adds a number to a local.
func moved(local uint32, n int32) []byte {
	return join(wasmtest.LocalGet(local), wasmtest.I32Const(n), wasmtest.I32Add, wasmtest.LocalSet(local))
}

// rounds goes round three times.
func rounds(code ...[]byte) []byte {
	return join(wasmtest.Loop, join(code...), moved(counter, 1), wasmtest.LocalGet(counter), wasmtest.I32Const(3), []byte{0x49}, wasmtest.BrIf(0), wasmtest.End)
}

// whether is true when the address is a multiple of 2.
var whether = join(wasmtest.LocalGet(recordAt), wasmtest.I32Const(1), []byte{0x71}, wasmtest.I32Eqz)

// sharing are functions that store to records, each with the number of marks that
// its stores need.
func sharing() map[string]struct {
	marks int
	code  []byte
} {
	type s = struct {
		marks int
		code  []byte
	}
	at, both := store64, join(store64(recordAt, 0), store64(recordAt, 8))
	constant := func(address int32) []byte {
		return join(wasmtest.I32Const(address), wasmtest.LocalGet(stored), []byte{0x37, 0, 0})
	}
	return map[string]s{
		"fields":            {1, join(at(0, 0), at(0, 8), at(0, 16), at(0, 100))},
		"downwards":         {1, join(at(0, 100), at(0, 16), at(0, 0))},
		"far above":         {1, join(at(0, 5000), at(0, 5100), at(0, 4900))},
		"up to the slack":   {1, join(at(0, 0), at(0, 249))},
		"beyond the slack":  {2, join(at(0, 0), at(0, 250))},
		"both ways":         {2, join(at(0, 130), at(0, 0), at(0, 260))},
		"trap between":      {1, join(at(0, 0), wasmtest.IfCode(whether), wasmtest.Unreachable, wasmtest.End, at(0, 249))},
		"trap, downwards":   {1, join(at(0, 249), wasmtest.IfCode(whether), wasmtest.Unreachable, wasmtest.End, at(0, 0))},
		"great offsets":     {1, join(at(0, math.MaxUint32-instrument.MapBytes-200), at(0, math.MaxUint32-instrument.MapBytes-100))},
		"greatest offset":   {1, join(at(0, 0), at(0, math.MaxUint32))},
		"moved between":     {2, join(at(0, 0), moved(0, 4096), at(0, 0))},
		"moved in between":  {2, join(wasmtest.LocalGet(0), moved(0, 4096), wasmtest.LocalGet(stored), []byte{0x37, 0, 0}, at(0, 0))},
		"tee":               {1, join(wasmtest.LocalGet(0), wasmtest.I32Const(4096), wasmtest.I32Add, []byte{0x22, otherAt}, wasmtest.LocalGet(stored), []byte{0x37, 0, 0}, at(otherAt, 8))},
		"tee over itself":   {2, join(at(0, 0), wasmtest.LocalGet(0), wasmtest.I32Const(4096), wasmtest.I32Add, []byte{0x22, 0}, wasmtest.LocalGet(stored), []byte{0x37, 0, 0}, at(0, 8))},
		"sums":              {1, join(sumStore64(0, 16), sumStore64(0, 24), sumStore64(0, 264))},
		"sums that wrap":    {2, join(sumStore64(0, 32), at(0, 0))},
		"wraps and traps":   {2, join(sumStore64(0, 32), wasmtest.IfCode(whether), wasmtest.Unreachable, wasmtest.End, at(0, 0))},
		"sum above":         {1, join(at(0, 0), sumStore64(0, 32))},
		"sum below":         {2, join(at(0, 0), sumStore64(0, -32))},
		"far sums":          {2, join(sumStore64(0, 0x1000), sumStore64(0, -0x1000))},
		"difference":        {1, join(wasmtest.LocalGet(0), wasmtest.I32Const(16), []byte{0x6b, 0x22, otherAt}, wasmtest.LocalGet(stored), []byte{0x37, 0, 0}, at(otherAt, 8))},
		"constants":         {2, join(constant(4090), constant(4094), constant(4100), constant(8190))},
		"constants, one":    {1, join(constant(4096), constant(8184))},
		"constant, down":    {1, join(constant(4097), constant(4089))},
		"branch not taken":  {2, join(wasmtest.IfCode(whether), at(0, 0), wasmtest.End, at(0, 8))},
		"either branch":     {2, join(wasmtest.IfCode(whether), at(0, 0), wasmtest.Else, at(0, 8), wasmtest.End)},
		"before a branch":   {1, join(at(0, 0), wasmtest.IfCode(whether), at(0, 8), wasmtest.Else, at(0, 16), wasmtest.End, at(0, 24))},
		"set in a branch":   {2, join(at(0, 0), wasmtest.IfCode(whether), moved(0, 4096), wasmtest.End, at(0, 8))},
		"set, then in it":   {3, join(at(0, 0), wasmtest.IfCode(whether), moved(0, 4096), at(0, 0), wasmtest.End, at(0, 400))},
		"left early":        {2, join(wasmtest.Block, whether, wasmtest.BrIf(0), at(0, 0), wasmtest.End, at(0, 8))},
		"not left":          {1, join(wasmtest.Block, at(0, 0), whether, wasmtest.BrIf(0), at(0, 8), wasmtest.End)},
		"in a loop":         {1, rounds(both, moved(0, 4096))},
		"moved in a loop":   {2, rounds(at(0, 0), moved(0, 4096), at(0, 0))},
		"before a loop":     {2, join(at(0, 0), rounds(at(0, 8), moved(0, 4096)))},
		"around a loop":     {2, join(at(0, 0), rounds(at(otherAt, 0), moved(otherAt, 4096)), at(0, 8))},
		"behind a loop":     {3, join(at(0, 0), rounds(at(0, 8), moved(0, 4096)), at(0, 16))},
		"before two loops":  {3, join(at(0, 0), rounds(rounds(at(0, 8), moved(0, 4096)), at(0, 16)))},
		"a call between":    {1, join(at(0, 0), wasmtest.LocalGet(0), wasmtest.LocalGet(stored), wasmtest.Call(0), at(0, 8))},
		"growth between":    {1, join(at(0, 0), wasmtest.I32Const(1), wasmtest.MemoryGrow(), wasmtest.Drop, at(0, 200))},
		"parts of a word":   {1, join(wasmtest.LocalGet(0), wasmtest.LocalGet(stored), []byte{0x3c, 0, 7}, wasmtest.LocalGet(0), wasmtest.LocalGet(stored), []byte{0x3d, 0, 5}, at(0, 0))},
		"address on top":    {2, join(wasmtest.LocalGet(0), wasmtest.LocalGet(stored), wasmtest.LocalGet(0), wasmtest.I32Const(7), []byte{0x71, 0x1a}, []byte{0x37, 0, 0}, wasmtest.LocalGet(0), wasmtest.I32Const(-8192), []byte{0x71}, wasmtest.LocalGet(stored), []byte{0x37, 0, 0})},
		"a block's address": {2, join([]byte{0x02, 0x7f}, wasmtest.LocalGet(0), whether, wasmtest.BrIf(0), wasmtest.Drop, wasmtest.I32Const(4096), wasmtest.End, wasmtest.LocalGet(stored), []byte{0x37, 0, 0}, at(0, 0))},
	}
}

// sharingModule exports f, which runs code, and has a function that stores above the
// address that it is given.
func sharingModule(code []byte) []byte {
	b := wasmtest.NewBuilder()
	b.Memory(2, 4)
	b.Export("memory", 2, 0)
	b.Function("iI", "", "", store64(0, 5000))
	b.Export("f", 0, b.Function("iI", "", "ii", code))
	return b.Bytes()
}

// aMark is how the pass sets one: it stores the number 1, at an address without offset.
var aMark = []byte{0x41, 1, 0x3a, 0, 0}

// bases are addresses near everything that may go wrong.
func bases() (out []uint64) {
	for _, edge := range []uint32{0, 4096, 8192, 65536, 2 * 65536, 1 << 31, math.MaxUint32 - instrument.MapBytes + 1} {
		for _, around := range []int64{-5001, -5000, -4096, -257, -256, -255, -250, -249, -248, -200, -132, -33, -32, -16, -9, -8, -7, -2, -1, 0, 1, 8, 16, 200} {
			out = append(out, uint64(uint32(int64(edge)+around)))
		}
	}
	return out
}

// TestStoresShareMarks runs each function at every edge: the same memory as without
// the pass, a mark on all that has changed whatever traps in between, and no more
// marks than there have to be.
func TestStoresShareMarks(t *testing.T) {
	for name, s := range sharing() {
		t.Run(name, func(t *testing.T) {
			binary := sharingModule(s.code)
			rewritten := instrumented(t, binary)
			if got := bytes.Count(rewritten, aMark) - 1; got != s.marks { // but for the function that is called
				t.Errorf("%d marks, want %d", got, s.marks)
			}
			x, y := raw(t, binary), raw(t, rewritten)
			for n, base := range bases() {
				what := fmt.Sprintf("at %#x", base)
				value := 0x0101010101010101 * uint64(n%200+1)
				if was, is := x.call("f", base, value), y.call("f", base, value); was != is {
					t.Fatalf("%s: %s as written, %s instrumented", what, was, is)
				}
				sameState(t, what, x, y)
				y.takeMarks(t, what)
			}
		})
	}
}

// TestMissingMarksAreNoticed takes each mark out of each function, one at a time: the
// check of the test above must notice every one.
func TestMissingMarksAreNoticed(t *testing.T) {
	for name, s := range sharing() {
		if name == "great offsets" {
			continue // beyond any memory of this test
		}
		rewritten := instrumented(t, sharingModule(s.code))
		at := bytes.Index(rewritten, aMark) // of the function that is called
		for range s.marks {
			at += 1 + bytes.Index(rewritten[at+1:], aMark)
			broken := slices.Clone(rewritten)
			copy(broken[at:], []byte{0x1a, 0x01, 0x01, 0x01, 0x01}) // drop, nop
			if !noticed(t, broken) {
				t.Errorf("%s: nobody missed the mark at %#x", name, at)
			}
		}
	}
}

// noticed reports whether a change without a mark shows in some call.
func noticed(t *testing.T, binary []byte) bool {
	y := raw(t, binary)
	for n, base := range bases() {
		y.call("f", base, 0x0101010101010101*uint64(n%200+1))
		if y.unmarked() != nil {
			return true
		}
	}
	return false
}

// TestTrapsBetweenSharedMarksAreUndone has a machine whose commands store two fields of
// a record around the end of a block, trap, and would store a third.
func TestTrapsBetweenSharedMarksAreUndone(t *testing.T) {
	const record = 1
	field := func(offset uint64) []byte {
		return join(wasmtest.LocalGet(record), wasmtest.I64Const(-1), []byte{0x37, 0}, wasmtest.Unsigned(offset))
	}
	code := join(wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const(8*4096-255), wasmtest.I32Add, wasmtest.LocalSet(record),
		field(200), field(0), wasmtest.IfCode(join(wasmtest.LocalGet(0), wasmtest.I32Load8(9))), wasmtest.Unreachable, wasmtest.End, field(248), result(0, 0, 8))
	i := start(t, shared, wasmtest.NewMachine(code).Bytes(), plugins.InstanceConfig{})
	before := stateHash(t, i)
	for at := range 256 {
		if got := apply(t, i, uint64(at+1), string([]byte{byte(at), 1}))[0]; got != "-1 unreachable" {
			t.Fatalf("at %d: %q", at, got)
		}
		if stateHash(t, i) != before {
			t.Fatalf("at %d: the state has changed", at)
		}
	}
	if got := apply(t, i, 257, "\x00\x00")[0]; got != "0 " || stateHash(t, i) == before {
		t.Errorf("a command that doesn't trap: %q", got)
	}
}
