package graft_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/plugintest/graft"
	"github.com/wraft/wraft/plugins/wasm"
)

const i32 = 0x7f

func TestNothingAddedIsNothingChanged(t *testing.T) {
	binary := wasmtest.NewMachine(wasmtest.Unreachable).Bytes()
	m, err := graft.Open(binary)
	if err != nil || !bytes.Equal(m.Bytes(), binary) {
		t.Errorf("%x became %x, %v", binary, m.Bytes(), err)
	}
	if _, err := graft.Open(binary[:len(binary)-1]); !errors.Is(err, graft.ErrSections) {
		t.Errorf("cut off: %v", err)
	}
}

func TestFunctionsAndExportsAreAdded(t *testing.T) {
	m, err := graft.Open(wasmtest.NewMachine(wasmtest.Unreachable).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	f := m.Function(m.Type([]byte{i32}, []byte{i32}), []byte{i32, i32}, wasmtest.LocalGet(2))
	m.Export("added", wasm.KindFunction, f)
	if !m.Rename("wraft_apply", "graft_apply") || m.Rename("wraft_none", "graft_none") {
		t.Error("an export was renamed that isn't there, or the other way round")
	}
	got, err := wasm.Read(m.Bytes(), wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, ok := got.Export("added")
	if sig, _ := got.FunctionType(e.Index); !ok || e.Index != 5 || len(sig.Params) != 1 || got.Bodies[5].Locals != 3 {
		t.Errorf("export %+v, %v, type %s, %d locals", e, ok, sig, got.Bodies[5].Locals)
	}
	if _, ok := got.Export("graft_apply"); !ok {
		t.Error("the new name is not exported")
	}
}

func TestSectionsAreMadeInOrder(t *testing.T) {
	b := wasmtest.NewBuilder()
	b.Function("", "", "")
	b.Memory(1, 1)
	b.Data(0, []byte("x"))
	m, err := graft.Open(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	m.Exports()
	m.Export("f", wasm.KindFunction, 0)
	if m.Remove(wasm.SectionData) == nil || m.Remove(wasm.SectionStart) != nil {
		t.Error("sections that are not there were removed, or the other way round")
	}
	if _, err := wasm.Read(m.Bytes(), wasm.Limits{}); err != nil {
		t.Error(err)
	}
}
