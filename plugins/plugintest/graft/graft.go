package graft

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/wraft/wraft/plugins/wasm"
)

// ErrSections says that a binary is not a sequence of sections.
var ErrSections = errors.New("graft: not a sequence of sections")

// Module is a binary taken apart.
type Module struct{ sections []section }

// section is a section of a binary without its header.
type section struct {
	id   wasm.SectionID
	body []byte
}

// Open takes a binary apart, which is not changed. The error is ErrSections.
func Open(b []byte) (*Module, error) {
	m := &Module{}
	if len(b) < wasm.HeaderBytes {
		return nil, ErrSections
	}
	for b = b[wasm.HeaderBytes:]; len(b) > 0; {
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) {
			return nil, ErrSections
		}
		end := 1 + n + int(size)
		m.sections = append(m.sections, section{wasm.SectionID(b[0]), b[1+n : end]})
		b = b[end:]
	}
	return m, nil
}

// Bytes puts the module together again.
func (m *Module) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range m.sections {
		out = append(out, byte(s.id))
		out = binary.AppendUvarint(out, uint64(len(s.body)))
		out = append(out, s.body...)
	}
	return out
}

// Section returns the body of a section; nil if there is none.
func (m *Module) Section(id wasm.SectionID) []byte {
	if at := m.find(id); at >= 0 {
		return m.sections[at].body
	}
	return nil
}

// Remove takes a section out and returns its body; nil if there was none.
func (m *Module) Remove(id wasm.SectionID) []byte {
	at := m.find(id)
	if at < 0 {
		return nil
	}
	body := m.sections[at].body
	m.sections = slices.Delete(m.sections, at, at+1)
	return body
}

func (m *Module) find(id wasm.SectionID) int {
	return slices.IndexFunc(m.sections, func(s section) bool { return s.id == id })
}

// order is that of the sections in a binary.
var order = []wasm.SectionID{wasm.SectionType, wasm.SectionImport, wasm.SectionFunction, wasm.SectionTable, wasm.SectionMemory, wasm.SectionTag,
	wasm.SectionGlobal, wasm.SectionExport, wasm.SectionStart, wasm.SectionElement, wasm.SectionDataCount, wasm.SectionCode, wasm.SectionData}

// add appends an item to a section that is a list, which is made if it isn't
// there, and returns how many items stood before it.
func (m *Module) add(id wasm.SectionID, item []byte) uint32 {
	at := m.find(id)
	if at < 0 {
		behind := order[slices.Index(order, id)+1:]
		at = slices.IndexFunc(m.sections, func(s section) bool { return slices.Contains(behind, s.id) })
		if at < 0 {
			at = len(m.sections)
		}
		m.sections = slices.Insert(m.sections, at, section{id, []byte{0}})
	}
	count, n := binary.Uvarint(m.sections[at].body)
	body := binary.AppendUvarint(nil, count+1)
	body = append(body, m.sections[at].body[n:]...)
	m.sections[at].body = append(body, item...)
	return uint32(count)
}

// Count is the number of items of a section that is a list.
func (m *Module) Count(id wasm.SectionID) uint32 {
	count, _ := binary.Uvarint(m.Section(id))
	return uint32(count)
}

// Type adds a function type in the encoding of the format (bytes of value types)
// and returns its index.
func (m *Module) Type(params, results []byte) uint32 {
	item := binary.AppendUvarint([]byte{0x60}, uint64(len(params)))
	item = append(item, params...)
	item = binary.AppendUvarint(item, uint64(len(results)))
	return m.add(wasm.SectionType, append(item, results...))
}

// Function adds a function and returns its index. All imports of the module must
// be functions. The end of the code is added.
func (m *Module) Function(typeIndex uint32, locals, code []byte) uint32 {
	body := binary.AppendUvarint(nil, uint64(len(locals)))
	for _, t := range locals {
		body = append(body, 1, t)
	}
	body = append(append(body, code...), byte(wasm.OpEnd))
	m.add(wasm.SectionCode, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	return m.Count(wasm.SectionImport) + m.add(wasm.SectionFunction, binary.AppendUvarint(nil, uint64(typeIndex)))
}

// Memory declares an empty memory that may grow, in a module that has none.
func (m *Module) Memory() { m.add(wasm.SectionMemory, []byte{0, 0}) }

// Export adds an export of a kind of package wasm.
func (m *Module) Export(name string, kind byte, index uint32) {
	item := append(binary.AppendUvarint(nil, uint64(len(name))), name...)
	m.add(wasm.SectionExport, binary.AppendUvarint(append(item, kind), uint64(index)))
}

// Exports makes sure that there is an export section.
func (m *Module) Exports() {
	if m.find(wasm.SectionExport) >= 0 {
		return
	}
	m.Export("", wasm.KindFunction, 0)
	m.sections[m.find(wasm.SectionExport)].body = []byte{0}
}

// Rename gives an export another name of the same length; false if there is none.
// The new name must not be in use.
func (m *Module) Rename(from, to string) bool {
	at := m.find(wasm.SectionExport)
	if at < 0 || len(from) != len(to) {
		return false
	}
	quoted := append(binary.AppendUvarint(nil, uint64(len(from))), from...)
	body := slices.Clone(m.sections[at].body)
	for i := range len(body) - len(quoted) {
		if string(body[i:i+len(quoted)]) == string(quoted) {
			copy(body[i+1:], to)
			m.sections[at].body = body
			return true
		}
	}
	return false
}
