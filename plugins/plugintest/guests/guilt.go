package guests

import (
	"fmt"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/graft"
	"github.com/wraft/wraft/plugins/wasm"
)

// Crime is what a guilty command does after the machine has handled it.
type Crime byte

// The crimes.
const (
	Trap     Crime = 't' // a plain trap
	Loop     Crime = 'l' // never ends
	Recurse  Crime = 'd' // calls itself for ever
	Grow     Crime = 'g' // grows the memory, writes there and traps
	Scribble Crime = 's' // overwrites memory and mutable globals and traps
	Lie      Crime = 'b' // answers with bytes that are outside of memory
)

// Crimes are all of them.
var Crimes = []Crime{Trap, Grow, Scribble, Lie, Recurse, Loop}

// mark starts a guilty command. It is no start of a command of the examples.
const mark = '!'

// Command is a guilty command. More bytes may follow.
func (c Crime) Command() []byte { return []byte{mark, byte(c)} }

// export under which the machine's own apply is found afterwards.
const innocent = "graft_apply"

// Value types of the format.
const (
	i32 = byte(abi.I32)
	i64 = byte(abi.I64)
)

// Guilty returns the machine with guilty commands: its apply is wrapped.
func Guilty(binary []byte) ([]byte, error) {
	shape, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		return nil, fmt.Errorf("guests: %w", err)
	}
	apply, ok := shape.Export(abi.ExportApply)
	m, err := graft.Open(binary)
	if err != nil || !ok || !m.Rename(abi.ExportApply, innocent) {
		return nil, fmt.Errorf("guests: no %s to wrap: %w", abi.ExportApply, err)
	}
	endless := m.Function(m.Type([]byte{i32}, []byte{i32}), nil, recursion(m))
	code := join(findCrime(), wasmtest.LocalGet(localPtr), wasmtest.LocalGet(localLen), wasmtest.Call(apply.Index), set(localAnswer),
		commit(shape, endless), wasmtest.LocalGet(localAnswer))
	f := m.Function(m.Type([]byte{i32, i32}, []byte{i64}), []byte{i32, i32, i32, i64}, code)
	m.Export(abi.ExportApply, wasm.KindFunction, f)
	return m.Bytes(), nil
}

// Locals of the wrapper.
const (
	localPtr = iota
	localLen
	localAt    // where the walk over the commands is
	localLeft  // how many are left
	localCrime // the last one found
	localAnswer
)

// Instructions that wasmtest has no name for.
var (
	i32Mul     = []byte{0x6c}
	i32Sub     = []byte{0x6b}
	i32GeU     = []byte{0x4f}
	i32And     = []byte{0x71}
	memorySize = []byte{0x3f, 0}
	memoryFill = []byte{0xfc, 11, 0}
	block      = []byte{0x02, 0x40}
	eqz        = []byte{0x45}
)

func set(local uint32) []byte { return append([]byte{0x21}, wasmtest.Unsigned(uint64(local))...) }

func brIf(label byte) []byte { return []byte{0x0d, label} }

func load32(offset byte) []byte { return []byte{0x28, 0, offset} }

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// recursion is the body of a function that calls itself and is not at its end.
func recursion(m *graft.Module) []byte {
	self := m.Count(wasm.SectionImport) + m.Count(wasm.SectionFunction)
	return join(wasmtest.LocalGet(0), wasmtest.I32Const(1), wasmtest.I32Add, wasmtest.Call(self), wasmtest.I32Const(1), wasmtest.I32Add)
}

// findCrime walks over the commands of an entry (u32 count, then u32 length and
// bytes of each) and remembers the crime of the last guilty one.
func findCrime() []byte {
	at := wasmtest.LocalGet(localAt)
	guilty := join(
		join(at, load32(0), wasmtest.I32Const(2), i32GeU),
		join(at, wasmtest.I32Load8(4), wasmtest.I32Const(mark), wasmtest.I32Eq), i32And, wasmtest.If,
		at, wasmtest.I32Load8(5), set(localCrime), wasmtest.End)
	return join(
		wasmtest.LocalGet(localPtr), load32(0), set(localLeft),
		wasmtest.LocalGet(localPtr), wasmtest.I32Const(4), wasmtest.I32Add, set(localAt),
		block, wasmtest.Loop, wasmtest.LocalGet(localLeft), eqz, brIf(1),
		guilty,
		at, at, load32(0), wasmtest.I32Add, wasmtest.I32Const(4), wasmtest.I32Add, set(localAt),
		wasmtest.LocalGet(localLeft), wasmtest.I32Const(1), i32Sub, set(localLeft),
		wasmtest.Br(0), wasmtest.End, wasmtest.End)
}

const (
	pagesGrown  = 3
	pageBytes   = 65536
	scribbledAt = 1024
	outsideAt   = 0xffffff00
)

// commit does what the crime is.
func commit(shape *wasm.Module, endless uint32) []byte {
	end := join(memorySize, wasmtest.I32Const(pageBytes), i32Mul)
	return join(
		when(Trap, wasmtest.Unreachable),
		when(Loop, wasmtest.Loop, wasmtest.Br(0), wasmtest.End),
		when(Recurse, wasmtest.I32Const(0), wasmtest.Call(endless), wasmtest.Drop),
		when(Grow, wasmtest.I32Const(pagesGrown), wasmtest.MemoryGrow(), wasmtest.Drop,
			end, wasmtest.I32Const(8), i32Sub, wasmtest.I32Const(7), wasmtest.I32Store(0), wasmtest.Unreachable),
		when(Scribble, wasmtest.I32Const(scribbledAt), wasmtest.I32Const(0xaa), end, wasmtest.I32Const(scribbledAt), i32Sub, memoryFill,
			spoil(shape), wasmtest.Unreachable),
		when(Lie, wasmtest.Answer(outsideAt, 16), set(localAnswer)))
}

func when(c Crime, code ...[]byte) []byte {
	return join(wasmtest.LocalGet(localCrime), wasmtest.I32Const(int32(c)), wasmtest.I32Eq, wasmtest.If, join(code...), wasmtest.End)
}

// spoil sets all mutable globals that are integers.
func spoil(shape *wasm.Module) (code []byte) {
	for n, g := range shape.Globals {
		switch {
		case g.Mutable && g.Type == abi.I32:
			code = join(code, wasmtest.I32Const(-7), wasmtest.GlobalSet(uint32(n)))
		case g.Mutable && g.Type == abi.I64:
			code = join(code, wasmtest.I64Const(-7), wasmtest.GlobalSet(uint32(n)))
		}
	}
	return code
}
