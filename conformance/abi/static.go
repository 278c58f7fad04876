package abi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// read is the module's table of contents.
func (k *kit) read() (*wasm.Module, error) {
	if k.table != nil {
		return k.table, nil
	}
	m, err := wasm.Read(k.subject.Binary, wasm.Limits{})
	var r *wasm.Refusal
	if errors.As(err, &r) {
		hint := r.Hint
		if hint == "" {
			hint = "see docs/ABI.md, \"What a binary may contain\""
		}
		return nil, failed(hint, "%s: %s", r.What, r.Why)
	}
	k.table = m
	return m, err
}

func (k *kit) marker() (string, error) {
	m, err := k.read()
	if err != nil {
		return "", err
	}
	e, ok := m.Export(abi.ExportMarker)
	if !ok || e.Kind != wasm.KindFunction {
		return "", failed("export a function "+abi.ExportMarker+" of type () -> () that does nothing", "there is no function %s", abi.ExportMarker)
	}
	return fmt.Sprintf("ABI version %d", abi.Version), nil
}

// exports lists all that is wrong, where the validator stops at the first.
func (k *kit) exports() (string, error) {
	m, err := k.read()
	if err != nil {
		return "", err
	}
	var wrong []string
	if e, ok := m.Export(abi.ExportMemory); !ok || e.Kind != wasm.KindMemory {
		wrong = append(wrong, "memory is not exported")
	}
	optional := abi.OptionalExports()
	for _, name := range append(abi.RequiredExports(), optional...) {
		want, _ := abi.ExportSignature(name)
		e, ok := m.Export(name)
		if !ok && slices.Contains(optional, name) {
			continue
		}
		got, isFunction := m.FunctionType(e.Index)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s %s is not exported", name, want))
		case e.Kind != wasm.KindFunction || !isFunction:
			wrong = append(wrong, name+" is no function")
		case !got.Equal(want):
			wrong = append(wrong, fmt.Sprintf("%s has type %s instead of %s", name, got, want))
		}
	}
	if len(wrong) > 0 {
		return "", failed("export them with the types of docs/ABI.md, \"Exports\", or use an SDK", "%s", strings.Join(wrong, "; "))
	}
	return "", nil
}

func (k *kit) imports() (string, error) {
	m, err := k.read()
	if err != nil {
		return "", err
	}
	var wrong []string
	counts := map[string]int{}
	for _, im := range m.Imports {
		want, _, ok := abi.ImportSignature(im.Module, im.Name)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s.%s is not offered", im.Module, im.Name))
		case !want.Equal(im.Type):
			wrong = append(wrong, fmt.Sprintf("%s.%s has type %s instead of %s", im.Module, im.Name, im.Type, want))
		}
		counts[im.Module]++
	}
	if len(wrong) > 0 {
		return "", failed("take what docs/ABI.md, \"Imports\", lists, and build for wasip1 or bare wasm32", "%s", strings.Join(wrong, "; "))
	}
	var parts []string
	for module, n := range counts {
		parts = append(parts, fmt.Sprintf("%d of %s", n, module))
	}
	slices.Sort(parts)
	if parts == nil {
		return "none", nil
	}
	return strings.Join(parts, ", "), nil
}

// admitted compiles the module, for the checks that run it.
func (k *kit) admitted() (string, error) {
	m, err := k.engine.Compile(k.ctx, k.subject.Binary)
	var r *plugins.RefusedError
	if errors.As(err, &r) {
		hint := r.Hint
		if hint == "" {
			hint = "see docs/ABI.md, \"What a binary may contain\""
		}
		return "", failed(hint, "rule %s: %s: %s", r.Rule, r.What, r.Why)
	}
	if err != nil {
		return "", err
	}
	k.module = m
	return fmt.Sprintf("%d bytes, %d as instrumented", len(k.subject.Binary), len(m.Artefact().Binary)), nil
}
