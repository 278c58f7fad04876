package plugins_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/tetratelabs/wazero"
	"pgregory.net/rapid"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/instrument"
)

// Offsets and addresses at which something may go wrong: the edges of blocks and
// pages, of the map, of signed and of unsigned numbers.
var (
	edgeOffsets = []uint32{0, 1, 7, 4095, 65528, instrument.MapBytes, 1<<31 - 1, 1 << 31, math.MaxUint32 - instrument.MapBytes - 7,
		math.MaxUint32 - instrument.MapBytes, math.MaxUint32 - instrument.MapBytes + 1, math.MaxUint32}
	edges = []uint32{0, 4096, 8192, 65536, 2 * 65536, 3 * 65536, 4 * 65536, instrument.MapBytes, 1 << 31, math.MaxUint32 - instrument.MapBytes + 1}
)

// accessModule has a function for every load and store with every offset of
// edgeOffsets, named by opcode and offset, and one for each other instruction
// that touches memory. Its memory has one page and a maximum, or none below 0.
func accessModule(pagesMax int) []byte {
	b := wasmtest.NewBuilder()
	b.Memory(1, pagesMax)
	b.Export("memory", 2, 0)
	b.Item(12, []byte{2})
	b.Data(65536-6, []byte("at end"))
	b.Item(11, append([]byte{1, 8}, "passive!"...))
	add := func(name, params, results string, code ...[]byte) {
		b.Export(name, 0, b.Function(params, results, "", code...))
	}
	for _, offset := range edgeOffsets {
		arg := join([]byte{0}, wasmtest.Unsigned(uint64(offset)))
		for op, results := range "iIfFiiiiIIIIII" {
			add(fmt.Sprintf("%#x+%d", 0x28+op, offset), "i", string(results), wasmtest.LocalGet(0), join([]byte{0x28 + byte(op)}, arg))
		}
		for op, operand := range "iIfFiiIII" {
			add(fmt.Sprintf("%#x+%d", 0x36+op, offset), "i"+string(operand), "", wasmtest.LocalGet(0), wasmtest.LocalGet(1), join([]byte{0x36 + byte(op)}, arg))
		}
	}
	three := join(wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.LocalGet(2))
	add("init", "iii", "", three, []byte{0xfc, 8, 1, 0})
	add("copy", "iii", "", three, []byte{0xfc, 10, 0, 0})
	add("fill", "iii", "", three, []byte{0xfc, 11, 0})
	add("size", "", "i", []byte{0x3f, 0})
	add("grow", "i", "i", wasmtest.LocalGet(0), []byte{0x40, 0})
	return b.Bytes()
}

// pair is a module as it was written and instrumented.
type pair struct{ written, instrumented *specimen }

func newPair(tb testing.TB, pagesMax int) pair {
	return pairOf(tb, accessModule(pagesMax), nil)
}

// pairOf starts a module twice, with the code in cache if there is one.
func pairOf(tb testing.TB, binary []byte, cache wazero.CompilationCache) pair {
	return pair{rawFrom(tb, binary, cache), rawFrom(tb, instrumented(tb, binary), cache)}
}

// call calls a function of both and wants the same of both.
func (p pair) call(t rapid.TB, name string, args ...uint64) string {
	t.Helper()
	was, is := p.written.call(name, args...), p.instrumented.call(name, args...)
	if was != is {
		t.Fatalf("%s%v: %s as written, %s instrumented", name, args, was, is)
	}
	return is
}

// same compares the memories and checks the marks.
func (p pair) same(t rapid.TB, what string) {
	t.Helper()
	sameState(t, what, p.written, p.instrumented)
	p.instrumented.takeMarks(t, what)
}

// drawAddress draws an address near an edge, mostly.
func drawAddress(t *rapid.T, name string) uint64 {
	if rapid.IntRange(0, 9).Draw(t, name+" anywhere") == 0 {
		return uint64(rapid.Uint32().Draw(t, name))
	}
	edge := rapid.SampledFrom(edges).Draw(t, name+" edge")
	return uint64(uint32(int64(edge) + int64(rapid.IntRange(-9, 9).Draw(t, name))))
}

func drawLength(t *rapid.T) uint64 {
	if rapid.Bool().Draw(t, "short") {
		return uint64(rapid.IntRange(0, 20).Draw(t, "length"))
	}
	return drawAddress(t, "length")
}

// step runs one random instruction on both.
func (p pair) step(t *rapid.T) {
	offset := rapid.SampledFrom(edgeOffsets).Draw(t, "offset")
	address := drawAddress(t, "address")
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind < 2:
		p.call(t, fmt.Sprintf("%#x+%d", 0x28+rapid.IntRange(0, 13).Draw(t, "load"), offset), address)
	case kind < 6:
		value := rapid.Uint64().Draw(t, "value")
		op := rapid.IntRange(0, 8).Draw(t, "store")
		if op == 2 || op == 4 || op == 5 || op == 0 {
			value = uint64(uint32(value))
		}
		p.call(t, fmt.Sprintf("%#x+%d", 0x36+op, offset), address-uint64(offset)&math.MaxUint32*uint64(rapid.IntRange(0, 1).Draw(t, "meet"))&math.MaxUint32, value)
	case kind < 9:
		name := rapid.SampledFrom([]string{"init", "copy", "fill"}).Draw(t, "bulk")
		p.call(t, name, address, drawAddress(t, "source"), drawLength(t))
	default:
		p.call(t, "grow", uint64(rapid.SampledFrom([]uint32{0, 1, 1, 2, 40, 65519, 65520, 65535, 65536, 1 << 31, math.MaxUint32}).Draw(t, "pages")))
	}
	p.call(t, "size")
}

// TestAccessesMeanTheSame runs random loads, stores, bulk operations and growths
// on both: same results, traps and memory, and a mark on all that changed.
func TestAccessesMeanTheSame(t *testing.T) {
	for _, pagesMax := range []int{-1, 1, 4, 65536} {
		t.Run(fmt.Sprint(pagesMax), func(t *testing.T) {
			binary, cache := accessModule(pagesMax), wazero.NewCompilationCache()
			t.Cleanup(func() { // after the runtimes
				if err := cache.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
			rapid.Check(t, func(rt *rapid.T) {
				p := pairOf(t, binary, cache)
				p.same(rt, "start")
				for range rapid.IntRange(1, 40).Draw(rt, "steps") {
					p.step(rt)
				}
				p.same(rt, "end")
			})
		})
	}
}

// TestStoresAtEveryEdge stores with every width at every address around the
// edges, each meant alone and each by way of every offset.
func TestStoresAtEveryEdge(t *testing.T) {
	p := newPair(t, 4)
	p.call(t, "grow", 3)
	counts := map[bool]int{}
	for op := range 9 {
		for _, edge := range edges {
			for around := -9; around <= 9; around++ {
				for _, offset := range edgeOffsets {
					address := uint32(int64(edge)+int64(around)) - offset
					result := p.call(t, fmt.Sprintf("%#x+%d", 0x36+op, offset), uint64(address), 0x2122232425262728*uint64(op+around+10))
					counts[result == ""]++
				}
				p.same(t, fmt.Sprintf("store %#x at %d%+d", 0x36+op, edge, around))
			}
		}
	}
	if counts[true] == 0 || counts[false] == 0 {
		t.Errorf("%v stores, by whether they took place", counts)
	}
}

// TestBulkOperationsThatWrap must trap like any that is out of bounds, with
// length 0 as well, and must not write a byte first.
func TestBulkOperationsThatWrap(t *testing.T) {
	p := newPair(t, 1)
	const far = math.MaxUint32
	for _, at := range []uint64{far, far - 1, far - instrument.MapBytes, far - instrument.MapBytes + 1, far - instrument.MapBytes + 2, far - 2*instrument.MapBytes, 65537, 1 << 31} {
		for _, n := range []uint64{0, 1, 65536, instrument.MapBytes, far - at, far - at + 1, far} {
			for _, name := range []string{"fill", "copy", "init"} {
				if got := p.call(t, name, at, 0, n); got != "wasm error: out of bounds memory access" {
					t.Errorf("%s at %d of %d: %q", name, at, n, got)
				}
			}
			if got := p.call(t, "copy", 0, at, n); got != "wasm error: out of bounds memory access" {
				t.Errorf("copy from %d of %d: %q", at, n, got)
			}
		}
	}
	for _, n := range []uint64{0, 1, 6} {
		p.call(t, "fill", 65536-n, 1, n)
		p.call(t, "copy", 65536-n, 0, n)
		p.call(t, "init", 65536-n, 1, n)
	}
	p.same(t, "end")
}

// TestTheMapCannotBeRead loads with every width, offset and edge once all blocks
// are marked: no load may see a mark, which are the only ones in memory.
func TestTheMapCannotBeRead(t *testing.T) {
	p := newPair(t, 1)
	marks, _ := p.instrumented.module.Memory().Read(0, instrument.MapBytes)
	for i := range marks {
		marks[i] = 1
	}
	for op := range 14 {
		for _, edge := range edges {
			for around := -9; around <= 9; around++ {
				for _, offset := range edgeOffsets {
					p.call(t, fmt.Sprintf("%#x+%d", 0x28+op, offset), uint64(uint32(int64(edge)+int64(around))))
				}
			}
		}
	}
	p.same(t, "end")
}

// TestDataAtTheEdges puts segments at the start, at the end and beyond signed
// numbers.
func TestDataAtTheEdges(t *testing.T) {
	b := wasmtest.NewBuilder()
	b.Memory(2, -1)
	b.Export("memory", 2, 0)
	b.Data(0, []byte("first"))
	b.Data(4094, []byte("straddles"))
	b.Item(11, join([]byte{2, 0}, wasmtest.I32Const(65530), []byte{0x0b, 12}, []byte("over a page!")))
	b.Item(11, join([]byte{0, 0x41, 0xfb, 0xff, 0x87, 0x00, 0x0b, 5}, []byte("last!"))) // a padded number
	b.Data(2*65536, nil)
	written := b.Bytes()
	x, y := raw(t, written), raw(t, instrumented(t, written))
	sameState(t, "start", x, y)
	if got := string(y.memory()[2*65536-5:]); got != "last!" {
		t.Errorf("the end of the memory is %q", got)
	}
	y.takeMarks(t, "start")
}

func TestDeclaredMaximaHold(t *testing.T) {
	for _, c := range []struct {
		pagesMax int
		grow     uint64
		want     string
	}{{1, 0, "0x1"}, {1, 1, "0xffffffff"}, {4, 3, "0x1"}, {4, 4, "0xffffffff"}, {4, math.MaxUint32, "0xffffffff"}, {4, math.MaxUint32 - instrument.MapPages, "0xffffffff"},
		{-1, 63, "0x1"}, {-1, 64, "0xffffffff"}, {65536, 63, "0x1"}, {65519, 64, "0xffffffff"}, {65520, 65535, "0xffffffff"}} {
		p := newPair(t, c.pagesMax)
		if got := p.call(t, "grow", c.grow); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
		p.call(t, "size")
		p.same(t, fmt.Sprint(c))
	}
}

func TestStraddlingStoresMarkTheEarlierBlock(t *testing.T) {
	p := newPair(t, 1)
	p.same(t, "start")
	p.call(t, "0x37+0", 4096-7, 0x0101010101010101)
	memory := p.instrumented.memory()
	if first := binary.LittleEndian.Uint64(memory[4096-7:]); first != 0x0101010101010101 {
		t.Fatalf("stored %#x", first)
	}
	marks, _ := p.instrumented.module.Memory().Read(0, 2)
	if marks[0] != 1 || marks[1] != 0 {
		t.Errorf("marks %v", marks)
	}
	p.same(t, "store")
}
