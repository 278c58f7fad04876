package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// failing is code that ends a call, and how.
type failing struct {
	code   []byte
	status int32
	says   string
	locals string
	more   func(b *wt.Builder, own uint32)
}

const (
	saysFuel  = "out of fuel"
	saysStack = "stack exhausted"
)

var one = []byte{bad}

// capBytes is what a machine of the corpus may grow to, and toCap grows to it.
const capBytes = 32 << 20

var toCap = wt.Join(wt.I32Const(capBytes/pageBytes), []byte{0x3f, 0}, wt.I32Sub, wt.MemoryGrow(), wt.Drop)

// forever is a loop without an end around some code.
func forever(code ...[]byte) []byte {
	return wt.Join(wt.Loop, wt.Join(code...), wt.Br(0), wt.End, wt.Unreachable)
}

// loops never end; fuel does.
func loops() map[string]failing {
	nested := wt.Join(wt.Repeat(100, wt.Loop), wt.Br(0), wt.Repeat(100, wt.End), wt.Unreachable)
	table := wt.Join(wt.Loop, wt.I32Const(0), wt.BrTable(0, 0, 0), wt.End, wt.Unreachable)
	return map[string]failing{
		"empty":       {code: forever(), status: plugins.StatusFuel, says: saysFuel},
		"nested":      {code: nested, status: plugins.StatusFuel, says: saysFuel},
		"conditional": {code: wt.Join(wt.Loop, wt.I32Const(1), wt.BrIf(0), wt.End, wt.Unreachable), status: plugins.StatusFuel, says: saysFuel},
		"br-table":    {code: table, status: plugins.StatusFuel, says: saysFuel},
		"writing":     {code: forever(store(dirtAt, wt.I32Const(1))), status: plugins.StatusFuel, says: saysFuel},
		"filling":     {code: forever(wt.I32Const(0), wt.I32Const(1), wt.I32Const(65536), wt.MemoryFill), status: plugins.StatusFuel, says: saysFuel},
		"copying":     {code: forever(wt.I32Const(0), wt.I32Const(1), wt.I32Const(65535), wt.MemoryCopy), status: plugins.StatusFuel, says: saysFuel},
		"filling-all": {code: forever(toCap, wt.I32Const(0), wt.I32Const(1), wt.I32Const(capBytes), wt.MemoryFill), status: plugins.StatusFuel, says: saysFuel},
		"copying-up":  {code: forever(toCap, wt.I32Const(1), wt.I32Const(0), wt.I32Const(capBytes-1), wt.MemoryCopy), status: plugins.StatusFuel, says: saysFuel},
		"growing":     {code: forever(wt.I32Const(0), wt.MemoryGrow(), wt.Drop), status: plugins.StatusFuel, says: saysFuel},
		"importing":   {code: forever(wt.I32Const(0), wt.I32Const(0), wt.Call(importWrite), wt.Drop), status: plugins.StatusFuel, says: saysFuel},
		"calling": {code: forever(wt.Call(firstImport)), status: plugins.StatusFuel, says: saysFuel,
			more: func(b *wt.Builder, _ uint32) { b.Function("", "", "") }},
		"long-body": {code: forever(wt.Repeat(20_000, wt.Join(wt.I32Const(1), wt.GlobalSet(0)))), status: plugins.StatusFuel, says: saysFuel},
		"dividing":  {code: forever(wt.I32Const(7), wt.I32Const(3), []byte{0x6d}, wt.Drop), status: plugins.StatusFuel, says: saysFuel},
	}
}

// recursions never return; the stack budget ends.
func recursions() map[string]failing {
	return map[string]failing{
		"direct": {code: wt.Join(wt.Call(firstImport), wt.Unreachable), status: plugins.StatusStack, says: saysStack,
			more: func(b *wt.Builder, own uint32) { b.Function("", "", "", wt.Call(own)) }},
		"mutual": {code: wt.Join(wt.Call(firstImport), wt.Unreachable), status: plugins.StatusStack, says: saysStack,
			more: func(b *wt.Builder, own uint32) {
				b.Function("", "", "", wt.Call(own+1))
				b.Function("", "", "", wt.Call(own))
			}},
		"indirect": {code: wt.Join(wt.Call(firstImport), wt.Unreachable), status: plugins.StatusStack, says: saysStack, more: indirect},
		"wide-frames": {code: wt.Join(wt.Call(firstImport), wt.Unreachable), status: plugins.StatusStack, says: saysStack,
			more: func(b *wt.Builder, own uint32) { wideFrames(b, own) }},
		"many-arguments": {code: wt.Join(wt.Repeat(60, wt.I64Const(1)), wt.Call(firstImport), wt.Unreachable), status: plugins.StatusStack, says: saysStack,
			more: func(b *wt.Builder, own uint32) {
				b.Function(repeat("I", 60), "", "", wt.Repeat(60, wt.I64Const(1)), wt.Call(own))
			}},
		"fibonacci": {code: wt.Join(wt.I32Const(1_000), wt.Call(firstImport)), status: plugins.StatusFuel, says: saysFuel, more: fibonacci},
	}
}

// indirect adds a function that calls itself through the table.
func indirect(b *wt.Builder, own uint32) {
	b.Item(4, []byte{0x70, 0, 1})
	b.Item(9, wt.Join([]byte{0}, wt.I32Const(0), wt.End, []byte{1}, wt.Unsigned(uint64(own))))
	b.Function("", "", "", wt.I32Const(0), wt.CallIndirect(b.Type("", "")))
}

// wideFrames adds a function with a thousand live locals that calls itself.
func wideFrames(b *wt.Builder, own uint32) {
	const n = 1000
	var set, sum []byte
	for k := range uint32(n) {
		set = wt.Join(set, wt.GlobalGet(0), wt.LocalSet(k))
		sum = wt.Join(sum, wt.LocalGet(k), wt.GlobalSet(0))
	}
	b.Function("", "", repeat("i", n), set, wt.Call(own), sum)
}

// fibonacci adds the slow way to compute it.
func fibonacci(b *wt.Builder, own uint32) {
	self := func(less int32) []byte {
		return wt.Join(wt.LocalGet(0), wt.I32Const(less), wt.I32Sub, wt.Call(own))
	}
	b.Function("i", "i", "", wt.I32Const(2), wt.LocalGet(0), wt.I32GtU, wt.If, wt.I32Const(1), wt.Return, wt.End, self(1), self(2), wt.I32Add)
}

func repeat(s string, n int) string { return string(wt.Repeat(n, []byte(s))) }

// traps end a call by an instruction.
func traps() map[string]failing {
	trap := func(says string, code ...[]byte) failing {
		return failing{code: wt.Join(wt.Join(code...), wt.Unreachable), status: plugins.StatusTrap, says: says}
	}
	f64 := func(bits ...byte) []byte { return append([]byte{0x44}, bits...) }
	nan := f64(0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	withTable := func(f failing, element []byte) failing {
		f.more = func(b *wt.Builder, own uint32) {
			b.Item(4, []byte{0x70, 0, 2})
			b.Item(9, wt.Join([]byte{0}, wt.I32Const(0), wt.End, []byte{1}, element))
			b.Function("i", "", "")
		}
		return f
	}
	return map[string]failing{
		"unreachable":       trap("unreachable"),
		"divide-by-zero":    trap("divide by zero", wt.I32Const(1), wt.I32Const(0), []byte{0x6d}, wt.Drop),
		"remainder-by-zero": trap("divide by zero", wt.I64Const(1), wt.I64Const(0), []byte{0x82}, wt.Drop),
		"divide-overflow":   trap("integer overflow", wt.I32Const(-1<<31), wt.I32Const(-1), []byte{0x6d}, wt.Drop),
		"truncate-nan":      trap("invalid conversion", nan, []byte{0xaa}, wt.Drop),
		"truncate-large":    trap("integer overflow", f64(0, 0, 0, 0, 0, 0, 0xf0, 0x7f), []byte{0xb0}, wt.Drop),
		"null-element":      withTable(trap("invalid table access", wt.I32Const(9), wt.I32Const(1), wt.CallIndirect(typeOfTable)), []byte{firstImport}),
		"beyond-table":      withTable(trap("invalid table access", wt.I32Const(9), wt.I32Const(2), wt.CallIndirect(typeOfTable)), []byte{firstImport}),
		"wrong-type":        withTable(trap("indirect call type mismatch", wt.I32Const(0), wt.CallIndirect(typeOfNothing)), []byte{firstImport}),
		"import-in-table":   withTable(trap("indirect call type mismatch", wt.I32Const(0), wt.CallIndirect(typeOfNothing)), []byte{importWrite}),
		"drop-and-trap":     trap("unreachable", wt.Repeat(1000, wt.Join(wt.I32Const(1), wt.Drop))),
	}
}

// Types of the machines in traps, in the order in which builder adds them: the
// imports (ii:i), then "i" and "" of the function in more and the marker.
const (
	typeOfTable   = 1
	typeOfNothing = 2
)

// guestCases are the failing pieces of code, each in apply and in query.
func guestCases() []Case {
	var cases []Case
	for _, group := range []struct {
		name string
		all  map[string]failing
	}{{"loop", loops()}, {"recursion", recursions()}, {"trap", traps()}} {
		for _, what := range sorted(group.all) {
			f := group.all[what]
			name := group.name + "/" + what
			cases = append(cases,
				stepCase(name, weak{apply: f.code, locals: f.locals, more: f.more}, Step{Verb: Apply, Input: one, Status: f.status, Says: f.says}),
				stepCase(name+"-query", weak{query: f.code, locals: f.locals, more: f.more}, Step{Verb: Query, Input: one, Status: f.status, Says: f.says}))
		}
	}
	// Apply is the third function of a machine.
	again := wt.Join(wt.LocalGet(0), wt.LocalGet(1), wt.Call(firstImport+2), wt.Drop, wt.Unreachable)
	return append(cases, stepCase("recursion/into-export", weak{apply: again}, Step{Verb: Apply, Input: one, Status: plugins.StatusStack, Says: saysStack}))
}
