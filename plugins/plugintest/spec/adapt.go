package spec

import (
	"encoding/binary"
	"fmt"

	"github.com/wraft/wraft/plugins/plugintest/graft"
	"github.com/wraft/wraft/plugins/wasm"
)

// Names under which adapt exports what only a test looks at.
const (
	exportStart  = "spec.start"
	exportMemory = "spec.memory"
	exportGlobal = "spec.global."
)

// adapted is a module of the suite as the pass can take it.
type adapted struct {
	binary  []byte
	started bool     // exportStart is there
	memory  bool     // exportMemory is there
	drops   bool     // it drops data segments
	globals []string // exports of the mutable globals
}

// adapt replaces the start function by an export and exports the memory and the
// mutable globals. The error is the validator's, which judges the module without
// its start function.
func adapt(original []byte) (*adapted, error) {
	parts, err := graft.Open(original)
	if err != nil {
		parts = &graft.Module{} // the validator says what is wrong
	}
	a := &adapted{binary: original}
	start, n := binary.Uvarint(parts.Remove(wasm.SectionStart))
	if a.started = n > 0; a.started {
		a.binary = parts.Bytes()
	}
	m, err := wasm.Read(a.binary, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	parts.Exports()
	if a.started {
		parts.Export(exportStart, wasm.KindFunction, uint32(start))
	}
	for i, g := range m.Globals {
		if g.Mutable {
			a.globals = append(a.globals, fmt.Sprint(exportGlobal, i))
			parts.Export(a.globals[len(a.globals)-1], wasm.KindGlobal, uint32(i))
		}
	}
	if a.memory = parts.Count(wasm.SectionMemory) > 0; a.memory {
		parts.Export(exportMemory, wasm.KindMemory, 0)
	}
	a.drops = dropsData(a.binary, m)
	a.binary = parts.Bytes()
	return a, nil
}

func dropsData(binary []byte, m *wasm.Module) bool {
	for _, b := range m.Bodies {
		for in := range b.Instructions(binary) {
			if in.Op == wasm.OpDataDrop {
				return true
			}
		}
	}
	return false
}
