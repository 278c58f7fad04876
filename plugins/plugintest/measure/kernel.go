package measure

import (
	"context"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/plugintest/bare"
)

// Kernel is what a loop costs as it was written and rewritten.
type Kernel struct {
	Name, What         string
	Written, Rewritten Figure
}

// Ratio says how much longer the rewritten one takes.
func (k Kernel) Ratio() float64 { return k.Rewritten.Median / k.Written.Median }

// kernelRounds is how often a kernel goes round in one turn.
const kernelRounds = 10_000

// kernels are loops written by hand: what tends to be hot in machines.
var kernels = []struct {
	name, what string
	build      func() []byte
}{
	{"arithmetic", "a load, a multiplication and a rotation of 64 bits per round", arithmetic},
	{"sieve", "a byte stored per round, 7 bytes on each time", sieve},
	{"records", "eight stores of 64 bits into a record per round", records},
	{"words", "64 bits loaded, changed and stored in order", words},
	{"floats", "a multiplication and two additions of f64 per round", floats},
	{"vectors", "f64 loaded twice, multiplied, added and stored per round", vectors},
	{"calls", "a call of a function of two instructions per round", calls},
	{"fib", "a function that calls itself twice", fib},
	{"copies", "memory.copy of 64 bytes per round", copies},
}

// Kernels measures all kernels, as written and rewritten in turns.
func Kernels(ctx context.Context, o Options) ([]Kernel, error) {
	var works []work
	for _, k := range kernels {
		for _, rewritten := range []bool{false, true} {
			w := bare.NewWorld(ctx, bare.Config{Rewritten: rewritten, MemoryPagesMax: 64})
			defer w.Close(ctx)
			g, err := w.Start(ctx, k.build(), "")
			if err != nil {
				return nil, err
			}
			works = append(works, looping(ctx, k.name, rewritten, g.Function("f")))
		}
	}
	figures, err := inTurns(o, works)
	if err != nil {
		return nil, err
	}
	var out []Kernel
	for _, k := range kernels {
		out = append(out, Kernel{k.name, k.what, figures[half(k.name, false)].per(kernelRounds), figures[half(k.name, true)].per(kernelRounds)})
	}
	return out, nil
}

// half names one of the two works of a kernel.
func half(name string, rewritten bool) string {
	if rewritten {
		return name + " rewritten"
	}
	return name
}

func looping(ctx context.Context, name string, rewritten bool, f *bare.Function) work {
	var stack [2]uint64
	return work{half(name, rewritten), func(n int) error {
		for range n {
			stack[0] = kernelRounds
			if err := f.Call(ctx, stack[:]); err != nil {
				return err
			}
		}
		return nil
	}}
}

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// loop is a function f(n i32) -> i64 that goes round n times; local 1 is its
// result, others follow.
func loop(b *wasmtest.Builder, locals string, round ...[]byte) []byte {
	b.Memory(16, 16)
	b.Export("memory", 2, 0)
	b.Export("f", 0, b.Function("i", "I", "I"+locals, wasmtest.Loop, join(round...),
		wasmtest.LocalGet(0), wasmtest.I32Const(1), []byte{0x6b, 0x22, 0, 0x0d, 0}, wasmtest.End, wasmtest.LocalGet(1)))
	return b.Bytes()
}

// Instructions that wasmtest has no name for.
var (
	and, shl, mul32 = []byte{0x71}, []byte{0x74}, []byte{0x6c}
	load64, store64 = []byte{0x29, 3, 0}, []byte{0x37, 3, 0}
	loadF, storeF   = []byte{0x2b, 3, 0}, []byte{0x39, 3, 0}
	store8          = []byte{0x3a, 0, 0}
	threeQuarters   = []byte{0x44, 0, 0, 0, 0, 0, 0, 0xe8, 0x3f}
)

func arithmetic() []byte {
	return loop(wasmtest.NewBuilder(), "", wasmtest.LocalGet(1), wasmtest.LocalGet(0), wasmtest.I32Const(0xff8), and, load64, []byte{0x85},
		wasmtest.I64Const(0x5851f42d4c957f2d), []byte{0x7e}, wasmtest.I64Const(17), []byte{0x89, 0x21, 1})
}

func sieve() []byte {
	return loop(wasmtest.NewBuilder(), "", wasmtest.LocalGet(0), wasmtest.I32Const(7), mul32, wasmtest.I32Const(0xfffff), and, wasmtest.I32Const(1), store8)
}

// element is the address of the n-th word of 8 bytes, of 65,536.
var element = join(wasmtest.LocalGet(0), wasmtest.I32Const(3), shl, wasmtest.I32Const(0x7fff8), and)

func records() []byte {
	code := join(wasmtest.LocalGet(0), wasmtest.I32Const(64), mul32, wasmtest.I32Const(0x7ffc0), and, wasmtest.LocalSet(2))
	for field := range byte(8) {
		code = join(code, wasmtest.LocalGet(2), wasmtest.LocalGet(1), []byte{0x37, 3, 8 * field})
	}
	return loop(wasmtest.NewBuilder(), "i", code)
}

func words() []byte {
	return loop(wasmtest.NewBuilder(), "", element, element, load64, wasmtest.I64Const(0x9e3779b9), []byte{0x7c}, store64)
}

func floats() []byte {
	return loop(wasmtest.NewBuilder(), "F", wasmtest.LocalGet(2), threeQuarters, []byte{0xa2}, threeQuarters, []byte{0xa0}, threeQuarters, []byte{0xa0, 0x21, 2})
}

func vectors() []byte {
	return loop(wasmtest.NewBuilder(), "", element, element, loadF, element, loadF, []byte{0xa2}, threeQuarters, []byte{0xa0}, storeF)
}

func calls() []byte {
	b := wasmtest.NewBuilder()
	b.Function("I", "I", "", wasmtest.LocalGet(0), wasmtest.I64Const(7), []byte{0x7e}, wasmtest.I64Const(3), []byte{0x7c})
	return loop(b, "", wasmtest.LocalGet(1), wasmtest.Call(0), []byte{0x21, 1})
}

// fib computes fib(18) whatever it is asked for, which is 8,361 calls.
func fib() []byte {
	const argument = 18
	b := wasmtest.NewBuilder()
	less := func(n int32) []byte {
		return join(wasmtest.LocalGet(0), wasmtest.I32Const(n), []byte{0x6b}, wasmtest.Call(0))
	}
	b.Function("i", "I", "", wasmtest.LocalGet(0), wasmtest.I32Const(2), []byte{0x48, 0x04, 0x7e}, wasmtest.I64Const(1), []byte{0x05},
		less(1), less(2), []byte{0x7c}, wasmtest.End)
	b.Export("f", 0, b.Function("i", "I", "", wasmtest.I32Const(argument), wasmtest.Call(0)))
	return b.Bytes()
}

func copies() []byte {
	return loop(wasmtest.NewBuilder(), "", element, wasmtest.I32Const(0x80000), element, wasmtest.I32Add, wasmtest.I32Const(64), []byte{0xfc, 10, 0, 0})
}
