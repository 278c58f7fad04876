package wasm

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

var (
	magic            = []byte{0, 'a', 's', 'm'}
	versionModule    = []byte{1, 0, 0, 0}
	versionComponent = []byte{0x0d, 0, 1, 0}
)

// Read walks a binary from end to end and returns its table of contents. The
// error is always a *Refusal. The binary is not kept.
func Read(binary []byte, limits Limits) (*Module, error) {
	l := limits.withDefaults()
	r := &reader{bytes: binary, end: len(binary), function: NoFunction, rewritten: l.Rewritten}
	if len(binary) > l.ModuleBytesMax {
		r.refuse(overLimit("the module is too large, in bytes", uint64(len(binary)), uint64(l.ModuleBytesMax), "ModuleBytesMax"))
		return nil, r.refusal
	}
	m := &Module{seen: map[string]bool{}}
	r.preamble()
	m.readSections(r, l)
	m.checkWhole(r)
	if !r.ok() {
		return nil, r.refusal
	}
	return m, nil
}

// preamble checks the first eight bytes. People pass all sorts of files, so
// the usual mistakes get words of their own.
func (r *reader) preamble() {
	if len(r.bytes) < len(magic) || !bytes.Equal(r.bytes[:len(magic)], magic) {
		r.refuse(&Refusal{Rule: RuleNotWasm, What: "not a WebAssembly module", Why: describe(r.bytes), Hint: "pass the compiled .wasm file"})
		return
	}
	if len(r.bytes) < HeaderBytes {
		r.truncated("the header")
		return
	}
	version := r.bytes[len(magic):HeaderBytes]
	switch {
	case bytes.Equal(version, versionModule):
		r.pos = HeaderBytes
	case bytes.Equal(version, versionComponent):
		r.refuse(&Refusal{Rule: RuleNotWasm, What: "a WebAssembly component, not a module", Why: "wraft runs core modules",
			Hint: "build for wasip1 (preview 1) instead of wasip2, without the component step"})
	default:
		r.refuse(&Refusal{Rule: RuleNotWasm, What: fmt.Sprintf("unknown WebAssembly version % x", version), Why: "only version 1 is known"})
	}
}

// describe guesses what a file that isn't WebAssembly is.
func describe(b []byte) string {
	head := b[:min(len(b), 512)]
	for len(head) > 0 && len(b) > len(head) && !utf8.Valid(head) && len(head) > 508 {
		head = head[:len(head)-1]
	}
	trimmed := bytes.TrimSpace(head)
	switch {
	case len(b) == 0:
		return "the file is empty"
	case bytes.HasPrefix(trimmed, []byte("(module")):
		return "it is WebAssembly text; assemble it first"
	case bytes.HasPrefix(head, []byte("\x7fELF")), bytes.HasPrefix(head, []byte("MZ")), bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")):
		return "it is a native program; build it for WebAssembly"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")), bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "it is a compressed file; unpack it first"
	case utf8.Valid(head) && !bytes.ContainsRune(head, 0):
		return "it is a text file; did you pass the source?"
	}
	return "it does not start with \\0asm"
}

// sectionRank gives the order that the format demands; custom sections may
// stand anywhere.
var sectionRank = map[SectionID]int{
	SectionType: 1, SectionImport: 2, SectionFunction: 3, SectionTable: 4, SectionMemory: 5, SectionTag: 6,
	SectionGlobal: 7, SectionExport: 8, SectionStart: 9, SectionElement: 10, SectionDataCount: 11, SectionCode: 12, SectionData: 13,
}

func (m *Module) readSections(r *reader, l Limits) {
	rank, customs := 0, 0
	for r.ok() && r.pos < len(r.bytes) {
		start := r.pos
		r.end = len(r.bytes)
		id := SectionID(r.byte("a section"))
		size := r.u32("the size of a section")
		if r.ok() && uint64(size) > uint64(r.left()) {
			r.truncated(fmt.Sprintf("section %d, which should have %d bytes", id, size))
		}
		if !r.ok() {
			return
		}
		r.end = r.pos + int(size)
		s := Section{ID: id, Whole: Span{start, r.end}, Body: Span{r.pos, r.end}}
		if id == SectionCustom {
			if customs++; customs > customSectionsMax {
				r.refuse(overLimit("too many custom sections", uint64(customs), customSectionsMax, "customSectionsMax"))
			}
			r.name("the name of a custom section") // the rest is nobody's business: it is dropped
			if r.ok() {
				r.pos = r.end
			}
		} else {
			if sectionRank[id] <= rank {
				r.malformed("section %d is unknown, repeated or out of order", id)
			}
			rank = sectionRank[id]
			m.readSection(r, id, l)
		}
		if r.ok() && r.pos != r.end {
			r.malformed("section %d has %d bytes too many", id, r.left())
		}
		m.Sections = append(m.Sections, s)
	}
}

func (m *Module) readSection(r *reader, id SectionID, l Limits) {
	switch id {
	case SectionType:
		m.readTypes(r)
	case SectionImport:
		m.readImports(r)
	case SectionFunction:
		m.readFunctions(r)
	case SectionTable:
		m.readTables(r)
	case SectionMemory:
		m.readMemories(r, l)
	case SectionGlobal:
		m.readGlobals(r)
	case SectionExport:
		m.readExports(r)
	case SectionStart:
		r.refuse(&Refusal{Rule: RuleStart, What: "the module has a start function", Why: "it would run outside of the host's control",
			Hint: "build a reactor (Go: -buildmode=c-shared, C and Rust: -mexec-model=reactor or --no-entry)"})
	case SectionElement:
		m.readElements(r)
	case SectionDataCount:
		m.readDataCount(r)
	case SectionCode:
		m.readCode(r)
	case SectionData:
		m.readData(r)
	case SectionTag:
		r.feature("exceptions", "build without exception handling")
	}
}

// checkWhole checks what only shows at the end.
func (m *Module) checkWhole(r *reader) {
	if !r.ok() {
		return
	}
	r.pos = len(r.bytes)
	if len(m.functions) > 0 && !m.has(SectionCode) {
		r.truncated("the module: functions are declared but there is no code")
	}
	if m.dataCount > 1 && !m.has(SectionData) {
		r.truncated("the module: data segments are announced but there are none")
	}
}

func (m *Module) has(id SectionID) bool {
	for _, s := range m.Sections {
		if s.ID == id {
			return true
		}
	}
	return false
}

func (r *reader) feature(what, hint string) {
	r.refuse(&Refusal{Rule: RuleFeature, What: what + " is not offered", Why: "wraft runs the instructions that are the same on every replica", Hint: hint})
}
