package instrument

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// added are the mutable globals that the pass puts behind the module's own, in
// the order of their indexes.
var added = []Global{{FuelExport, abi.I64}, {StackExport, abi.I64}, {ReserveExport, abi.I64}}

// globalName is the name under which the pass exports a global of the module.
func globalName(index int) string { return abi.ReservedPrefix + "global." + strconv.Itoa(index) }

// Globals finds the mutable globals of the module itself in a rewritten binary:
// those that Rewrite returned. The error says how the binary differs from
// everything that this version of the pass writes: a mutable global that is not
// exported under its name, a reserved name that stands for something else.
func Globals(m *wasm.Module) ([]Global, error) {
	own := len(m.Globals) - len(added)
	if own < 0 {
		return nil, fmt.Errorf("instrument: %d globals, the pass adds %d", len(m.Globals), len(added))
	}
	want := map[string]uint32{}
	var globals []Global
	for i, g := range m.Globals[:own] {
		if g.Mutable {
			globals = append(globals, Global{Name: globalName(i), Type: g.Type})
			want[globalName(i)] = uint32(i)
		}
	}
	for i, g := range added {
		if have := m.Globals[own+i]; !have.Mutable || have.Type != g.Type {
			return nil, fmt.Errorf("instrument: global %d is not the mutable %s that %s should be", own+i, g.Type, g.Name)
		}
		want[g.Name] = uint32(own + i)
	}
	return globals, checkReserved(m, want)
}

// GuestPages finds how many pages of memory the guest starts with in a rewritten
// binary. The error says how the binary differs from everything that this version of
// the pass writes: no room for the map, a declared maximum, contents of the map.
func GuestPages(m *wasm.Module) (uint32, error) {
	switch {
	case m.MemoryPages < MapPages || m.MemoryPages-MapPages > GuestPagesMax:
		return 0, fmt.Errorf("instrument: a memory of %d pages, of which the map takes %d", m.MemoryPages, MapPages)
	case m.MemoryPagesMax != enginePagesMax:
		return 0, fmt.Errorf("instrument: a memory of at most %d pages, the pass declares no maximum", m.MemoryPagesMax)
	}
	for _, s := range m.DataPlaces {
		if s.Offset < MapBytes {
			return 0, fmt.Errorf("instrument: a data segment at %d, in the map", s.Offset)
		}
	}
	return m.MemoryPages - MapPages, nil
}

// checkReserved checks that the reserved names are those wanted, no more and no fewer.
func checkReserved(m *wasm.Module, want map[string]uint32) error {
	found := 0
	for _, e := range m.Exports {
		if !strings.HasPrefix(e.Name, abi.ReservedPrefix) {
			continue
		}
		index, ok := want[e.Name]
		if !ok || e.Kind != wasm.KindGlobal || e.Index != index {
			return fmt.Errorf("instrument: export %q is nothing that the pass writes", e.Name)
		}
		found++
	}
	if found != len(want) {
		return fmt.Errorf("instrument: %d reserved exports, want %d", found, len(want))
	}
	return nil
}
