package abi

import "strings"

// ValueType is a WebAssembly value type by its byte in the binary format.
type ValueType byte

// The number types of WebAssembly. The ABI itself uses I32 and I64 only.
const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
	F32 ValueType = 0x7d
	F64 ValueType = 0x7c
)

// String returns the type's name in the text format.
func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case 0x7b:
		return "v128"
	case 0x70:
		return "funcref"
	case 0x6f:
		return "externref"
	}
	return "unknown"
}

// Signature is the type of a function.
type Signature struct {
	Params  []ValueType
	Results []ValueType
}

// String draws the signature as "(i32, i32) -> i64".
func (s Signature) String() string {
	var b strings.Builder
	b.WriteString("(" + join(s.Params) + ") -> ")
	if len(s.Results) == 1 {
		b.WriteString(s.Results[0].String())
	} else {
		b.WriteString("(" + join(s.Results) + ")")
	}
	return b.String()
}

// Equal reports whether both signatures are the same type.
func (s Signature) Equal(o Signature) bool {
	return equal(s.Params, o.Params) && equal(s.Results, o.Results)
}

func equal(a, b []ValueType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func join(ts []ValueType) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// parse reads the shorthand of the tables below: one letter per parameter,
// a colon, one letter per result; i is i32, I is i64.
func parse(short string) Signature {
	params, results, _ := strings.Cut(short, ":")
	return Signature{Params: letters(params), Results: letters(results)}
}

func letters(s string) []ValueType {
	var ts []ValueType
	for _, c := range s {
		switch c {
		case 'i':
			ts = append(ts, I32)
		case 'I':
			ts = append(ts, I64)
		}
	}
	return ts
}

// exports are the function exports of a module.
var exports = map[string]string{
	ExportMarker:   ":",
	ExportAlloc:    "i:i",
	ExportApply:    "ii:I",
	ExportQuery:    "ii:I",
	ExportSnapshot: ":i",
	ExportRestore:  "i:i",
	ExportVersion:  ":i",
}

// RequiredExports returns the functions that a module must export, in a fixed
// order, so that refusals are the same everywhere.
func RequiredExports() []string {
	return []string{ExportMarker, ExportAlloc, ExportApply, ExportQuery, ExportSnapshot, ExportRestore}
}

// OptionalExports returns the functions that a module may export for the host
// to call, in a fixed order.
func OptionalExports() []string { return []string{ExportInitialize, ExportVersion} }

// ExportSignature returns the type that a function export of this ABI must
// have; ok is false for names that the ABI doesn't know.
func ExportSignature(name string) (sig Signature, ok bool) {
	if name == ExportInitialize {
		return Signature{}, true
	}
	short, ok := exports[name]
	return parse(short), ok
}

// imports are the host functions by namespace and name.
var imports = map[string]map[string]string{
	ImportModule: {
		"snapshot_write": "ii:i",
		"restore_read":   "ii:i",
		"now":            ":I",
		"index":          ":I",
		"random":         "ii:",
		"log":            "iii:",
		"emit":           "ii:",
		"set_error":      "ii:",
		"fuel":           ":I",
	},
	WASIModule:           wasi,
	AssemblyScriptModule: {"abort": "iiii:"},
}

// ImportSignature returns the type of a host function. known says whether the
// namespace is offered at all, ok whether the function is.
func ImportSignature(module, name string) (sig Signature, known, ok bool) {
	functions, known := imports[module]
	short, ok := functions[name]
	return parse(short), known, ok
}

// ImportNames returns the functions offered in a namespace, in no order.
func ImportNames(module string) []string {
	names := make([]string, 0, len(imports[module]))
	for name := range imports[module] {
		names = append(names, name)
	}
	return names
}
