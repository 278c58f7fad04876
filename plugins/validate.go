package plugins

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Validate says whether a binary can be a machine: nil, or a *RefusedError.
// It reads every byte and runs none. What it leaves to Load is the typing
// of operands, which the engine checks before it compiles.
func Validate(binary []byte, l Limits) error {
	_, err := inspect(binary, l.withDefaults())
	return err
}

// inspect is Validate that keeps the table of contents.
func inspect(binary []byte, l Limits) (*wasm.Module, error) {
	m, err := wasm.Read(binary, wasm.Limits{
		ModuleBytesMax: l.ModuleBytesMax,
		MemoryPagesMax: uint32(l.MemoryBytesMax / pageBytes),
	})
	var r *wasm.Refusal
	if errors.As(err, &r) {
		return nil, refused(r)
	}
	if err != nil {
		return nil, fmt.Errorf("plugins: read module: %w", err)
	}
	if r = checkImports(m); r == nil {
		r = checkExports(m)
	}
	if r != nil {
		r.Function = wasm.NoFunction
		return nil, refused(r)
	}
	return m, nil
}

func checkImports(m *wasm.Module) *wasm.Refusal {
	for _, im := range m.Imports {
		want, known, ok := abi.ImportSignature(im.Module, im.Name)
		r := &wasm.Refusal{Rule: wasm.RuleImport, Offset: im.Offset, What: fmt.Sprintf("import %s.%s is not offered", im.Module, im.Name)}
		switch {
		case !known:
			r.Why = fmt.Sprintf("the host offers functions of %q and %q", abi.ImportModule, abi.WASIModule)
			r.Hint = "build for wasip1 or for bare wasm32 (not for a browser), and use the functions of docs/ABI.md"
			return r
		case !ok:
			names := abi.ImportNames(im.Module)
			slices.Sort(names)
			r.Why = "the host offers " + strings.Join(names, ", ") + " there"
			r.Hint = "use the functions of docs/ABI.md"
			return r
		case !want.Equal(im.Type):
			r.What = fmt.Sprintf("import %s.%s has type %s", im.Module, im.Name, im.Type)
			r.Why = "its type is " + want.String()
			return r
		}
	}
	return nil
}

func checkExports(m *wasm.Module) *wasm.Refusal {
	for _, e := range m.Exports {
		if strings.HasPrefix(e.Name, abi.ReservedPrefix) {
			return &wasm.Refusal{Rule: wasm.RuleExport, Offset: e.Offset, What: fmt.Sprintf("export %q", e.Name),
				Why: fmt.Sprintf("names that start with %q belong to the host", abi.ReservedPrefix), Hint: "rename it"}
		}
	}
	return checkABI(m)
}

// checkABI checks the exports that every machine has.
func checkABI(m *wasm.Module) *wasm.Refusal {
	if e, ok := m.Export(abi.ExportMemory); !ok || e.Kind != wasm.KindMemory {
		return missing(m, "memory", abi.ExportMemory, "commands and results travel through it")
	}
	for _, name := range abi.RequiredExports() {
		if r := checkFunction(m, name, true); r != nil {
			return r
		}
	}
	for _, name := range abi.OptionalExports() {
		if r := checkFunction(m, name, false); r != nil {
			return r
		}
	}
	return nil
}

// checkFunction checks that a function export is there and has its type.
func checkFunction(m *wasm.Module, name string, required bool) *wasm.Refusal {
	want, _ := abi.ExportSignature(name)
	e, ok := m.Export(name)
	switch {
	case !ok && !required:
		return nil
	case !ok || e.Kind != wasm.KindFunction:
		return missing(m, "function", name, "every machine has it, with type "+want.String())
	}
	got, _ := m.FunctionType(e.Index) // package wasm has seen that it exists
	if !got.Equal(want) {
		return &wasm.Refusal{Rule: wasm.RuleExport, Offset: e.Offset, What: fmt.Sprintf("export %q has type %s", name, got), Why: "its type is " + want.String(),
			Hint: "use an SDK, or follow docs/ABI.md"}
	}
	return nil
}

func missing(m *wasm.Module, kind, name, why string) *wasm.Refusal {
	r := &wasm.Refusal{Rule: wasm.RuleExport, What: fmt.Sprintf("%s %q is not exported", kind, name), Why: why,
		Hint: "use an SDK (sdk/go: import it and register a machine), or follow docs/ABI.md"}
	if _, ok := m.Export(abi.ExportCommand); ok {
		r.Why = "the module is a program that runs once (it exports _start)"
		r.Hint = "build a reactor (Go: -buildmode=c-shared, C: -mexec-model=reactor, Rust: crate-type cdylib)"
	}
	return r
}
