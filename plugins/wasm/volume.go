package wasm

// Besides the shape of a function (cost.go) its mere length counts: an engine
// keeps something of every instruction until the function is done. Most of all it
// keeps of places from which code may leave with a trap: some 5 KiB and 10 to 20 us
// each, measured (wazero 1.12, amd64: 120,000 stores in a function: 1.7 s and
// 0.6 GB). The memory is used again for the next function, so it is bounded for
// one function, and the time for the module.
const (
	// compileBytesMax bounds the estimate of what one function takes to compile, so
	// that a compiler that is at its worst stays below 256 MiB with half of that to
	// spare. The largest honest function met (go vet built for wasip1, 79 KB) is at
	// 65 MiB.
	compileBytesMax = 128 << 20

	bytesPerExit        = 5500
	bytesPerInstruction = 90
	bytesPerCall        = 1900
	bytesPerReload      = 170
	bytesPerTarget      = 2200

	costPerExit        = 1000
	costPerInstruction = 50
	costPerCall        = 300
)

// exitsOf says from how many places of an instruction code may leave with a trap,
// with those that instrumentation adds behind it.
var exitsOf = buildExits()

func buildExits() (t [OpcodesMax]uint8) {
	set := func(n uint8, first, last Opcode) {
		for op := first; op <= last; op++ {
			t[op] = n
		}
	}
	set(1, OpI32Load, OpI64Load32U)
	set(2, OpI32Store, OpI64Store32)
	set(1, OpI32DivS, OpI32RemU)
	set(1, OpI64DivS, OpI64RemU)
	set(2, OpI32TruncF32S, OpI32TruncF64U)
	set(2, OpI64TruncF32S, OpI64TruncF64U)
	t[OpUnreachable], t[OpLoop], t[OpTableGet], t[OpCallIndirect] = 1, 3, 1, 2
	t[OpMemoryInit], t[OpMemoryCopy], t[OpMemoryFill] = 12, 4, 3
	return t
}

// volume is what there is of a function, whatever its shape.
type volume struct{ instructions, exits int }

// selectMore is how many instructions of average size a select becomes besides itself, which may
// be between floats.
const selectMore = 4

func (v *volume) count(op Opcode) {
	v.instructions++
	if op == OpSelect || op == OpSelectTyped {
		v.instructions += selectMore
	}
	v.exits += int(exitsOf[op])
}

// compileCost is the work that goes with the length, in the units of cost.go.
func (v volume) compileCost(calls int) int64 {
	return int64(v.instructions)*costPerInstruction + int64(v.exits)*costPerExit + int64(calls)*costPerCall
}

// compileBytes estimates what an engine keeps while it compiles the function.
func (v volume) compileBytes(s shape) int64 {
	return int64(v.instructions)*bytesPerInstruction + int64(v.exits)*bytesPerExit + int64(s.targets)*bytesPerTarget +
		int64(s.calls)*(bytesPerCall+int64(s.reloads)*bytesPerReload)
}

// chargeVolume adds a function's length to what its shape costs, and refuses one
// that would take too much memory. Of rewritten code the original was judged.
func (m *Module) chargeVolume(r *reader, v volume, s shape) {
	if r.rewritten {
		return
	}
	bytes := v.compileBytes(s)
	m.Stats.CompileCost += v.compileCost(s.calls)
	m.Stats.CompileBytesMax = max(m.Stats.CompileBytesMax, bytes)
	if bytes > compileBytesMax {
		f := overLimit("the function would take too much memory to compile, in bytes", uint64(bytes), compileBytesMax, "compileBytesMax")
		f.Hint = "split large functions, or turn inlining and unrolling down"
		r.refuse(f)
	}
}
