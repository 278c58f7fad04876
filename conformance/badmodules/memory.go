package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

const (
	saysBounds = "out of bounds memory access"
	pageBytes  = 65536
	blockBytes = 4096 // what a host may keep track of
)

// access is a load or store by its opcode, and how many bytes it touches.
type access struct {
	name  string
	op    byte
	bytes int32
	value []byte // of a store; nil is a load
}

var accesses = []access{
	{"load8", 0x2d, 1, nil}, {"load16", 0x2f, 2, nil}, {"load32", 0x28, 4, nil}, {"load64", 0x29, 8, nil},
	{"store8", 0x3a, 1, wt.I32Const(1)}, {"store16", 0x3b, 2, wt.I32Const(1)}, {"store32", 0x36, 4, wt.I32Const(1)}, {"store64", 0x37, 8, wt.I64Const(1)},
	{"store-f32", 0x38, 4, []byte{0x43, 1, 2, 3, 4}}, {"store-f64", 0x39, 8, []byte{0x44, 1, 2, 3, 4, 5, 6, 7, 8}},
}

// at is the access at an address plus an offset; what it loads is dropped.
func (a access) at(address int32, offset uint32) []byte {
	code := wt.Join(wt.I32Const(address), a.value, []byte{a.op, 0}, wt.Unsigned(uint64(offset)))
	if a.value == nil {
		code = wt.Join(code, wt.Drop)
	}
	return code
}

// beyond are all accesses just beyond the end, far beyond it, and by an offset
// that wraps around.
func beyond() []Case {
	var cases []Case
	for _, a := range accesses {
		for where, code := range map[string][]byte{
			"straddles-end": a.at(pageBytes-a.bytes+1, 0),
			"offset-wraps":  a.at(-1, 0xffff_ffff),
			"far":           a.at(0x7fff_0000, 0),
			"block-behind":  a.at(pageBytes+blockBytes-1, 1),
		} {
			cases = append(cases, stepCase("beyond/"+a.name+"-"+where, weak{apply: wt.Join(code, wt.I32Const(0))},
				Step{Verb: Apply, Input: one, Status: plugins.StatusTrap, Says: saysBounds}))
		}
	}
	sortCases(cases)
	return cases
}

// scribbles write wherever a host could keep its notes, within what is theirs:
// they may, and nothing must come of it but what they wrote.
func scribbles() map[string][]byte {
	straddle := []byte{}
	for at := int32(blockBytes - 4); at < pageBytes-8; at += blockBytes {
		straddle = wt.Join(straddle, accesses[7].at(at, 0))
	}
	last := []byte{}
	for _, a := range accesses {
		last = wt.Join(last, a.at(pageBytes-a.bytes, 0))
	}
	return map[string][]byte{
		"straddling-blocks": straddle,
		"last-bytes":        last,
		"by-offset":         accesses[7].at(0, pageBytes-8),
		"upper-half":        wt.Join(wt.I32Const(pageBytes/2), wt.I32Const(-1), wt.I32Const(pageBytes/2), wt.MemoryFill),
		"zeros":             wt.Join(wt.I32Const(pageBytes/2), wt.I32Const(0), wt.I32Const(pageBytes/2), wt.MemoryFill),
		"copy-to-the-end":   wt.Join(wt.I32Const(pageBytes-9000), wt.I32Const(0), wt.I32Const(9000), wt.MemoryCopy),
		"empty-fill-at-end": wt.Join(wt.I32Const(pageBytes), wt.I32Const(1), wt.I32Const(0), wt.MemoryFill),
	}
}

// bulks overrun the memory by whole ranges.
func bulks() map[string][]byte {
	fill := func(at, n int32) []byte {
		return wt.Join(wt.I32Const(at), wt.I32Const(1), wt.I32Const(n), wt.MemoryFill)
	}
	copied := func(to, from, n int32) []byte {
		return wt.Join(wt.I32Const(to), wt.I32Const(from), wt.I32Const(n), wt.MemoryCopy)
	}
	return map[string][]byte{
		"fill-over-end":     fill(pageBytes-4, 5),
		"fill-behind":       fill(pageBytes+1, 0),
		"fill-wraps":        fill(-16, 32),
		"fill-block-behind": fill(pageBytes, blockBytes),
		"copy-over-end":     copied(pageBytes-4, 0, 5),
		"copy-from-behind":  copied(0, pageBytes-4, 5),
		"copy-from-map":     copied(0, pageBytes, blockBytes),
		"copy-wraps":        copied(-16, 0, 32),
	}
}

// memoryCases attack what lies beyond the memory and what a host keeps of it.
func memoryCases() []Case {
	cases := beyond()
	all := scribbles()
	for _, what := range sorted(all) {
		keep := wt.Join(all[what], wt.I32Const(0))
		then := wt.Join(all[what], wt.Unreachable)
		cases = append(cases, stepCase("scribble/"+what, weak{apply: keep}, Step{Verb: Apply, Input: one}),
			stepCase("scribble/"+what+"-trap", weak{apply: then}, Step{Verb: Apply, Input: one, Status: plugins.StatusTrap, Says: "unreachable"}),
			stepCase("scribble/"+what+"-query", weak{query: keep}, Step{Verb: Query, Input: one}))
	}
	over := bulks()
	for _, what := range sorted(over) {
		cases = append(cases, stepCase("bulk/"+what, weak{apply: wt.Join(over[what], wt.I32Const(0))}, Step{Verb: Apply, Input: one, Status: plugins.StatusTrap, Says: saysBounds}))
	}
	return append(cases, growthCases()...)
}

// growthCases grow, look whether what they got is zero, and go.
func growthCases() []Case {
	const to = 20 * pageBytes
	grow := func(pages int32) []byte { return wt.Join(wt.I32Const(pages), wt.MemoryGrow(), wt.Drop) }
	look := wt.Join(wt.I32Const(to-8), wt.I32Load(0), wt.If, wt.I32Const(99), wt.LocalSet(localStatus), wt.End)
	toCap := forever(wt.I32Const(1), wt.MemoryGrow(), wt.I32Const(-1), wt.I32Eq, wt.If, wt.Unreachable, wt.End)
	touchAll := wt.Join(wt.Loop, wt.I32Const(1), wt.MemoryGrow(), wt.LocalSet(firstLocal),
		wt.LocalGet(firstLocal), wt.I32Const(-1), wt.I32Eq, wt.If, wt.Unreachable, wt.End,
		wt.LocalGet(firstLocal), wt.I32Const(16), []byte{0x74}, wt.I32Const(1), wt.I32Store(0), wt.Br(0), wt.End, wt.Unreachable)
	dirtyThenTrap := wt.Join(grow(19), store(to-8, wt.I32Const(dirt)), wt.Unreachable)
	// The command's second byte says whether to grow and trap or to grow and look.
	looks := wt.Join(wt.LocalGet(localCommand), wt.I32Load8(5), wt.If, dirtyThenTrap, wt.End,
		wt.I32Const(0), wt.LocalSet(localStatus), grow(19), look, wt.LocalGet(localStatus))
	trap := Step{Verb: Apply, Input: one, Status: plugins.StatusTrap, Says: "unreachable"}
	var often []Step
	for range 20 {
		often = append(often, Step{Verb: Apply, Input: []byte{bad, 1}, Status: plugins.StatusTrap, Says: "unreachable"})
	}
	refuses := wt.Join(wt.I32Const(1<<20), wt.MemoryGrow(), wt.I32Const(-1), wt.I32Eq, wt.If, wt.I32Const(5), wt.LocalSet(localStatus), wt.End, wt.LocalGet(localStatus))
	return []Case{
		stepCase("growth/to-the-limit", weak{apply: toCap}, trap),
		stepCase("growth/touch-all", weak{apply: touchAll, locals: "i"}, trap),
		stepCase("growth/touch-all-query", weak{query: touchAll, locals: "i"}, Step{Verb: Query, Input: one, Status: plugins.StatusTrap, Says: "unreachable"}),
		stepCase("growth/beyond-the-limit", weak{apply: refuses}, Step{Verb: Apply, Input: one, Status: 5}),
		stepCase("growth/all-ones", weak{apply: wt.Join(grow(-1), wt.Unreachable)}, trap),
		stepCase("growth/beyond-declared", weak{apply: wt.Join(wt.I32Const(2), wt.MemoryGrow(), wt.I32Const(-1), wt.I32Eq, wt.If, wt.Unreachable, wt.End, wt.I32Const(0)), pagesMax: 2}, trap),
		stepCase("growth/declared-is-reached", weak{apply: dirtyThenTrap, pagesMax: 20}, trap),
		{Name: "growth/undone-is-zero", Build: weak{apply: looks}.bytes, Steps: append(often, Step{Verb: Apply, Input: []byte{bad, 0}})},
		{Name: "growth/undone-cannot-be-read", Build: weak{apply: wt.Join(wt.LocalGet(localCommand), wt.I32Load8(5), wt.If, dirtyThenTrap, wt.End, wt.I32Const(to-8), wt.I32Load(0))}.bytes,
			Steps: []Step{often[0], {Verb: Apply, Input: []byte{bad, 0}, Status: plugins.StatusTrap, Says: saysBounds}}},
		stepCase("growth/kept", weak{apply: wt.Join(grow(19), wt.I32Const(0))}, Step{Verb: Apply, Input: one}),
	}
}
