package differential_test

import (
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/plugintest/bare"
)

// chooser has a function "choose" of an f32 x. Twice x lies on the stack across a call, and then the
// absolute value of x is chosen, not that.
func chooser() []byte {
	const f32Mul, f32Abs = 0x94, 0x8b
	get := wasmtest.LocalGet
	b := wasmtest.NewBuilder()
	b.Memory(1, -1)
	callee := b.Function("iIfF", "I", "", wasmtest.I64Const(0))
	choose := b.Function("iIfF", "if", "f",
		get(2), []byte{0x43, 0, 0, 0, 0x40}, []byte{f32Mul}, wasmtest.LocalSet(4),
		wasmtest.I32Const(0), wasmtest.I64Const(0), get(4), get(3), wasmtest.Call(callee), wasmtest.Drop,
		wasmtest.I32Const(5), get(4), get(2), []byte{f32Abs}, wasmtest.I32Const(0), []byte{0x1b})
	b.Export("memory", 2, 0)
	b.Export("choose", 0, choose)
	return b.Bytes()
}

// TestSelectOfFloats: wazero 1.12.0 for amd64 gives the first of two floats for the second when the first
// lay on the stack across a call (its issue 2534).
func TestSelectOfFloats(t *testing.T) {
	const x = 0x554cbdef
	for _, c := range []bare.Config{{Rewritten: true}, {Rewritten: true, Interpreted: true}} {
		c.MemoryPagesMax = 4
		w := bare.NewWorld(t.Context(), c)
		g, err := w.Start(t.Context(), chooser(), "")
		if err != nil {
			t.Fatal(err)
		}
		o, err := g.Invoke(t.Context(), "choose", 1, 2, x, 3)
		if err != nil || len(o.Results) != 2 || o.Results[0] != 5 || uint32(o.Results[1]) != x {
			t.Errorf("%+v: %#x, %v; want 5 and %#x", c, o.Results, err, x)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
