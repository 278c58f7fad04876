package badmodules

import (
	"fmt"

	wt "github.com/wraft/wraft/internal/wasmtest"
)

// describe names a number.
func describe(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// heavy is code of one function that is dear to compile for its size, and how
// the function is declared.
type heavy struct {
	refused string // rule; empty: it compiles soon enough
	locals  string
	more    func(b *wt.Builder)
	code    func() []byte
	times   int // functions of the kind; 0 is 1
}

// build makes a machine with the heavy functions in it.
func (h heavy) build() []byte {
	b := weak{}.builder()
	if h.more != nil {
		h.more(b)
	}
	body := h.code()
	for range max(h.times, 1) {
		b.Function("", "", h.locals, body)
	}
	return b.Bytes()
}

// inc adds one to a local.
func inc(local uint32) []byte {
	return wt.Join(wt.LocalGet(local), wt.I32Const(1), wt.I32Add, wt.LocalSet(local))
}

// blocks in a row, loops in a row, ifs in a row.
func inARow(n int, open, inside []byte) func() []byte {
	return func() []byte { return wt.Repeat(n, wt.Join(open, inside, wt.End)) }
}

func nested(n int, open, inside []byte) func() []byte {
	return func() []byte { return wt.Join(wt.Repeat(n, open), inside, wt.Repeat(n, wt.End)) }
}

func wideTable(n int) func() []byte {
	return func() []byte {
		return wt.Join(wt.Block, wt.GlobalGet(0), []byte{0x0e}, wt.Unsigned(uint64(n)), make([]byte, n+1), wt.End)
	}
}

// ladder is a br_table over n blocks: a switch with n cases.
func ladder(n int) func() []byte {
	return func() []byte {
		labels := make([]uint32, n+1)
		for k := range labels {
			labels[k] = uint32(min(k, n-1))
		}
		body := wt.Join(wt.Repeat(n, wt.Block), wt.GlobalGet(0), wt.BrTable(labels...))
		for range n {
			body = wt.Join(body, wt.End)
		}
		return body
	}
}

// everyLocal sets each of n locals under a condition, so that each needs a value
// at each join.
func everyLocal(n, rounds int) func() []byte {
	return func() []byte {
		var body []byte
		for k := range rounds {
			body = append(body, wt.Join(wt.GlobalGet(0), wt.If, inc(uint32(k%n)), wt.End)...)
		}
		return body
	}
}

// loopsOverLocals nests loops that all use all locals.
func loopsOverLocals(n, depth int) func() []byte {
	return func() []byte {
		var uses []byte
		for k := range n {
			uses = append(uses, inc(uint32(k))...)
		}
		return wt.Join(wt.Repeat(depth, wt.Loop), uses, wt.GlobalGet(0), wt.BrIf(0), wt.Repeat(depth, wt.End))
	}
}

// heavies are the shapes; the numbers are near the bounds of package wasm, on
// either side.
func heavies() map[string]heavy {
	calls := func(n int) func() []byte { return func() []byte { return wt.Repeat(n, wt.Call(firstImport)) } }
	globals := func(n int) func(b *wt.Builder) {
		return func(b *wt.Builder) {
			for range n {
				b.Global(0)
			}
		}
	}
	adds := func(n int) func() []byte { return func() []byte { return wt.Repeat(n, inc(0)) } }
	deepExpression := func() []byte {
		return wt.Join(wt.Repeat(100_000, wt.GlobalGet(0)), wt.Repeat(99_999, wt.I32Add), wt.Drop)
	}
	return map[string]heavy{
		"blocks-in-a-row":        {refused: "limit", code: inARow(20_000, wt.Block, nil)},
		"blocks-in-a-row-some":   {code: inARow(2_000, wt.Block, nil)},
		"loops-in-a-row":         {refused: "limit", code: inARow(20_000, wt.Loop, nil)},
		"loops-in-a-row-some":    {code: inARow(1_000, wt.Loop, nil)},
		"ifs-in-a-row":           {refused: "limit", code: inARow(20_000, wt.IfCode(wt.GlobalGet(0)), nil)},
		"ifs-in-a-row-some":      {code: inARow(1_000, wt.IfCode(wt.GlobalGet(0)), nil)},
		"blocks-nested":          {code: nested(2_000, wt.Block, nil)},
		"loops-nested":           {refused: "limit", code: nested(4_900, wt.Loop, nil)},
		"loops-nested-some":      {code: nested(500, wt.Loop, nil)},
		"ifs-nested":             {refused: "limit", code: nested(4_900, wt.IfCode(wt.GlobalGet(0)), nil)},
		"branches-out":           {refused: "limit", code: nested(4_900, wt.Block, wt.Repeat(20_000, wt.Join(wt.GlobalGet(0), wt.BrIf(9))))},
		"br-table-wide":          {refused: "limit", code: wideTable(39_000)},
		"br-table-some":          {code: wideTable(10_000)},
		"br-tables-wide":         {refused: "limit", times: 1, code: func() []byte { return wt.Repeat(11, wideTable(39_000)()) }},
		"br-tables-together":     {refused: "limit", times: 120, code: wideTable(39_000)},
		"switch":                 {code: ladder(1_500)},
		"switch-huge":            {code: ladder(4_900)},
		"locals-joined":          {refused: "limit", locals: repeat("i", 1_000), code: everyLocal(1_000, 2_000)},
		"locals-joined-some":     {locals: repeat("i", 100), code: everyLocal(100, 100)},
		"locals-in-loops":        {refused: "limit", locals: repeat("i", 100), code: loopsOverLocals(100, 1_000)},
		"locals-in-loops-some":   {locals: repeat("i", 40), code: loopsOverLocals(40, 20)},
		"locals-at-the-limit":    {locals: repeat("i", 9_990), code: adds(1)},
		"globals-and-calls":      {refused: "limit", more: globals(4_000), code: calls(4_000)},
		"globals-and-calls-some": {more: globals(100), code: calls(2_000)},
		"fills":                  {refused: "limit", code: inARow(2_000, wt.Join(wt.GlobalGet(0), wt.GlobalGet(0), wt.GlobalGet(0), wt.MemoryFill, wt.Block), nil)},
		"fills-some":             {code: inARow(300, wt.Join(wt.GlobalGet(0), wt.GlobalGet(0), wt.GlobalGet(0), wt.MemoryFill, wt.Block), nil)},
		"straight-line":          {locals: "i", code: adds(200_000)},
		"stores":                 {refused: "limit", code: func() []byte { return wt.Repeat(60_000, store(dirtAt, wt.GlobalGet(0))) }},
		"stores-some":            {code: func() []byte { return wt.Repeat(11_500, store(dirtAt, wt.GlobalGet(0))) }},
		"loads":                  {refused: "limit", code: func() []byte { return wt.Repeat(60_000, wt.Join(load(dirtAt), wt.Drop)) }},
		"loads-some":             {code: func() []byte { return wt.Repeat(23_000, wt.Join(load(dirtAt), wt.Drop)) }},
		"divisions":              {refused: "limit", code: divisions(60_000)},
		"divisions-some":         {code: divisions(22_500)},
		"truncations":            {refused: "limit", code: truncations(30_000)},
		"truncations-some":       {code: truncations(11_500)},
		"deep-expression":        {code: deepExpression},
		"dead-code":              {code: func() []byte { return wt.Join(wt.Unreachable, wt.Repeat(500_000, wt.Join(wt.I32Const(1), wt.Drop))) }},
		"nops":                   {refused: "limit", code: func() []byte { return nops(3 << 20) }},
		"nops-some":              {code: func() []byte { return nops(1 << 20) }},
		"constants":              {code: func() []byte { return wt.Repeat(100_000, wt.Join(wt.I64Const(-1<<62), wt.Drop)) }},
		"floats":                 {locals: "F", code: squares(20_000)},
		"floats-most":            {locals: "F", code: squares(240_000)},
		"float-selects":          {refused: "limit", locals: "F", code: floatSelects(240_000)},
		"float-selects-some":     {locals: "F", code: floatSelects(155_000)},
		"calls":                  {refused: "limit", code: calls(200_000)},
		"calls-some":             {code: calls(60_000)},
		"many-functions-some":    {times: 30_000, code: func() []byte { return nil }},
		"many-functions-limit":   {refused: "limit", times: 200_001, code: func() []byte { return nil }},
		"many-callers":           {times: 10_000, code: calls(4)},
		"many-types":             {more: manyTypes, code: adds(1), locals: "i"},
		"wide-types":             {more: wideTypes, code: adds(1), locals: "i"},
		"frame":                  {refused: "limit", code: func() []byte { return wt.Repeat(400_000, wt.Join(wt.I32Const(0), []byte{0x28, 0, 0}, wt.Drop)) }},
		"total":                  {refused: "limit", times: 200, code: inARow(2_000, wt.Block, nil)},
	}
}

// squares are operations on floats, each of whose results becomes canonical.
func squares(n int) func() []byte {
	return func() []byte {
		return wt.Repeat(n, wt.Join(wt.LocalGet(0), wt.LocalGet(0), []byte{0xa2}, wt.LocalSet(0)))
	}
}

// divisions and truncations may each leave with a trap.
func divisions(n int) func() []byte {
	return func() []byte { return wt.Repeat(n, wt.Join(wt.GlobalGet(0), wt.GlobalGet(0), []byte{0x6d}, wt.Drop)) }
}

func truncations(n int) func() []byte {
	return func() []byte { return wt.Repeat(n, wt.Join(wt.GlobalGet(0), []byte{0xb7, 0xaa}, wt.Drop)) }
}

// floatSelects chooses n times between floats.
func floatSelects(n int) func() []byte {
	return func() []byte {
		return wt.Repeat(n, wt.Join(wt.LocalGet(0), wt.LocalGet(0), wt.GlobalGet(0), []byte{0x1b}, wt.LocalSet(0)))
	}
}

// nops is n times nop.
func nops(n int) []byte { return wt.Repeat(n, []byte{0x01}) }

// manyTypes adds as many types as there may be.
func manyTypes(b *wt.Builder) {
	for k := range 4_000 {
		b.Type(repeat("iIfF"[k%4:k%4+1], 1+k/4%60)+repeat("F", k/240%4), "")
	}
}

// wideTypes adds functions with as many parameters and results as there may be.
func wideTypes(b *wt.Builder) {
	values := wt.Repeat(64, wt.I64Const(7))
	for range 100 {
		b.Function(repeat("I", 64), repeat("I", 64), "", wt.Repeat(50, wt.Join(values, wt.Repeat(64, wt.Drop))), values)
	}
}

// compileCases are dear to compile, or would be if they were let in.
func compileCases() []Case {
	var cases []Case
	all := heavies()
	for _, what := range sorted(all) {
		h := all[what]
		if h.refused != "" {
			cases = append(cases, refusedCase("compile/"+what, h.refused, "", h.build))
			continue
		}
		cases = append(cases, Case{Name: "compile/" + what, Build: h.build, Steps: []Step{{Verb: Apply, Input: one}}})
	}
	return cases
}
