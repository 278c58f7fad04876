package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
)

// localsOf encodes a body with runs of locals and no code.
func localsOf(runs ...uint64) []byte {
	body := wt.Unsigned(uint64(len(runs)))
	for _, n := range runs {
		body = append(append(body, wt.Unsigned(n)...), 0x7f)
	}
	body = append(body, 0x0b)
	return append(wt.Unsigned(uint64(len(body))), body...)
}

// functions adds the same encoded body n times, each of type () -> ().
func functions(n int, body []byte) func() []byte {
	return with(func(b *wt.Builder) {
		t := wt.Unsigned(uint64(b.Type("", "")))
		for range n {
			b.Item(3, t)
			b.Item(10, body)
		}
	})
}

// code encodes a body without locals.
func code(parts ...[]byte) []byte {
	body := wt.Join([]byte{0}, wt.Join(parts...), wt.End)
	return append(wt.Unsigned(uint64(len(body))), body...)
}

// items adds the same item to a section n times.
func items(section byte, n int, what []byte) func() []byte {
	return with(func(b *wt.Builder) {
		for range n {
			b.Item(section, what)
		}
	})
}

// limitCases exceed a named limit by a little or by far, mostly with few bytes.
func limitCases() []Case {
	zero := wt.Join(wt.I32Const(0), wt.End)
	runs := make([]uint64, 100)
	for k := range runs {
		runs[k] = 1<<32 - 1
	}
	segment := wt.Join([]byte{0}, zero, []byte{0})
	many := func(n int) func() []byte {
		return with(func(b *wt.Builder) {
			for k := range n {
				b.Export(describe("x%d", k), 0, 3)
			}
		})
	}
	return []Case{
		refusedCase("limit/locals-one-run", "limit", "localsMax", functions(1, localsOf(1<<32-1))),
		refusedCase("limit/locals-just-over", "limit", "localsMax", functions(1, localsOf(10_001))),
		refusedCase("limit/locals-overflow", "limit", "localsMax", functions(1, localsOf(runs...))),
		refusedCase("limit/locals-total", "limit", "costTotalMax", functions(401, localsOf(10_000))),
		refusedCase("limit/locals-groups", "limit", "localsMax", functions(1, localsOf(make([]uint64, 10_001)...))),
		refusedCase("limit/table", "limit", "tableElementsMax", item(4, []byte{0x70, 0}, wt.Unsigned(1<<32-1))),
		refusedCase("limit/table-just-over", "limit", "tableElementsMax", item(4, []byte{0x70, 0}, wt.Unsigned(1<<20+1))),
		refusedCase("limit/tables-together", "limit", "tableElementsMax", items(4, 3, wt.Join([]byte{0x70, 0}, wt.Unsigned(1<<19)))),
		refusedCase("limit/tables", "limit", "tablesMax", items(4, 5, []byte{0x70, 0, 1})),
		refusedCase("limit/table-crossed", "malformed", "minimum 5, maximum 4", item(4, []byte{0x70, 1, 5, 4})),
		refusedCase("limit/memory", "limit", "MemoryPagesMax", weak{pages: 65_536}.bytes),
		refusedCase("limit/memory-just-over", "limit", "MemoryPagesMax", weak{pages: 4097}.bytes),
		refusedCase("limit/memory-beyond-format", "malformed", "maximum", with(func(b *wt.Builder) { b.SetMemory(wt.Join([]byte{1, 1}, wt.Unsigned(65_537))) })),
		refusedCase("limit/memory-crossed", "malformed", "minimum 2, maximum 1", with(func(b *wt.Builder) { b.SetMemory([]byte{1, 2, 1}) })),
		refusedCase("limit/types", "limit", "typesMax", items(1, 4097, []byte{0x60, 0, 0})),
		refusedCase("limit/parameters", "limit", "typeValuesMax", item(1, []byte{0x60, 65}, wt.Repeat(65, []byte{0x7f}), []byte{0})),
		refusedCase("limit/results", "limit", "typeValuesMax", item(1, []byte{0x60, 0, 65}, wt.Repeat(65, []byte{0x7f}))),
		refusedCase("limit/imports", "limit", "importsMax", items(2, 257, []byte{5, 'w', 'r', 'a', 'f', 't', 1, 'x', 0, 0})),
		refusedCase("limit/functions", "limit", "functionsMax", items(3, 200_001, []byte{0})),
		refusedCase("limit/globals", "limit", "globalsMax", items(6, 4097, wt.Join([]byte{0x7f, 0}, zero))),
		refusedCase("limit/exports", "limit", "exportsMax", many(4097)),
		refusedCase("limit/element-segments", "limit", "elementSegmentsMax", with(func(b *wt.Builder) {
			b.Item(4, []byte{0x70, 0, 2})
			for range 16_385 {
				b.Item(9, segment)
			}
		})),
		refusedCase("limit/element-items", "limit", "elementItemsMax", with(func(b *wt.Builder) {
			b.Item(4, wt.Join([]byte{0x70, 0}, wt.Unsigned(1<<20)))
			b.Item(9, wt.Join([]byte{0}, zero, wt.Unsigned(1<<20), make([]byte, 1<<20)))
			b.Item(9, wt.Join([]byte{0}, zero, []byte{1, 0}))
		})),
		refusedCase("limit/data-segments", "limit", "dataSegmentsMax", items(11, 131_073, segment)),
		refusedCase("limit/data-count", "limit", "dataSegmentsMax", with(func(b *wt.Builder) { b.Item(12, wt.Unsigned(1<<32-1)) })),
		refusedCase("limit/body", "limit", "bodyBytesMax", functions(1, code(make([]byte, 0, 0), wt.Repeat(4<<20, []byte{0x01})))),
		refusedCase("limit/nesting", "limit", "nestingMax", functions(1, code(wt.Repeat(5_000, wt.Block), wt.Repeat(5_000, wt.End)))),
		refusedCase("limit/nesting-huge", "limit", "nestingMax", functions(1, code(wt.Repeat(1_000_000, wt.Block), wt.Repeat(1_000_000, wt.End)))),
		refusedCase("limit/br-table", "limit", "brTargetsMax", functions(1, code(wt.I32Const(0), []byte{0x0e}, wt.Unsigned(40_001), make([]byte, 40_002)))),
		refusedCase("limit/br-table-claims", "truncated", "br_table targets", functions(1, code(wt.I32Const(0), []byte{0x0e}, wt.Unsigned(30_000), make([]byte, 100)))),
	}
}
