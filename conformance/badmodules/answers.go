package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// returned is code that ends apply or query with an answer of n bytes at an address.
func returned(at, n uint32) []byte { return wt.Join(wt.Answer(at, n), wt.Return) }

// header is a result header at an address of its own, away from all else.
func header(at int32, status, length int32) []byte {
	return wt.Join(store(at, wt.I32Const(status)), store(at+4, wt.I32Const(length)))
}

const lieAt = 50_000

// lies are answers that break the ABI, or look as if they did.
func lies() map[string]failing {
	malformed := func(says string, code ...[]byte) failing {
		return failing{code: wt.Join(code...), status: plugins.StatusMalformed, says: says}
	}
	return map[string]failing{
		"outside":           malformed("outside of memory", returned(1<<20, 8)),
		"end-outside":       malformed("outside of memory", returned(65_532, 8)),
		"wraps-around":      malformed("outside of memory", returned(0xffff_fff8, 16)),
		"empty":             malformed("0 results instead of 1", returned(lieAt, 0)),
		"half-a-header":     malformed("0 results instead of 1", returned(lieAt, 7)),
		"too-few":           malformed("results instead of", header(lieAt, 0, 0), returned(lieAt, 4)),
		"too-many":          malformed("after its last result", header(lieAt, 0, 0), header(lieAt+8, 0, 0), returned(lieAt, 16)),
		"trailing-byte":     malformed("after its last result", header(lieAt, 0, 0), returned(lieAt, 9)),
		"length-too-long":   malformed("claims 5 bytes, 4 are left", header(lieAt, 0, 5), returned(lieAt, 12)),
		"length-negative":   malformed("claims 4294967295 bytes", header(lieAt, 0, -1), returned(lieAt, 12)),
		"reserved-status":   malformed("belong to the host", header(lieAt, -1, 0), returned(lieAt, 8)),
		"lowest-status":     malformed("belong to the host", header(lieAt, -1<<31, 0), returned(lieAt, 8)),
		"limits-status":     malformed("belong to the host", header(lieAt, plugins.StatusLimits, 0), returned(lieAt, 8)),
		"all-ones":          {code: wt.Join(wt.I64Const(-1), wt.Return), status: plugins.StatusLimits, says: "the limit is"},
		"huge":              {code: wt.Join(wt.I32Const(300), wt.MemoryGrow(), wt.Drop, header(0, 0, 17<<20), returned(0, 17<<20+8)), status: plugins.StatusLimits, says: "the limit is"},
		"one-over-limit":    {code: wt.Join(wt.I32Const(300), wt.MemoryGrow(), wt.Drop, returned(0, 1<<20+1)), status: plugins.StatusLimits, says: "the limit is"},
		"overlaps-input":    malformed("claims", returned(wt.InputAt+1, 8)),
		"own-code":          {code: wt.Join(header(lieAt, 1<<31-1, 0), store(counterAt, wt.LocalGet(localSaved)), returned(lieAt, 8)), status: 1<<31 - 1},
		"overlaps-counter":  {code: wt.Join(header(counterAt-8, 7, 8), store(counterAt, wt.LocalGet(localSaved)), returned(counterAt-8, 16)), status: 7},
		"whole-memory":      malformed("after its last result", store(0, wt.I32Const(0)), store(4, wt.I32Const(0)), returned(0, 65536)),
		"zero":              malformed("0 results instead of 1", wt.I64Const(0), wt.Return),
		"pointer-no-length": malformed("0 results instead of 1", wt.I64Const(1<<40), wt.Return),
	}
}

// buffers are what alloc may answer instead of a place for n bytes.
func buffers() map[string]failing {
	answer := func(at int32, status int32, says string) failing {
		return failing{code: wt.Join(wt.I32Const(at), wt.Return), status: status, says: says}
	}
	return map[string]failing{
		"refuses":       answer(0, plugins.StatusLimits, "refused a buffer"),
		"outside":       answer(1<<20, plugins.StatusMalformed, "outside of memory"),
		"end-outside":   answer(65_530, plugins.StatusMalformed, "outside of memory"),
		"all-ones":      answer(-1, plugins.StatusMalformed, "outside of memory"),
		"most-negative": answer(-1<<31, plugins.StatusMalformed, "outside of memory"),
	}
}

// answerCases are lies of apply, query and alloc.
func answerCases() []Case {
	var cases []Case
	all := lies()
	for _, what := range sorted(all) {
		f := all[what]
		cases = append(cases,
			stepCase("answer/"+what, weak{apply: f.code}, Step{Verb: Apply, Input: one, Status: f.status, Says: f.says}),
			stepCase("answer/"+what+"-query", weak{query: f.code}, Step{Verb: Query, Input: one, Status: f.status, Says: f.says}))
	}
	long := append([]byte{good}, make([]byte, 2*longInput)...)
	places := buffers()
	for _, what := range sorted(places) {
		f := places[what]
		cases = append(cases, stepCase("buffer/"+what, weak{alloc: f.code}, Step{Verb: Apply, Input: long, Status: f.status, Says: f.says}))
	}
	tooLong := append([]byte{good}, make([]byte, limits.CommandBytesMax)...)
	return append(cases, stepCase("buffer/command-over-limit", weak{}, Step{Verb: Apply, Input: tooLong, Unseen: true, Status: plugins.StatusLimits, Says: "the limit is 65536"}))
}
