package plugins_test

import (
	"context"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
)

// BenchmarkMetering runs loops in the bare engine as they were written and
// instrumented: what metering costs. kernel is one of integer arithmetic and
// loads, floats one of float arithmetic, calls one that calls a small function,
// stores one that does little but store, fields one that sets eight fields of a
// record, copies one that copies 64 bytes.
func BenchmarkMetering(b *testing.B) {
	kernels := map[string][]byte{"kernel": integerKernel(), "floats": floatKernel(), "calls": callKernel(), "stores": storeKernel(), "fields": fieldsKernel(), "copies": copyKernel()}
	for _, name := range []string{"kernel", "floats", "calls", "stores", "fields", "copies"} {
		inBoth(b, name, kernels[name], func(b *testing.B, s *specimen) {
			f := s.module.ExportedFunction("f")
			s.run(b, func(stack []uint64) error { stack[0] = 10_000; return f.CallWithStack(context.Background(), stack) })
		})
	}
}

// inBoth runs a benchmark with the module as it was written and instrumented.
func inBoth(b *testing.B, name string, binary []byte, f func(b *testing.B, s *specimen)) {
	b.Run(name+"/raw", func(b *testing.B) { f(b, raw(b, binary)) })
	b.Run(name+"/metered", func(b *testing.B) { f(b, raw(b, instrumented(b, binary))) })
}

// run measures f, refuelled for each call.
func (s *specimen) run(b *testing.B, f func(stack []uint64) error) {
	stack := make([]uint64, 2)
	before := processorTime(b)
	for b.Loop() {
		s.refuel()
		if err := f(stack); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// kernel is a function f(n i32) -> i64 that goes round n times.
func kernel(b *wasmtest.Builder, locals string, round []byte) []byte {
	b.Memory(1, 1)
	b.Export("f", 0, b.Function("i", "I", "I"+locals, wasmtest.Loop, round,
		wasmtest.LocalGet(0), wasmtest.I32Const(1), []byte{0x6b, 0x22, 0, 0x0d, 0}, wasmtest.End, wasmtest.LocalGet(1)))
	return b.Bytes()
}

// integerKernel mixes a load with a multiplication and a rotation.
func integerKernel() []byte {
	return kernel(wasmtest.NewBuilder(), "", join(wasmtest.LocalGet(1), wasmtest.LocalGet(0), wasmtest.I32Const(0xff8), []byte{0x71, 0x29, 3, 0, 0x85},
		wasmtest.I64Const(0x5851f42d4c957f2d), []byte{0x7e}, wasmtest.I64Const(17), []byte{0x89, 0x21, 1}))
}

// floatKernel is a step of x = x*a + b, and its root.
func floatKernel() []byte {
	const x = 2
	a := []byte{0x44, 0, 0, 0, 0, 0, 0, 0xe8, 0x3f}
	return kernel(wasmtest.NewBuilder(), "F", join(wasmtest.LocalGet(x), a, []byte{0xa2}, a, []byte{0xa0, 0x21, x}, wasmtest.LocalGet(x), a, []byte{0xa0, 0x21, x}))
}

// callKernel calls a function of a few instructions.
func callKernel() []byte {
	b := wasmtest.NewBuilder()
	b.Function("I", "I", "", wasmtest.LocalGet(0), wasmtest.I64Const(7), []byte{0x7e}, wasmtest.I64Const(3), []byte{0x7c})
	return kernel(b, "", join(wasmtest.LocalGet(1), wasmtest.Call(0), []byte{0x21, 1}))
}

// address is one of a page, by the round, a multiple of 64.
func address() []byte {
	return join(wasmtest.LocalGet(0), wasmtest.I32Const(64), []byte{0x6c}, wasmtest.I32Const(0x7fc0), []byte{0x71})
}

// storeKernel stores what it has loaded and changed, eight bytes a round.
func storeKernel() []byte {
	return kernel(wasmtest.NewBuilder(), "", join(address(), wasmtest.LocalGet(1), address(), []byte{0x29, 3, 8, 0x7c}, wasmtest.I64Const(1), []byte{0x7c, 0x22, 1, 0x37, 3, 0}))
}

// fieldsKernel sets eight fields of a record, as constructors do.
func fieldsKernel() []byte {
	const record = 2
	code := join(address(), []byte{0x21, record})
	for field := range byte(8) {
		code = join(code, wasmtest.LocalGet(record), wasmtest.LocalGet(1), []byte{0x37, 3, 8 * field})
	}
	return kernel(wasmtest.NewBuilder(), "i", code)
}

// copyKernel copies 64 bytes a round.
func copyKernel() []byte {
	return kernel(wasmtest.NewBuilder(), "", join(address(), wasmtest.I32Const(0x8000), wasmtest.I32Const(64), []byte{0xfc, 10, 0, 0}))
}
