package badmodules

import (
	"maps"
	"slices"

	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// sorted returns the keys of a table in order: cases have a fixed one.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ends are the ways in which every export is made to fail.
var ends = map[string]failing{
	"trap": {code: wt.Unreachable, status: plugins.StatusTrap, says: "unreachable"},
	"loop": {code: forever(), status: plugins.StatusFuel, says: saysFuel},
	"recursion": {code: wt.Join(wt.Call(firstImport), wt.Unreachable), status: plugins.StatusStack, says: saysStack,
		more: func(b *wt.Builder, own uint32) { b.Function("", "", "", wt.Call(own)) }},
	"grow-and-trap": {code: wt.Join(wt.I32Const(100), wt.MemoryGrow(), wt.Drop, store(6_000_000, wt.I32Const(7)), wt.Unreachable), status: plugins.StatusTrap, says: "unreachable"},
	"exit":          {code: wt.Join(wt.I32Const(3), wt.Call(firstImport)), status: plugins.StatusTrap, says: "exit status 3"},
	"panic":         {code: wt.Join(wt.I32Const(5000), wt.I32Const(0), wt.I32Const(1), wt.I32Const(1), wt.Call(firstImport)), status: plugins.StatusTrap, says: "abort: ha"},
}

// endImports are what some of the ends import; their index is firstImport.
var endImports = map[string][]imported{
	"exit":  {{"wasi_snapshot_preview1", "proc_exit", "i", ""}},
	"panic": {{"env", "abort", "iiii", ""}},
}

// exportCases make each export fail in each way.
func exportCases() []Case {
	var cases []Case
	for _, what := range sorted(ends) {
		f := ends[what]
		base := weak{imports: endImports[what], more: withAbortText(f.more)}
		with := func(set func(w *weak)) weak {
			w := base
			set(&w)
			return w
		}
		code := wt.Join(ruin(), f.code)
		long := append([]byte{good}, make([]byte, 2*longInput)...)
		cases = append(cases,
			Case{Name: "initialize/" + what, Build: with(func(w *weak) { w.initialize = code }).bytes, Start: f.status, Says: f.says},
			stepCase("alloc/"+what, with(func(w *weak) { w.alloc = code }), Step{Verb: Apply, Input: long, Status: f.status, Says: f.says}),
			stepCase("alloc/"+what+"-query", with(func(w *weak) { w.alloc = code }), Step{Verb: Query, Input: long, Status: f.status, Says: f.says}),
			stepCase("snapshot/"+what, with(func(w *weak) { w.snapshot = code }), Step{Verb: Snapshot, Status: f.status, Says: f.says}),
			stepCase("restore/"+what, with(func(w *weak) { w.restore = code }), Step{Verb: Restore, Input: []byte("1234"), Status: f.status, Says: f.says}),
			stepCase("version/"+what, with(func(w *weak) { w.version = code }), Step{Verb: Version, Status: f.status, Says: f.says}),
			stepCase("marker/"+what, with(func(w *weak) { w.marker = code }), Step{Verb: Apply, Input: one}))
	}
	return slices.Concat(cases, versionCases(), startCases())
}

// versionCases answer, and change or say what they must not besides.
func versionCases() []Case {
	of := func(name string, code []byte) Case {
		return stepCase("version/"+name, weak{version: code}, Step{Verb: Version})
	}
	return []Case{
		of("changes-state", wt.Join(ruin(), wt.I32Const(20), wt.MemoryGrow(), wt.Drop, store(1_200_000, wt.I32Const(dirt)))),
		of("writes-a-snapshot", write(counterAt, 4)),
		of("reads-a-snapshot", read(counterAt, 4)),
	}
}

// withAbortText adds the string "ha" as AssemblyScript keeps it.
func withAbortText(more func(b *wt.Builder, own uint32)) func(b *wt.Builder, own uint32) {
	return func(b *wt.Builder, own uint32) {
		b.Data(4996, []byte{4, 0, 0, 0, 'h', 0, 'a', 0})
		if more != nil {
			more(b, own)
		}
	}
}

// startCases are code that would run before the host is ready for it.
func startCases() []Case {
	start := func(code []byte) func() []byte {
		return func() []byte {
			b := weak{}.builder()
			b.Item(8, wt.Unsigned(uint64(b.Function("", "", "", code))))
			return b.Bytes()
		}
	}
	return []Case{
		refusedCase("start/empty", "start", "start function", start(nil)),
		refusedCase("start/loop", "start", "start function", start(forever())),
		refusedCase("start/trap", "start", "start function", start(wt.Unreachable)),
		refusedCase("start/no-such-function", "start", "start function", func() []byte {
			b := weak{}.builder()
			b.Item(8, wt.Unsigned(999))
			return b.Bytes()
		}),
	}
}
