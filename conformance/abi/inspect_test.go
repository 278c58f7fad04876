package abi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func TestInspect(t *testing.T) {
	binary := wasmtest.Counter(t)
	i, err := abi.Inspect(binary, plugins.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if i.Refusal != nil || i.Artefact == nil || i.Artefact.Bytes <= len(binary) || i.Bytes != len(binary) || i.Functions < 100 {
		t.Errorf("got %+v", i)
	}
	total := 8
	for _, n := range i.Sections {
		total += n
	}
	if total != len(binary) {
		t.Errorf("the sections have %d bytes, the binary %d", total, len(binary))
	}
	m, err := shared.Compile(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := shared.NewInstance(t.Context(), m, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close(t.Context())
	if got := instance.RunID().String(); got != i.Artefact.RunID {
		t.Errorf("the run ID is %s, an instance has %s", i.Artefact.RunID, got)
	}
	for _, im := range i.Imports {
		if !im.Offered {
			t.Errorf("%+v is not offered", im)
		}
	}
}

func TestInspectNamesFeaturesAndRefusals(t *testing.T) {
	b := wasmtest.NewMachine(wasmtest.LocalGet(0), []byte{0xc0}, wasmtest.Drop, wasmtest.I64Const(0))
	i, err := abi.Inspect(b.Bytes(), plugins.Limits{})
	if err != nil || i.Refusal != nil || strings.Join(i.Features, ",") != "sign-extension" || i.MemoryBytes != 64<<10 {
		t.Errorf("got %+v, %v", i, err)
	}
	foreign := wasmtest.NewBuilder()
	foreign.Import("env", "log", "i", "")
	i, err = abi.Inspect(foreign.Bytes(), plugins.Limits{})
	if err != nil || i.Refusal == nil || i.Refusal.Rule != "import" || i.Artefact != nil || len(i.Imports) != 1 || i.Imports[0].Offered {
		t.Errorf("got %+v, %v", i, err)
	}
	i, err = abi.Inspect([]byte("text"), plugins.Limits{})
	if err != nil || i.Refusal == nil || i.Refusal.Rule != "not-wasm" || i.Imports != nil {
		t.Errorf("got %+v, %v", i, err)
	}
}

func TestBench(t *testing.T) {
	figures, err := abi.Bench(t.Context(), shared, abi.Subject{Binary: wasmtest.Faulty(t, ""), Commands: [][]byte{[]byte("abc"), []byte("d")}}, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []struct {
		what  string
		batch int
	}{{"apply", 1}, {"apply", 64}, {"query", 1}, {"rollback", 1}} {
		f := figures[n]
		if f.What != want.what || f.Batch != want.batch || f.Count == 0 || f.NS == 0 || f.PerSecond() <= 0 || (f.Fuel == 0) != (f.What == "query") {
			t.Errorf("figure %d: %+v", n, f)
		}
	}
}
