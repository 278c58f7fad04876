package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
)

// whole is a machine with something in every section that a module may have.
func whole() []byte {
	b := weak{more: func(b *wt.Builder, own uint32) {
		b.Item(4, []byte{0x70, 0, 4})
		b.Item(9, wt.Join([]byte{0}, wt.I32Const(0), wt.End, []byte{1}, wt.Unsigned(uint64(own))))
		b.Function("", "", "", wt.I32Const(0), wt.I32Const(0), wt.I32Const(4), []byte{0xfc, 8, 0, 0})
		b.Item(12, []byte{2})
		b.Item(11, []byte{1, 4, 'd', 'a', 't', 'a'})
		b.Data(60_000, []byte("more data"))
	}}.builder()
	return b.Bytes()
}

// formatCases are inputs that are no module, or one of another kind.
func formatCases() []Case {
	raw := func(b []byte) func() []byte { return func() []byte { return b } }
	head := func(version ...byte) []byte { return append([]byte("\x00asm"), version...) }
	custom := func(name []byte, n int) func() []byte {
		return func() []byte {
			body := wt.Join(wt.Unsigned(uint64(len(name))), name, make([]byte, n))
			return wt.Join(whole(), []byte{0}, wt.Unsigned(uint64(len(body))), body)
		}
	}
	accepted := func(name string, build func() []byte) Case {
		return Case{Name: name, Build: build, Steps: []Step{{Verb: Apply, Input: one}}}
	}
	return []Case{
		refusedCase("format/empty", "not-wasm", "the file is empty", raw(nil)),
		refusedCase("format/half-magic", "not-wasm", "", raw([]byte("\x00as"))),
		refusedCase("format/no-version", "truncated", "the header", raw(head())),
		refusedCase("format/header-alone", "export", "", raw(head(1, 0, 0, 0))),
		refusedCase("format/version-2", "not-wasm", "unknown WebAssembly version", raw(head(2, 0, 0, 0))),
		refusedCase("format/component", "not-wasm", "component", raw(head(0x0d, 0, 1, 0))),
		refusedCase("format/text", "not-wasm", "assemble it", raw([]byte("(module)"))),
		refusedCase("format/source", "not-wasm", "source", raw([]byte("package main\n"))),
		refusedCase("format/native", "not-wasm", "native", raw(append([]byte("\x7fELF"), make([]byte, 1000)...))),
		refusedCase("format/zip", "not-wasm", "compressed", raw([]byte("PK\x03\x04xxxxxxxxxx"))),
		refusedCase("format/zeros", "not-wasm", "", raw(make([]byte, 1<<20))),
		refusedCase("format/too-large", "limit", "ModuleBytesMax", func() []byte { return append(whole(), make([]byte, 64<<20)...) }),
		refusedCase("format/trailing-bytes", "malformed", "section 23 is unknown", func() []byte { return append(whole(), 0x17, 0) }),
		accepted("format/whole", whole),
		accepted("format/custom-section", custom([]byte("name"), 100)),
		refusedCase("format/custom-bad-utf8", "malformed", "UTF-8", custom([]byte{0xff, 0xfe}, 0)),
		accepted("format/custom-names-bomb", custom([]byte("name"), 8<<20)),
		refusedCase("format/custom-without-a-name", "truncated", "", func() []byte { return wt.Join(whole(), []byte{0, 0}) }),
		refusedCase("format/many-customs", "limit", "customSectionsMax", func() []byte { return wt.Join(whole(), wt.Repeat(1025, []byte{0, 1, 0})) }),
		refusedCase("format/custom-too-long", "truncated", "", func() []byte { return append(whole(), 0, 100, 1, 'x') }),
		refusedCase("format/size-without-end", "malformed", "longer than 32 bits", func() []byte { return append(whole(), 0, 0x80, 0x80, 0x80, 0x80, 0x80, 1) }),
	}
}
