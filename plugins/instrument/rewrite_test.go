package instrument_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

func rewrite(t *testing.T, binary []byte) *instrument.Output {
	t.Helper()
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := instrument.Rewrite(binary, m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMutableGlobalsAreExported(t *testing.T) {
	b := wasmtest.NewMachine(wasmtest.Unreachable)
	b.Global(1)
	b.Item(6, []byte{0x7e, 0, 0x42, 5, 0x0b}) // immutable
	b.Global(2)
	binary := b.Bytes()
	before := bytes.Clone(binary)
	out := rewrite(t, binary)
	if !bytes.Equal(binary, before) {
		t.Error("the input was changed")
	}
	if len(out.Globals) != 2 || out.Globals[0].Name != "wraft.global.0" || out.Globals[1].Name != "wraft.global.2" {
		t.Fatalf("globals %+v", out.Globals)
	}
	m, err := wasm.Read(out.Binary, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for index, name := range map[uint32]string{0: "wraft.global.0", 2: "wraft.global.2", 3: instrument.FuelExport, 4: instrument.StackExport} {
		if e, ok := m.Export(name); !ok || e.Kind != wasm.KindGlobal || e.Index != index {
			t.Errorf("%s: %+v, %v", name, e, ok)
		}
	}
	if _, ok := m.Export("wraft_apply"); !ok {
		t.Error("an export of the module is gone")
	}
}

func TestDataDropsAreGone(t *testing.T) {
	b := wasmtest.NewMachine([]byte{0xfc, 0x89, 0x00, 0}, wasmtest.Unreachable) // with a padded opcode
	b.Item(12, []byte{1})
	b.Data(16, []byte("data"))
	binary := append(b.Bytes(), 0, 5, 4, 'n', 'a', 'm', 'e')
	out := rewrite(t, binary)
	m, err := wasm.Read(out.Binary, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range m.Bodies {
		for in := range b.Instructions(out.Binary) {
			if in.Op == wasm.OpDataDrop {
				t.Error("a data.drop is left")
			}
		}
	}
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCustom {
			t.Error("a custom section is left")
		}
	}
	if again := rewrite(t, binary); !bytes.Equal(again.Binary, out.Binary) {
		t.Error("the pass is not a function of its input")
	}
}

func TestModuleWithoutExports(t *testing.T) {
	b := wasmtest.NewBuilder()
	b.Function("", "", "")
	m, err := wasm.Read(b.Bytes(), wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := instrument.Rewrite(b.Bytes(), m); !errors.Is(err, instrument.ErrNoExports) {
		t.Errorf("got %v", err)
	}
}
