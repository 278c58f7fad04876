package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
)

// inBody is a machine with a piece of code in its query that some check must
// refuse. Query has seven locals, of which two are parameters.
func inBody(code ...[]byte) func() []byte {
	return weak{query: wt.Join(wt.Join(code...), wt.I32Const(0))}.bytes
}

// with is a machine to which something is added.
func with(add func(b *wt.Builder)) func() []byte {
	return func() []byte {
		b := weak{}.builder()
		add(b)
		return b.Bytes()
	}
}

func item(section byte, parts ...[]byte) func() []byte {
	return with(func(b *wt.Builder) { b.Item(section, wt.Join(parts...)) })
}

// name encodes a name with bytes that need not be UTF-8.
func name(b ...byte) []byte { return append(wt.Unsigned(uint64(len(b))), b...) }

// indexCases name what does not exist, and values of the wrong type.
func indexCases() []Case {
	const none = 9_999
	table := []byte{0x70, 0, 2}
	constant := wt.Join(wt.I32Const(0), wt.End)
	element := func(parts ...[]byte) func() []byte {
		return with(func(b *wt.Builder) {
			b.Item(4, table)
			b.Item(9, wt.Join(parts...))
		})
	}
	return []Case{
		refusedCase("index/type-of-import", "malformed", "type 9999", item(2, name('e'), name('f'), []byte{0}, wt.Unsigned(none))),
		refusedCase("index/type-of-function", "malformed", "type 9999", item(3, wt.Unsigned(none))),
		refusedCase("index/block-type", "malformed", "type 9999", inBody([]byte{0x02}, wt.Signed(none), wt.End)),
		refusedCase("index/block-type-negative", "malformed", "block type", inBody([]byte{0x02, 0x41}, wt.End)),
		refusedCase("index/call", "type", "", inBody(wt.Call(none))),
		refusedCase("index/call-indirect-type", "malformed", "type 9999", inBody(wt.I32Const(0), wt.CallIndirect(none))),
		refusedCase("index/call-indirect-no-table", "type", "", inBody(wt.I32Const(0), wt.CallIndirect(0))),
		refusedCase("index/local", "malformed", "local 9999", inBody(wt.LocalGet(none), wt.Drop)),
		refusedCase("index/local-set-huge", "malformed", "local 4294967295", inBody(wt.I32Const(0), wt.LocalSet(1<<32-1))),
		refusedCase("index/global", "malformed", "global 9999", inBody(wt.GlobalGet(none), wt.Drop)),
		refusedCase("index/label", "malformed", "label 9999", inBody(wt.Br(none))),
		refusedCase("index/br-table-label", "malformed", "label 9999", inBody(wt.I32Const(0), wt.BrTable(0, none))),
		refusedCase("index/table-get", "type", "", inBody(wt.I32Const(0), []byte{0x25, 7}, wt.Drop)),
		refusedCase("index/memory", "malformed", "memory 1", inBody([]byte{0x3f, 1}, wt.Drop)),
		refusedCase("index/data-of-init", "malformed", "data segment 9", inBody(wt.I32Const(0), wt.I32Const(0), wt.I32Const(0), []byte{0xfc, 8, 9, 0})),
		refusedCase("index/data-of-drop", "malformed", "data segment 9", inBody([]byte{0xfc, 9, 9})),
		refusedCase("index/function-of-ref", "type", "", inBody([]byte{0xd2}, wt.Unsigned(none), wt.Drop)),
		refusedCase("index/export-function", "malformed", "function 9999", with(func(b *wt.Builder) { b.Export("x", 0, none) })),
		refusedCase("index/export-table", "malformed", "table 9999", with(func(b *wt.Builder) { b.Export("x", 1, none) })),
		refusedCase("index/export-memory", "malformed", "memory 9999", with(func(b *wt.Builder) { b.Export("x", 2, none) })),
		refusedCase("index/export-global", "malformed", "global 9999", with(func(b *wt.Builder) { b.Export("x", 3, none) })),
		refusedCase("index/export-kind", "malformed", "unknown kind 9", with(func(b *wt.Builder) { b.Export("x", 9, 0) })),
		refusedCase("index/export-twice", "malformed", "twice", with(func(b *wt.Builder) { b.Export("memory", 2, 0) })),
		refusedCase("index/element-table", "malformed", "table 5", element([]byte{2, 5}, constant, []byte{0, 1, 0})),
		refusedCase("index/element-function", "type", "", element([]byte{0}, constant, []byte{1}, wt.Unsigned(none))),
		refusedCase("index/element-overruns", "malformed", "overruns its table", element([]byte{0}, wt.I32Const(1), wt.End, []byte{2, 0, 0})),
		refusedCase("index/element-negative-offset", "malformed", "overruns its table", element([]byte{0}, wt.I32Const(-1), wt.End, []byte{1, 0})),
		refusedCase("index/data-overruns", "malformed", "overruns the memory", with(func(b *wt.Builder) { b.Data(65_530, make([]byte, 7)) })),
		refusedCase("index/data-negative-offset", "malformed", "overruns the memory", with(func(b *wt.Builder) { b.Data(-1, []byte{1}) })),
		refusedCase("index/data-memory", "malformed", "memory 3", item(11, []byte{2, 3}, constant, []byte{0})),
		refusedCase("utf8/import-module", "malformed", "not UTF-8", item(2, name(0xff), name('f'), []byte{0, 0})),
		refusedCase("utf8/import-name", "malformed", "not UTF-8", item(2, name('e'), name(0xc0, 0x80), []byte{0, 0})),
		refusedCase("utf8/export-surrogate", "malformed", "not UTF-8", item(7, name(0xed, 0xa0, 0x80), []byte{0, 0})),
		refusedCase("utf8/export-cut", "malformed", "not UTF-8", item(7, name('a', 0xe2, 0x82), []byte{0, 0})),
		refusedCase("utf8/name-too-long", "limit", "nameBytesMax", item(7, name(wt.Repeat(1025, []byte{'n'})...), []byte{0, 0})),
		refusedCase("type/operand", "type", "", inBody(wt.I64Const(1), wt.I32Const(1), wt.I32Add, wt.Drop)),
		refusedCase("type/empty-stack", "type", "", inBody(wt.Drop)),
		refusedCase("type/extra-value", "type", "", inBody(wt.Block, wt.I32Const(1), wt.End)),
		refusedCase("type/if-with-result-no-else", "type", "", inBody(wt.I32Const(1), []byte{0x04, 0x7f}, wt.I32Const(1), wt.End, wt.Drop)),
		refusedCase("type/immutable-global", "type", "", with(func(b *wt.Builder) {
			b.Item(6, wt.Join([]byte{0x7f, 0}, constant))
			b.Function("", "", "", wt.I32Const(1), wt.GlobalSet(1))
		})),
		refusedCase("type/alignment", "type", "", inBody(wt.I32Const(0), []byte{0x28, 9, 0}, wt.Drop)),
		refusedCase("type/global-constant", "malformed", "a constant of type", item(6, []byte{0x7e, 1}, constant)),
		refusedCase("type/mutability", "malformed", "mutability", item(6, []byte{0x7f, 2}, constant)),
		refusedCase("type/else-without-if", "type", "", inBody(wt.Block, wt.Else, wt.End)),
		refusedCase("type/bytes-after-end", "malformed", "bytes after its end", inBody(wt.I32Const(0), wt.LocalSet(localStatus), wt.End, wt.End)),
		refusedCase("type/constant-too-long", "malformed", "longer than 32 bits", inBody([]byte{0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, wt.Drop)),
		refusedCase("type/constant-beyond-width", "malformed", "longer than 32 bits", inBody([]byte{0x41, 0xff, 0xff, 0xff, 0xff, 0x0f}, wt.Drop)),
		refusedCase("type/no-end", "malformed", "", item(10, []byte{2, 0, 1})),
	}
}
