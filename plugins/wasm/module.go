package wasm

import "github.com/wraft/wraft/plugins/abi"

// SectionID is the number of a section in the binary format.
type SectionID byte

// The sections, in the numbers of the format.
const (
	SectionCustom    SectionID = 0
	SectionType      SectionID = 1
	SectionImport    SectionID = 2
	SectionFunction  SectionID = 3
	SectionTable     SectionID = 4
	SectionMemory    SectionID = 5
	SectionGlobal    SectionID = 6
	SectionExport    SectionID = 7
	SectionStart     SectionID = 8
	SectionElement   SectionID = 9
	SectionCode      SectionID = 10
	SectionData      SectionID = 11
	SectionDataCount SectionID = 12
	SectionTag       SectionID = 13
)

// HeaderBytes is the length of the magic number and the version.
const HeaderBytes = 8

// Span is a range of bytes of the binary, End excluded.
type Span struct{ Start, End int }

// Section is one section: Whole spans its header too, Body only its contents.
type Section struct {
	ID    SectionID
	Whole Span
	Body  Span
}

// Import is a function that a module takes from its host. (Imports of other
// kinds are refused.)
type Import struct {
	Module, Name string
	Type         abi.Signature
	Offset       int
}

// Kinds of exports.
const (
	KindFunction byte = 0
	KindTable    byte = 1
	KindMemory   byte = 2
	KindGlobal   byte = 3
)

// Export is a name that a module gives to its host.
type Export struct {
	Name   string
	Kind   byte
	Index  uint32
	Offset int
}

// Global is a global variable of the module itself.
type Global struct {
	Type    abi.ValueType
	Mutable bool
}

// DataPlace says where in memory an active data segment goes: Span is that of
// the constant expression in the binary, its end included, and Offset its value.
type DataPlace struct {
	Span   Span
	Offset uint32
}

// Module is the table of contents of a binary that Read admitted.
type Module struct {
	Sections []Section
	Imports  []Import
	Globals  []Global
	Exports  []Export
	// ExportItems spans the items of the export section without their count;
	// both ends are 0 when there is no such section.
	ExportItems Span
	// Bodies are the module's own functions, in order of their indexes.
	Bodies []Body
	// MemoryPages is the initial size of the memory in pages of 64 KiB, and
	// MemoryPagesMax what it may grow to: as declared, else what the format allows.
	MemoryPages, MemoryPagesMax uint32
	// DataPlaces are the places of the active data segments, in order. Read has
	// checked that each segment lies within MemoryPages.
	DataPlaces []DataPlace
	// Bulks says which bulk operations there are in the bodies, by their distance
	// from OpMemoryInit.
	Bulks [4]bool
	// Stats are sizes that help to choose limits.
	Stats Stats

	types      []abi.Signature
	functions  []uint32 // type index of each function body
	memories   int
	dataCount  int      // announced number of data segments, plus one; 0 is none
	tableSizes []uint32 // initial sizes
	tableTotal uint64
	codeBytes  int             // of the code section
	seen       map[string]bool // names of exports
}

// Stats are the largest figures met in a binary.
type Stats struct {
	Functions      int
	BodyBytesMax   int
	LocalsMax      int
	NestingMax     int
	BrTargetsMax   int
	BrTargetsBody  int
	BrTargetsTotal int
	// CompileCost estimates the engine's work on the instrumented module, over
	// all functions and for the dearest one; cost.go says in which units.
	CompileCost     int64
	CompileCostBody int64
	// CompileBytesMax is the greatest estimate of what the engine keeps in memory
	// while it compiles one function, in bytes; volume.go says what of.
	CompileBytesMax int64
	// FrameBytesMax is the greatest FrameBytes of a Body.
	FrameBytesMax int64
}

// FunctionType returns the type of the function with the given index, imports
// counted first; ok is false when there is no such function.
func (m *Module) FunctionType(index uint32) (sig abi.Signature, ok bool) {
	n := uint64(index)
	if n < uint64(len(m.Imports)) {
		return m.Imports[n].Type, true
	}
	n -= uint64(len(m.Imports))
	if n >= uint64(len(m.functions)) {
		return abi.Signature{}, false
	}
	return m.types[m.functions[n]], true
}

// OwnType returns the type of the module's own function with the given number,
// imports not counted: that of Bodies[n].
func (m *Module) OwnType(n int) abi.Signature { return m.types[m.functions[n]] }

// Types is the number of function types.
func (m *Module) Types() int { return len(m.types) }

// Type returns the function type with the given index; ok is false when there is no such type.
func (m *Module) Type(index uint32) (sig abi.Signature, ok bool) {
	if uint64(index) >= uint64(len(m.types)) {
		return abi.Signature{}, false
	}
	return m.types[index], true
}

// mutableGlobals counts them.
func (m *Module) mutableGlobals() (n int) {
	for _, g := range m.Globals {
		if g.Mutable {
			n++
		}
	}
	return n
}

// Export returns the export with the given name.
func (m *Module) Export(name string) (e Export, ok bool) {
	for _, e := range m.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}
