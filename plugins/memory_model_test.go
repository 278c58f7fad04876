package plugins_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
)

// What the scribbler does, one instruction after the other: an operation and
// three numbers. It has no other state than its memory and answers with nothing.
const (
	scribbleStore = iota // the 8 bytes of b at a
	scribbleFill         // c bytes of b at a
	scribbleCopy         // c bytes from b to a
	scribbleGrow         // by a&3 pages, and stores the result at b
	scribbleTrap
	scribbleBytes = 13
)

// scribbler interprets the one command of its entry in place: a command may
// change itself.
func scribbler() []byte {
	const cursor, end, op = 2, 3, 4
	at := func(offset uint32) []byte {
		return join(wasmtest.LocalGet(cursor), []byte{0x28, 0}, wasmtest.Unsigned(uint64(offset)))
	}
	when := func(is int32, code ...[]byte) []byte {
		return join(wasmtest.LocalGet(op), wasmtest.I32Const(is), wasmtest.I32Eq, wasmtest.If, join(code...), wasmtest.End)
	}
	code := join(
		wasmtest.LocalGet(0), wasmtest.I32Const(8), wasmtest.I32Add, []byte{0x21, cursor},
		wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.I32Add, []byte{0x21, end},
		[]byte{0x02, 0x40}, wasmtest.Loop,
		wasmtest.LocalGet(cursor), wasmtest.LocalGet(end), []byte{0x4f, 0x0d, 1}, // at the end: leave
		wasmtest.LocalGet(cursor), wasmtest.I32Load8(0), []byte{0x21, op},
		when(scribbleStore, at(1), at(5), wasmtest.I64ExtendU, []byte{0x37, 0, 0}),
		when(scribbleFill, at(1), at(5), at(9), []byte{0xfc, 11, 0}),
		when(scribbleCopy, at(1), at(5), at(9), []byte{0xfc, 10, 0, 0}),
		when(scribbleGrow, at(5), at(1), wasmtest.I32Const(3), []byte{0x71}, wasmtest.MemoryGrow(), wasmtest.I32Store(0)),
		when(scribbleTrap, wasmtest.Unreachable),
		wasmtest.LocalGet(cursor), wasmtest.I32Const(scribbleBytes), wasmtest.I32Add, []byte{0x21, cursor}, wasmtest.Br(0),
		wasmtest.End, wasmtest.End, result(0, 0, 8))
	b := wasmtest.NewBuilder()
	b.Memory(1, -1)
	b.Export("memory", 2, 0)
	f := b.Function("ii", "I", "iii", code)
	b.Export("wraft_apply", 0, f)
	b.Export("wraft_query", 0, f)
	b.Export("wraft_abi_v1", 0, b.Function("", "", ""))
	b.Export("wraft_alloc", 0, b.Function("i", "i", "", wasmtest.I32Const(wasmtest.InputAt)))
	b.Export("wraft_snapshot", 0, b.Function("", "i", "", wasmtest.I32Const(0)))
	b.Export("wraft_restore", 0, b.Function("i", "i", "", wasmtest.I32Const(0)))
	b.Data(4000, []byte("data from the start, across a block and nothing more to say: just to be there, and longer, and longer still"))
	return b.Bytes()
}

// scribbleModel is what the scribbler's memory must be.
type scribbleModel struct {
	memory   []byte
	pagesMax int
}

// run does what the scribbler does with one command and reports whether it came
// to its end.
func (m *scribbleModel) run(input []byte) bool {
	before := append([]byte(nil), m.memory...)
	copy(m.memory[wasmtest.InputAt:], input)
	for p := wasmtest.InputAt + 8; p < wasmtest.InputAt+len(input); p += scribbleBytes {
		if !m.step(p) {
			m.memory = before
			return false
		}
	}
	copy(m.memory[wasmtest.OutputAt:], make([]byte, 8))
	return true
}

func (m *scribbleModel) step(p int) bool {
	op, number := m.memory[p], func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(m.memory[p+at:])) }
	a, b, c, size := number(1), number(5), number(9), uint64(len(m.memory))
	switch op {
	case scribbleStore:
		if a+8 > size {
			return false
		}
		binary.LittleEndian.PutUint64(m.memory[a:], b)
	case scribbleFill:
		if a+c > size {
			return false
		}
		for k := range m.memory[a : a+c] {
			m.memory[a+uint64(k)] = byte(b)
		}
	case scribbleCopy:
		if a+c > size || b+c > size {
			return false
		}
		copy(m.memory[a:a+c], m.memory[b:b+c])
	case scribbleGrow:
		pages := int(size / 65536)
		result := uint32(pages)
		if grown := pages + int(a&3); grown > m.pagesMax {
			result = 1<<32 - 1
		} else {
			m.memory = append(m.memory, make([]byte, int(a&3)*65536)...)
		}
		if b+4 > uint64(len(m.memory)) {
			return false
		}
		binary.LittleEndian.PutUint32(m.memory[b:], result)
	case scribbleTrap:
		return false
	}
	return true
}

// drawScribbles draws a command. The input area is 1 KiB before the output's.
func drawScribbles(t *rapid.T, size int) []byte {
	var command []byte
	address := func(name string) uint32 {
		edge := rapid.SampledFrom([]int{1024, 1100, 2048, 4096, 8192, 65536, size, size / 2, 1 << 31, 1<<32 - 1<<20}).Draw(t, name)
		return uint32(int64(edge) + int64(rapid.IntRange(-20, 3).Draw(t, name)))
	}
	for range rapid.IntRange(1, 8).Draw(t, "instructions") {
		op := rapid.SampledFrom([]byte{0, 0, 0, 0, 1, 1, 2, 2, 3, 4}).Draw(t, "op")
		a, b, c := address("a"), address("b"), rapid.Uint32Range(0, 9000).Draw(t, "c")
		if op != scribbleTrap && rapid.IntRange(0, 3).Draw(t, "inside") > 0 { // most instructions should succeed
			a, b = a%uint32(size-9000), b%uint32(size-9000)
		}
		command = append(command, op)
		for _, v := range []uint32{a, b, c} {
			command = binary.LittleEndian.AppendUint32(command, v)
		}
	}
	return command
}

// framed is a command as the guest gets it alone.
func framed(command []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(command)))
	return append(b, command...)
}

// TestMemoryFollowsItsModel applies random commands, queries and batches of which
// some trap, and compares the machine's whole memory with the model's each time.
func TestMemoryFollowsItsModel(t *testing.T) {
	const pagesMax = 9
	rapid.Check(t, func(rt *rapid.T) {
		i := start(t, shared, scribbler(), plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: pagesMax * 65536}})
		model := &scribbleModel{memory: append([]byte(nil), i.Memory()...), pagesMax: pagesMax}
		for index := range uint64(rapid.IntRange(1, 12).Draw(rt, "entries")) {
			if rapid.IntRange(0, 3).Draw(rt, "query") == 0 {
				query := framed(drawScribbles(rt, len(model.memory)))
				if _, err := i.Query(context.Background(), query); err != nil {
					rt.Fatal(err)
				}
			} else {
				scribble(rt, i, model, index+1)
			}
			if err := i.Audit(); err != nil {
				rt.Fatal(err)
			}
			if got, want := i.Memory(), model.memory; string(got) != string(want) {
				rt.Fatalf("entry %d: memories of %d and %d bytes differ", index, len(got), len(want))
			}
		}
	})
}

// scribble applies one entry to both. A batch is malformed as a whole, since the
// scribbler answers one command, so its commands are applied one at a time.
func scribble(t *rapid.T, i *plugins.Instance, model *scribbleModel, index uint64) {
	var commands [][]byte
	var want []string
	for range rapid.IntRange(1, 4).Draw(t, "commands") {
		command := drawScribbles(t, len(model.memory))
		commands = append(commands, command)
		status := "ok"
		if !model.run(framed(command)) {
			status = "trap"
		}
		want = append(want, status)
	}
	results, err := i.Apply(context.Background(), plugins.Moment{Index: index}, commands)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, map[int32]string{abi.StatusOK: "ok", abi.StatusTrap: "trap"}[r.Status])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("entry %d: %v, want %v", index, got, want)
	}
}
