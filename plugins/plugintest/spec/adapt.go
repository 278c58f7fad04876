package spec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

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
	sections, err := split(original)
	if err != nil {
		sections = nil // the validator says what is wrong
	}
	a := &adapted{binary: original}
	var added []export
	sections = slices.DeleteFunc(sections, func(s section) bool {
		if s.id != wasm.SectionStart {
			return false
		}
		index, n := binary.Uvarint(s.body)
		a.started = n == len(s.body)
		added = append(added, export{exportStart, wasm.KindFunction, uint32(index)})
		return a.started
	})
	if a.started {
		a.binary = assemble(sections)
	}
	m, err := wasm.Read(a.binary, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	for i, g := range m.Globals {
		if g.Mutable {
			a.globals = append(a.globals, fmt.Sprint(exportGlobal, i))
			added = append(added, export{a.globals[len(a.globals)-1], wasm.KindGlobal, uint32(i)})
		}
	}
	if a.memory = declaresMemory(sections); a.memory {
		added = append(added, export{exportMemory, wasm.KindMemory, 0})
	}
	a.drops = dropsData(a.binary, m)
	a.binary = assemble(withExports(sections, added))
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

func declaresMemory(sections []section) bool {
	return slices.ContainsFunc(sections, func(s section) bool { return s.id == wasm.SectionMemory && len(s.body) > 0 && s.body[0] > 0 })
}

// section is a section of a binary, its header stripped.
type section struct {
	id   wasm.SectionID
	body []byte
}

// export is an export to be added.
type export struct {
	name  string
	kind  byte
	index uint32
}

var errSections = errors.New("spec: not a sequence of sections")

// split takes a binary apart.
func split(b []byte) ([]section, error) {
	var out []section
	if len(b) < wasm.HeaderBytes {
		return nil, errSections
	}
	for b = b[wasm.HeaderBytes:]; len(b) > 0; {
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) {
			return nil, errSections
		}
		end := 1 + n + int(size)
		out = append(out, section{wasm.SectionID(b[0]), b[1+n : end]})
		b = b[end:]
	}
	return out, nil
}

// assemble puts a binary together again.
func assemble(sections []section) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		out = append(out, byte(s.id))
		out = binary.AppendUvarint(out, uint64(len(s.body)))
		out = append(out, s.body...)
	}
	return out
}

// behindExports are the sections that stand behind the exports.
var behindExports = []wasm.SectionID{wasm.SectionStart, wasm.SectionElement, wasm.SectionDataCount, wasm.SectionCode, wasm.SectionData}

// withExports appends exports to the export section, which is made if there is
// none. Duplicate names are the validator's to refuse.
func withExports(sections []section, added []export) []section {
	at := slices.IndexFunc(sections, func(s section) bool { return s.id == wasm.SectionExport })
	if at < 0 {
		at = slices.IndexFunc(sections, func(s section) bool { return slices.Contains(behindExports, s.id) })
		if at < 0 {
			at = len(sections)
		}
		sections = slices.Insert(slices.Clone(sections), at, section{wasm.SectionExport, []byte{0}})
	}
	count, n := binary.Uvarint(sections[at].body)
	body := binary.AppendUvarint(nil, count+uint64(len(added)))
	body = append(body, sections[at].body[n:]...)
	for _, e := range added {
		body = binary.AppendUvarint(body, uint64(len(e.name)))
		body = append(append(body, e.name...), e.kind)
		body = binary.AppendUvarint(body, uint64(e.index))
	}
	sections = slices.Clone(sections)
	sections[at].body = body
	return sections
}
