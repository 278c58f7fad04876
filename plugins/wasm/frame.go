package wasm

import "github.com/wraft/wraft/plugins/abi"

// An engine's stack overflows at a depth that depends on the processor, the
// registers it has and what the compiler makes of them. Instrumented code
// therefore counts frames against a budget of its own, in bytes that no engine
// exceeds. The count has to follow from the binary alone, so it is a bound:
// every value that may outlive the instruction after the one that made it is
// given a place, though most of them live in registers.
//
// What a function's frame may hold (read from wazero 1.12, for amd64 and
// arm64): saved registers and addresses; its parameters and results, where the
// caller put them; each local's first value; what instructions produce; and a
// value per variable and join of control flow. body.go counts the last two.
const (
	frameBytesBase = 512
	valueBytes     = 8
	// frameBytesMax bounds one function: the engine claims a frame before the
	// instrumented code can count it.
	frameBytesMax = 8_000_000
	// memoryVariables are the address and the length of the memory, which the
	// engine reads again after each call.
	memoryVariables = 2
	// markValues is what the mark behind a store makes: the address of the last
	// byte, the number of its block, and the address of that.
	markValues = 3
	// segmentValues is what one charge of fuel makes.
	segmentValues = 1
	// checkValues is what a look at the fuel makes that takes the next slice: the
	// call of the host, the slice, the division, and where both ways meet a value
	// for each global of the pass and for what is known of the memory.
	checkValues = 24
)

// valuesOf says how many values an instruction makes that may need a place:
// its result, and what the engine keeps of it for later. Calls, globals and
// blocks are counted by the walk.
var valuesOf = buildValues()

func buildValues() (t [OpcodesMax]uint8) {
	for op := OpI32Load; op <= OpI64Load32U; op++ {
		t[op] = 2 // and the address, for the next access nearby
	}
	for op := OpI32Store; op <= OpI64Store32; op++ {
		t[op] = 1 + markValues // the address
	}
	for op := OpI32Const; op <= OpI64Extend32S; op++ {
		t[op] = 1
	}
	for op := OpF32Abs; op <= OpF64Copysign; op++ {
		t[op] = 4 // and for its canonical form its bits, those of that and what comes of them
	}
	t[OpF32Demote], t[OpF64Promote] = 4, 4
	t[OpSelect], t[OpSelectTyped] = 3, 3 // of floats: the bits of both, and what comes of them
	for _, op := range []Opcode{OpGlobalGet, OpRefNull, OpRefIsNull, OpRefFunc, OpTableSize} {
		t[op] = 1
	}
	t[OpTableGet] = 2
	t[OpMemorySize] = 2
	t[OpMemoryGrow] = 8 + memoryVariables
	for op := OpTruncSat; op <= OpTruncSatEnd; op++ {
		t[op] = 2
	}
	for _, op := range []Opcode{OpMemoryInit, OpMemoryCopy, OpMemoryFill} {
		t[op] = 30 // addresses, bounds, the charge, and the store and the fill that mark
	}
	return t
}

// chargeFrame bounds a function's frame and refuses one that is too large.
func (m *Module) chargeFrame(r *reader, sig abi.Signature, s shape) int64 {
	values := s.values + int64(len(sig.Params)+2*len(sig.Results)+s.locals+(s.loops+s.bulks+instrumentedChecks)*checkValues+(s.segments+s.loops+s.bulks+instrumentedBlocks)*segmentValues)
	bytes := frameBytesBase + valueBytes*values
	m.Stats.FrameBytesMax = max(m.Stats.FrameBytesMax, bytes)
	if r.ok() && bytes > frameBytesMax && !r.rewritten {
		f := overLimit("the function may need too large a frame on the stack, in bytes", uint64(bytes), frameBytesMax, "frameBytesMax")
		f.Hint = "split large functions, or turn inlining and unrolling down"
		r.refuse(f)
	}
	return bytes
}
