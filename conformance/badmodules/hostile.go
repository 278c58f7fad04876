package badmodules

import (
	"cmp"
	"fmt"
	"slices"

	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
)

func sortCases(cases []Case) {
	slices.SortFunc(cases, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
}

// hostile are the arguments with which every import is called, parameter by
// parameter; the last one stands for all that follow. Memory is one page.
var hostile = []struct {
	what string
	args []int64
}{
	{"all-ones", []int64{-1}},
	{"zeros", []int64{0}},
	{"last-byte", []int64{pageBytes - 1}},
	{"largest", []int64{0x7fff_ffff}},
	{"most-negative", []int64{-1 << 31}},
	{"over-end", []int64{pageBytes - 4, 8}},
	{"descriptor-then-wrap", []int64{1, -8, 1, -8}},
	{"descriptor-then-many", []int64{1, 8, 1024, -4}},
	{"descriptor-then-huge", []int64{2, 60_000, 1 << 28, 8}},
	{"kind-then-over-end", []int64{0, pageBytes - 2, pageBytes - 2}},
}

// hostileCases call every function that the host offers with each of the
// arguments. The command's second byte chooses them; the answer's status is what
// the function returned, so that the table says what each must answer.
func hostileCases() []Case {
	var cases []Case
	for _, module := range []string{abi.ImportModule, abi.WASIModule, abi.AssemblyScriptModule} {
		names := abi.ImportNames(module)
		slices.Sort(names)
		for _, name := range names {
			cases = append(cases, hostileCase(module, name))
		}
	}
	return cases
}

func hostileCase(module, name string) Case {
	sig, _, _ := abi.ImportSignature(module, name)
	w := weak{imports: []imported{{module, name, letters(sig.Params), letters(sig.Results)}}}
	c := Case{Name: "hostile/" + module + "." + name}
	code := []byte{}
	for k, h := range hostile {
		code = wt.Join(code, wt.LocalGet(localCommand), wt.I32Load8(abi.LengthBytes+1), wt.I32Const(int32(k)), wt.I32Eq, wt.If,
			arguments(sig.Params, h.args), wt.Call(firstImport), toStatus(sig.Results), wt.LocalSet(localStatus), wt.End)
		want := statusOf(module, name, k)
		c.Steps = append(c.Steps, Step{Verb: Apply, Input: []byte{bad, byte(k)}, Status: want})
	}
	w.apply = wt.Join(code, wt.LocalGet(localStatus))
	c.Build = w.bytes
	return c
}

// arguments pushes the hostile numbers as the types of the parameters.
func arguments(params []abi.ValueType, args []int64) []byte {
	var code []byte
	for k, t := range params {
		v := args[min(k, len(args)-1)]
		if t == abi.I64 {
			code = wt.Join(code, wt.I64Const(v))
		} else {
			code = wt.Join(code, wt.I32Const(int32(v)))
		}
	}
	return code
}

// toStatus makes a status that a machine may answer with of what a function
// returned: an i32 without its sign bit, 0 for anything else.
func toStatus(results []abi.ValueType) []byte {
	switch {
	case len(results) == 0:
		return wt.I32Const(0)
	case results[0] == abi.I64:
		return wt.Join(wt.Drop, wt.I32Const(0))
	}
	return wt.Join(wt.I32Const(1<<31-1), []byte{0x71})
}

func letters(ts []abi.ValueType) string {
	names := map[abi.ValueType]string{abi.I32: "i", abi.I64: "I", abi.F32: "f", abi.F64: "F"}
	var s string
	for _, t := range ts {
		s += names[t]
	}
	return s
}

// statusOf looks up what a function must answer to the k-th hostile arguments.
func statusOf(module, name string, k int) int32 {
	row, ok := hostileStatuses[module+"."+name]
	if !ok {
		row = repeated(notOffered)
	}
	if len(row) != len(hostile) {
		panic(fmt.Sprintf("badmodules: %s.%s has %d statuses for %d arguments", module, name, len(row), len(hostile)))
	}
	return row[k]
}
