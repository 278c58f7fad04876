package plugins_test

import (
	"bytes"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/wasm"
)

// engineStackBytes is how far the engine's stack grows: from 10,240 bytes on it
// doubles until it has more than 50,000,000.
const engineStackBytes = 84_000_000

// frames are functions of (i32, i64, f32, f64) -> i64 that call themselves (by
// index 0 or through the table) for ever, with what makes frames large.
func frames() map[string]func(b *wasmtest.Builder) uint32 {
	self := join(wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.LocalGet(2), wasmtest.LocalGet(3), wasmtest.Call(0))
	plain := func(locals int, code ...[]byte) func(b *wasmtest.Builder) uint32 {
		return func(b *wasmtest.Builder) uint32 {
			return b.Function("iIfF", "I", string(bytes.Repeat([]byte("iIfF"), locals)), code...)
		}
	}
	return map[string]func(b *wasmtest.Builder) uint32{
		"plain":          plain(0, self),
		"many locals":    plain(100, manyLocals(400), self, useLocals(400)),
		"deep operands":  plain(0, bytes.Repeat(wasmtest.LocalGet(1), 500), load(1), self, bytes.Repeat([]byte{0x7c}, 501)),
		"own values":     plain(0, bytes.Repeat(join(wasmtest.LocalGet(1), wasmtest.I64Const(3), []byte{0x7e}, wasmtest.LocalGet(1), []byte{0x7c}), 500), self, bytes.Repeat([]byte{0x7c}, 500)),
		"loads":          plain(0, loads(300), self, bytes.Repeat([]byte{0x7c}, 300)),
		"one at a time":  plain(0, bytes.Repeat(join(wasmtest.LocalGet(1), wasmtest.I64Const(5), []byte{0x7e}, self, []byte{0x7c, 0x21, 1}), 200), wasmtest.LocalGet(1)),
		"floats":         plain(0, bytes.Repeat(join(wasmtest.LocalGet(3), wasmtest.LocalGet(3), []byte{0xa2}), 300), self, []byte{0x1a}, bytes.Repeat([]byte{0xa0}, 299), []byte{0xb0}),
		"conversions":    plain(0, kept('F', 300, self, wasmtest.LocalGet(1), []byte{0xb9})),
		"unsigned":       plain(0, kept('F', 300, self, wasmtest.LocalGet(1), []byte{0xba})),
		"float consts":   plain(0, kept('F', 300, self, []byte{0x44, 1, 2, 3, 4, 5, 6, 7, 8})),
		"float choices":  plain(0, kept('F', 300, self, wasmtest.LocalGet(3), wasmtest.LocalGet(3), []byte{0x9a}, wasmtest.LocalGet(0), []byte{0x1b})),
		"comparisons":    plain(0, kept('i', 300, self, wasmtest.LocalGet(3), wasmtest.LocalGet(3), []byte{0x61})),
		"truncations":    plain(0, kept('i', 300, self, wasmtest.LocalGet(3), []byte{0xfc, 3})),
		"divisions":      plain(0, kept('i', 300, self, wasmtest.LocalGet(1), []byte{0xa7}, wasmtest.LocalGet(1), []byte{0xa7, 0x6f})),
		"bit counts":     plain(0, kept('i', 300, self, wasmtest.LocalGet(0), []byte{0x69})),
		"sizes":          plain(0, kept('i', 300, self, []byte{0x3f, 0})),
		"growths":        plain(0, kept('i', 300, self, wasmtest.I32Const(0), []byte{0x40, 0})),
		"globals":        globals,
		"joins":          plain(4, joins(16, 60), self, useLocals(16)),
		"indirect":       indirect,
		"many arguments": manyArguments,
		"mutual":         mutual,
		"host calls":     plain(0, self), // the host function is the machine's, see below
	}
}

// kept makes n values, lets them live across the call, and adds them up.
func kept(t byte, n int, self []byte, code ...[]byte) []byte {
	values := bytes.Repeat(join(code...), n)
	if t == 'F' {
		return join(values, self, []byte{0x1a}, bytes.Repeat([]byte{0xa0}, n-1), []byte{0xb0})
	}
	return join(values, self, []byte{0x1a}, bytes.Repeat([]byte{0x6a}, n-1), []byte{0xac})
}

// globals keeps the values of many globals across a call.
func globals(b *wasmtest.Builder) uint32 {
	var get []byte
	for k := range 300 {
		b.Global(int32(k))
		get = append(get, wasmtest.GlobalGet(uint32(k))...)
	}
	self := join(wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.LocalGet(2), wasmtest.LocalGet(3), wasmtest.Call(0))
	return b.Function("iIfF", "I", "", get, self, []byte{0x1a}, bytes.Repeat([]byte{0x6a}, 299), []byte{0xac})
}

func load(n int) []byte { return loads(n) }

// loads leaves n loaded values.
func loads(n int) []byte {
	var code []byte
	for k := range n {
		code = append(code, join(wasmtest.LocalGet(0), []byte{0x29, 3}, wasmtest.Unsigned(uint64(8*k)))...)
	}
	return code
}

// manyLocals gives each of n locals behind the parameters a value of its own.
func manyLocals(n int) (code []byte) {
	for k := range n / 4 {
		code = append(code, join(wasmtest.LocalGet(1), wasmtest.I64Const(int64(k)), []byte{0x7e, 0x21}, wasmtest.Unsigned(uint64(4+4*k+1)))...)
	}
	return code
}

// useLocals adds them to the i64 on the stack.
func useLocals(n int) (code []byte) {
	for k := range n / 4 {
		code = append(code, join(wasmtest.LocalGet(uint32(4+4*k+1)), []byte{0x7c})...)
	}
	return code
}

// joins changes the i64 among n locals on n paths that meet, again and again.
func joins(n, times int) (code []byte) {
	for range times {
		code = append(code, join(wasmtest.IfCode(wasmtest.LocalGet(0)), manyLocals(n), wasmtest.End)...)
	}
	return code
}

func indirect(b *wasmtest.Builder) uint32 {
	b.Item(4, []byte{0x70, 0, 1})
	b.Item(9, []byte{0, 0x41, 0, 0x0b, 1, 0})
	t := b.Type("iIfF", "I")
	return b.Function("iIfF", "I", "", wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.LocalGet(2), wasmtest.LocalGet(3),
		wasmtest.I32Const(0), []byte{0x11}, wasmtest.Unsigned(uint64(t)), []byte{0})
}

// manyArguments calls a function with 60 parameters and 60 results that calls back.
func manyArguments(b *wasmtest.Builder) uint32 {
	wide := string(bytes.Repeat([]byte("I"), 60))
	f := b.Function("iIfF", "I", "", bytes.Repeat(wasmtest.LocalGet(1), 60), wasmtest.Call(1), bytes.Repeat([]byte{0x7c}, 59))
	b.Function(wide, wide, "", wasmtest.I32Const(0), wasmtest.LocalGet(1), []byte{0x43, 0, 0, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0},
		wasmtest.Call(0), bytes.Repeat(wasmtest.LocalGet(7), 59))
	return f
}

func mutual(b *wasmtest.Builder) uint32 {
	pass := join(wasmtest.LocalGet(0), wasmtest.LocalGet(1), wasmtest.LocalGet(2), wasmtest.LocalGet(3))
	f := b.Function("iIfF", "I", "", pass, wasmtest.Call(1), wasmtest.I64Const(1), []byte{0x7c})
	b.Function("iIfF", "I", "iiii", pass, wasmtest.Call(2), wasmtest.I64Const(2), []byte{0x7e})
	b.Function("iIfF", "I", "IIII", loads(40), pass, wasmtest.Call(0), bytes.Repeat([]byte{0x7c}, 40))
	return f
}

// TestFramesStayBelowTheirBound lets each function recurse with a budget that
// never ends, until the engine's own stack does, and compares what was claimed
// with what the engine had.
func TestFramesStayBelowTheirBound(t *testing.T) {
	for name, build := range frames() {
		t.Run(name, func(t *testing.T) {
			b := wasmtest.NewBuilder()
			b.Memory(1, 1)
			b.Export("f", 0, build(b))
			s := raw(t, instrumented(t, b.Bytes()))
			if got := s.call("f", 0, 1, 2, 3); got != "stack overflow" && got != "wasm error: stack overflow" {
				t.Fatalf("got %s", got)
			}
			claimed := plenty - s.stack.Get()
			t.Logf("%d bytes were claimed for the %d of the engine: %.1f times", claimed, engineStackBytes, float64(claimed)/engineStackBytes)
			if claimed < engineStackBytes {
				t.Errorf("the bound is too low: %d bytes were claimed when the engine's %d were used up", claimed, engineStackBytes)
			}
		})
	}
}

// TestRecursionEndsByTheBudget runs the same functions as machines, with the
// greatest budget there is: the answer is the budget's, again and again.
func TestRecursionEndsByTheBudget(t *testing.T) {
	limits := plugins.Limits{StackBytesMax: 40_000_000}
	const want = "-5 stack exhausted: the call may claim 40000000 bytes"
	for name, build := range frames() {
		t.Run(name, func(t *testing.T) {
			b := wasmtest.NewBuilder()
			if name == "host calls" {
				build = recursionThroughHost
			}
			f := build(b)
			i := start(t, shared, machineOn(b, wasmtest.I32Const(0), wasmtest.I64Const(1),
				[]byte{0x43, 0, 0, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0}, wasmtest.Call(f)), plugins.InstanceConfig{Limits: limits})
			var used int64
			for index := uint64(1); index <= 2; index++ {
				if got := apply(t, i, index, "x"); got[0] != want {
					t.Fatalf("entry %d: got %q, want %q", index, got[0], want)
				}
				if index > 1 && i.FuelUsed() != used {
					t.Errorf("it spent %d, and %d before", i.FuelUsed(), used)
				}
				used = i.FuelUsed()
			}
		})
	}
}

// recursionThroughHost calls a host function at every depth.
func recursionThroughHost(b *wasmtest.Builder) uint32 {
	now := b.Import("wraft", "now", "", "I")
	return b.Function("iIfF", "I", "", wasmtest.LocalGet(0), wasmtest.Call(now), wasmtest.LocalGet(2), wasmtest.LocalGet(3), wasmtest.Call(1))
}

func TestFramesThatAreTooLargeAreRefused(t *testing.T) {
	code := join(bytes.Repeat(wasmtest.I64Const(1), 1_100_000), bytes.Repeat([]byte{0x7c}, 1_099_999))
	err := plugins.Validate(wasmtest.NewMachine(code).Bytes(), plugins.Limits{})
	if r := refusedBy(err); r != string(wasm.RuleLimit) {
		t.Errorf("got %v", err)
	}
}
