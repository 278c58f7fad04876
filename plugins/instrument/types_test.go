package instrument

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// TestResultsAreThoseOfTheSpecification lists what instructions of straight-line code leave on the
// stack, by their numbers, as the specification types them.
func TestResultsAreThoseOfTheSpecification(t *testing.T) {
	want := [wasm.OpcodesMax]abi.ValueType{}
	for _, row := range []struct {
		first, last wasm.Opcode
		result      abi.ValueType
	}{
		{0x25, 0x25, reference}, {0xd0, 0xd0, reference}, {0xd1, 0xd1, abi.I32}, {0xd2, 0xd2, reference}, {0x110, 0x110, abi.I32},
		{0x28, 0x28, abi.I32}, {0x29, 0x29, abi.I64}, {0x2a, 0x2a, abi.F32}, {0x2b, 0x2b, abi.F64}, {0x2c, 0x2f, abi.I32}, {0x30, 0x35, abi.I64},
		{0x3f, 0x40, abi.I32}, {0x41, 0x41, abi.I32}, {0x42, 0x42, abi.I64}, {0x43, 0x43, abi.F32}, {0x44, 0x44, abi.F64},
		{0x45, 0x66, abi.I32}, {0x67, 0x78, abi.I32}, {0x79, 0x8a, abi.I64}, {0x8b, 0x98, abi.F32}, {0x99, 0xa6, abi.F64},
		{0xa7, 0xab, abi.I32}, {0xac, 0xb1, abi.I64}, {0xb2, 0xb6, abi.F32}, {0xb7, 0xbb, abi.F64},
		{0xbc, 0xbc, abi.I32}, {0xbd, 0xbd, abi.I64}, {0xbe, 0xbe, abi.F32}, {0xbf, 0xbf, abi.F64}, {0xc0, 0xc1, abi.I32}, {0xc2, 0xc4, abi.I64},
		{0x100, 0x103, abi.I32}, {0x104, 0x107, abi.I64},
	} {
		for op := row.first; op <= row.last; op++ {
			want[op] = row.result
		}
	}
	for op := range want {
		if results[op] != want[op] {
			t.Errorf("%#x: %v, want %v", op, results[op], want[op])
		}
	}
}

// checker follows a body's types and looks whether each block leaves what it says.
type checker struct {
	t *testing.T
	types
	dead            []bool // by open block: it does not get here
	selects, floats int
}

// walk checks the bodies of a module, and counts its selects and those between floats.
func walk(t *testing.T, binary []byte) (selects, floats int) {
	m, refusal := wasm.Read(binary, wasm.Limits{})
	if refusal != nil {
		t.Fatal(refusal)
	}
	c := &checker{t: t}
	p := newPass(binary, m)
	for n, body := range m.Bodies {
		locals := appendLocals(slices.Clone(m.OwnType(n).Params), body, binary)
		c.begin(p, n, locals)
		c.dead = []bool{false}
		for in := range body.Instructions(binary) {
			c.look(n, in)
		}
	}
	return c.selects, c.floats
}

func (c *checker) look(n int, in wasm.Instruction) {
	last := len(c.dead) - 1
	dead := c.dead[last]
	switch in.Op {
	case wasm.OpElse, wasm.OpEnd:
		top := c.blocks[len(c.blocks)-1]
		if !dead && !slices.EqualFunc(c.stack[top.height:], top.Results, sameType) {
			c.t.Fatalf("function %d, %d: a block leaves %v, and should %v", n, in.Span.Start, c.stack[top.height:], top.Results)
		}
	case wasm.OpSelect, wasm.OpSelectTyped:
		if chosen := c.chosen(); !dead {
			c.selects++
			if chosen == unknown {
				c.t.Fatalf("function %d, %d: a select between unknowns: %v", n, in.Span.Start, c.stack)
			}
			if isFloat(chosen) {
				c.floats++
			}
		}
	}
	c.step(in)
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		c.dead = append(c.dead, dead)
	case wasm.OpEnd:
		c.dead = c.dead[:last]
	case wasm.OpElse:
		c.dead[last] = last > 0 && c.dead[last-1]
	case wasm.OpBr, wasm.OpBrTable, wasm.OpReturn, wasm.OpUnreachable:
		c.dead[last] = true
	}
}

func sameType(a, b abi.ValueType) bool {
	return a == b || a == reference && b != abi.I32 && b != abi.I64 && !isFloat(b)
}

// TestFloatsAreChosenByTheirBits: the types on the stack are known, so that nothing of what is made of
// real and of drawn modules chooses between floats.
func TestFloatsAreChosenByTheirBits(t *testing.T) {
	modules := [][]byte{wasmtest.KV(t)}
	for seed := range uint64(60) {
		chance := rand.New(rand.NewPCG(seed, 5))
		choices := make([]byte, 200+int(seed)*40)
		for i := range choices {
			choices[i] = byte(chance.Uint32())
		}
		modules = append(modules, wasmtest.Generate(choices), wasmtest.GenerateBits(choices))
	}
	floats := 0
	for n, binary := range modules {
		_, before := walk(t, binary)
		floats += before
		m, refusal := wasm.Read(binary, wasm.Limits{})
		if refusal != nil {
			t.Fatal(refusal)
		}
		out, err := Rewrite(binary, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, after := walk(t, out.Binary); after > 0 {
			t.Errorf("module %d: %d of %d selects are between floats still", n, after, before)
		}
	}
	if floats < 100 {
		t.Errorf("%d selects between floats: the test shows little", floats)
	}
}
