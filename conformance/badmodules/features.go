package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
)

// featureCases use what is not offered, because it is not the same everywhere or
// would be state that nobody keeps.
func featureCases() []Case {
	constant := wt.Join(wt.I32Const(0), wt.End)
	cases := []Case{
		refusedCase("feature/simd-instruction", "feature", "SIMD", inBody([]byte{0xfd, 12}, make([]byte, 16), wt.Drop)),
		refusedCase("feature/relaxed-simd", "feature", "SIMD", inBody([]byte{0xfd, 0x80, 2})),
		refusedCase("feature/simd-local", "feature", "SIMD", functions(1, []byte{4, 1, 1, 0x7b, 0x0b})),
		refusedCase("feature/simd-parameter", "feature", "SIMD", item(1, []byte{0x60, 1, 0x7b, 0})),
		refusedCase("feature/atomics", "feature", "threads", inBody(wt.I32Const(0), []byte{0xfe, 0x10, 2, 0}, wt.Drop)),
		refusedCase("feature/shared-memory", "feature", "shared", with(func(b *wt.Builder) { b.SetMemory([]byte{3, 1, 1}) })),
		refusedCase("feature/memory64", "feature", "64-bit", with(func(b *wt.Builder) { b.SetMemory([]byte{4, 1}) })),
		refusedCase("feature/page-size", "malformed", "limits", with(func(b *wt.Builder) { b.SetMemory([]byte{8, 1, 0}) })),
		refusedCase("feature/table64", "feature", "64-bit", item(4, []byte{0x70, 4, 1})),
		refusedCase("feature/tail-call", "feature", "tail calls", inBody([]byte{0x12, 0})),
		refusedCase("feature/tail-call-indirect", "feature", "tail calls", inBody(wt.I32Const(0), []byte{0x13, 0, 0})),
		refusedCase("feature/throw", "feature", "exceptions", inBody([]byte{0x08, 0})),
		refusedCase("feature/try", "feature", "exceptions", inBody([]byte{0x06, 0x40}, wt.End)),
		refusedCase("feature/try-table", "feature", "exceptions", inBody([]byte{0x1f, 0x40, 0}, wt.End)),
		refusedCase("feature/tags", "feature", "exceptions", item(13, []byte{0, 0})),
		refusedCase("feature/gc", "feature", "garbage collection", inBody([]byte{0xfb, 0, 0})),
		refusedCase("feature/call-ref", "feature", "typed references", inBody([]byte{0x14, 0})),
		refusedCase("feature/struct-type", "feature", "function type", item(1, []byte{0x5f, 0})),
		refusedCase("feature/recursive-types", "feature", "function type", item(1, []byte{0x4e, 0})),
		refusedCase("feature/two-memories", "limit", "memories", item(5, []byte{0, 1})),
		refusedCase("feature/wide-arithmetic", "malformed", "unknown instruction", inBody([]byte{0xfc, 19})),
		refusedCase("feature/unknown-opcode", "malformed", "unknown instruction", inBody([]byte{0xff})),
		refusedCase("feature/unknown-prefixed", "malformed", "unknown instruction", inBody([]byte{0xfc}, wt.Unsigned(1<<32-1))),
		refusedCase("feature/extended-constant", "feature", "constant expression", item(6, []byte{0x7f, 0}, wt.I32Const(1), wt.I32Const(1), wt.I32Add, wt.End)),
		refusedCase("feature/global-in-constant", "feature", "constant expression", item(6, []byte{0x7f, 0}, wt.GlobalGet(0), wt.End)),
		refusedCase("table/set", "table", "table.set", inBody(wt.I32Const(0), []byte{0xd0, 0x70, 0x26, 0})),
		refusedCase("table/init", "table", "table.init", inBody([]byte{0xfc, 12, 0, 0})),
		refusedCase("table/elem-drop", "table", "elem.drop", inBody([]byte{0xfc, 13, 0})),
		refusedCase("table/copy", "table", "table.copy", inBody([]byte{0xfc, 14, 0, 0})),
		refusedCase("table/grow", "table", "table.grow", inBody([]byte{0xfc, 15, 0})),
		refusedCase("table/fill", "table", "table.fill", inBody([]byte{0xfc, 17, 0})),
		refusedCase("table/passive-segment", "table", "passive", item(9, []byte{1, 0, 0})),
		refusedCase("table/mutable-funcref-global", "table", "reference", item(6, []byte{0x70, 1, 0xd0, 0x70, 0x0b})),
		refusedCase("table/mutable-externref-global", "table", "reference", item(6, []byte{0x6f, 1, 0xd0, 0x6f, 0x0b})),
		refusedCase("import/memory", "import", "is not a function", item(2, name('e'), name('m'), []byte{2, 0, 1})),
		refusedCase("import/table", "import", "is not a function", item(2, name('e'), name('t'), []byte{1, 0x70, 0, 1})),
		refusedCase("import/global", "import", "is not a function", item(2, name('e'), name('g'), []byte{3, 0x7f, 1})),
		refusedCase("export/reserved", "export", "belong to the host", with(func(b *wt.Builder) { b.Export("wraft.fuel", 3, 0) })),
		refusedCase("export/reserved-map", "export", "belong to the host", with(func(b *wt.Builder) { b.Export("wraft.dirty", 3, 0) })),
		refusedCase("import/unknown-module", "import", "host offers functions", weak{imports: []imported{{"js", "eval", "ii", "i"}}}.bytes),
		refusedCase("import/unknown-name", "import", "is not offered", weak{imports: []imported{{"wraft", "exec", "ii", "i"}}}.bytes),
		refusedCase("import/empty-names", "import", "is not offered", weak{imports: []imported{{"", "", "", ""}}}.bytes),
		refusedCase("constant/data-offset-type", "malformed", "a constant of type", item(11, []byte{0}, wt.I64Const(0), wt.End, []byte{0})),
		refusedCase("constant/data-offset-global", "feature", "constant expression", item(11, []byte{0}, wt.GlobalGet(0), wt.End, []byte{0})),
		refusedCase("constant/element-kind", "malformed", "element kind", with(func(b *wt.Builder) {
			b.Item(4, []byte{0x70, 0, 2})
			b.Item(9, wt.Join([]byte{2, 0}, constant, []byte{9, 0}))
		})),
	}
	return append(cases, signatureCases()...)
}

// signatureCases give exports and imports types that are not theirs, or leave
// exports out.
func signatureCases() []Case {
	var cases []Case
	for _, export := range append(abi.RequiredExports(), abi.ExportInitialize) {
		cases = append(cases,
			refusedCase("signature/"+export, "export", "has type", exporting(export, "iF", "F")),
			refusedCase("signature/"+export+"-result", "export", "has type", exporting(export, "", "ii")))
	}
	for _, export := range append(abi.RequiredExports(), abi.ExportMemory) {
		cases = append(cases, refusedCase("missing/"+export, "export", "is not exported", exporting(export, "", "")))
	}
	for _, im := range []imported{
		{"wraft", "now", "", "i"}, {"wraft", "random", "iii", ""}, {"wraft", "log", "ii", ""}, {"wraft", "snapshot_write", "II", "i"},
		{"wasi_snapshot_preview1", "fd_write", "iii", "i"}, {"wasi_snapshot_preview1", "proc_exit", "", ""}, {"env", "abort", "", ""},
	} {
		cases = append(cases, refusedCase("signature/import-"+im.name, "import", "has type", weak{imports: []imported{im}}.bytes))
	}
	return cases
}

// exporting is a module in which one export has another type, or is missing when
// the type is empty both ways.
func exporting(odd, params, results string) func() []byte {
	return func() []byte {
		b := wt.NewBuilder()
		b.Memory(1, -1)
		missing := params == "" && results == ""
		if odd != abi.ExportMemory {
			b.Export(abi.ExportMemory, 2, 0)
		}
		for _, name := range append(abi.RequiredExports(), abi.ExportInitialize) {
			sig, _ := abi.ExportSignature(name)
			p, r := letters(sig.Params), letters(sig.Results)
			if name == odd && missing {
				continue
			}
			if name == odd {
				p, r = params, results
			}
			b.Export(name, 0, b.Function(p, r, "", wt.Unreachable))
		}
		return b.Bytes()
	}
}
