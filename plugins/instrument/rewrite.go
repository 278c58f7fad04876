package instrument

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Version counts changes of the pass. Replicas that run binaries of different
// versions do not run the same machine.
const Version = 8

// Names under which the pass exports the globals that it adds.
const (
	// FuelExport is an i64: what a call may still spend. The host sets it before
	// a call. A call that leaves it below zero is out of fuel, however it ended.
	FuelExport = abi.ReservedPrefix + "fuel"
	// StackExport is an i64: how many bytes of stack a call may still claim. The
	// host sets it before a call. A call that trapped and leaves it below zero
	// has exhausted its stack.
	StackExport = abi.ReservedPrefix + "stack"
	// ReserveExport is an i64, never below zero: what a call may spend besides what
	// FuelExport holds. Code moves a slice of it over when that is used up, and lets
	// its host's scheduler in: see yield.go. The host sets it before a call.
	ReserveExport = abi.ReservedPrefix + "reserve"
)

// ErrNoExports is returned for a binary without an export section. The caller
// should have refused it: such a module cannot be a machine.
var ErrNoExports = errors.New("instrument: the module exports nothing")

// ErrMemory is returned for a memory that starts with more than GuestPagesMax.
// The caller should have refused it by its own limit.
var ErrMemory = errors.New("instrument: the memory is too large at the start")

// Global is a mutable global and the name under which it is now exported.
type Global struct {
	Name string
	Type abi.ValueType
}

// Output is a rewritten binary.
type Output struct {
	Binary []byte
	// Globals are all mutable globals of the module itself, in the order of
	// their indexes. FuelExport, StackExport and ReserveExport are not among them:
	// the host sets those before each call, so they are no state.
	Globals []Global
}

// Rewrite instruments a binary; m must be what wasm.Read returned for it.
// The input is not changed.
func Rewrite(binary []byte, m *wasm.Module) (*Output, error) {
	if m.ExportItems == (wasm.Span{}) {
		return nil, ErrNoExports
	}
	if m.MemoryPages > GuestPagesMax {
		return nil, ErrMemory
	}
	p := newPass(binary, m)
	p.out = append(p.out, binary[:wasm.HeaderBytes]...)
	for _, s := range m.Sections {
		if s.ID == wasm.SectionExport && !p.hasGlobals {
			p.section(wasm.SectionGlobal, addedGlobals(nil, 0))
		}
		p.rewriteSection(s)
	}
	return &Output{Binary: p.out, Globals: p.globals}, nil
}

// pass is one run over a binary.
type pass struct {
	binary     []byte
	module     *wasm.Module
	out        []byte
	globals    []Global
	hasGlobals bool
	hasMemory  bool
	// fuel, stack and reserve are the indexes of the added globals.
	fuel, stack, reserve uint32
	// results are the lists of results that need a type of their own as the
	// type of a block: their types are added behind the module's.
	results [][]abi.ValueType
	// helpers are the functions behind the module's own, see bulk.go.
	helpers []helper
}

// growthShare is the part of a binary by which it usually grows.
const growthShare = 2

func newPass(binary []byte, m *wasm.Module) *pass {
	p := &pass{binary: binary, module: m, out: make([]byte, 0, len(binary)+len(binary)/growthShare)}
	p.fuel = uint32(len(m.Globals))
	p.stack, p.reserve = p.fuel+1, p.fuel+2
	p.helpers = newHelpers(m)
	for _, s := range m.Sections {
		p.hasGlobals = p.hasGlobals || s.ID == wasm.SectionGlobal
		if s.ID == wasm.SectionMemory {
			n, _ := p.items(s)
			p.hasMemory = n > 0
		}
	}
	for n, b := range m.Bodies {
		if rs := m.OwnType(n).Results; b.Calls && len(rs) > 1 && p.resultsIndex(rs) < 0 {
			p.results = append(p.results, rs)
		}
	}
	return p
}

func (p *pass) resultsIndex(rs []abi.ValueType) int {
	return slices.IndexFunc(p.results, func(have []abi.ValueType) bool { return slices.Equal(have, rs) })
}

func (p *pass) rewriteSection(s wasm.Section) {
	switch s.ID {
	case wasm.SectionCustom:
	case wasm.SectionType:
		p.section(s.ID, p.types(s))
	case wasm.SectionFunction:
		p.section(s.ID, p.functions(s))
	case wasm.SectionMemory:
		p.section(s.ID, p.memory(s))
	case wasm.SectionData:
		p.section(s.ID, p.data(s))
	case wasm.SectionGlobal:
		n, items := p.items(s)
		p.section(s.ID, addedGlobals(items, n))
	case wasm.SectionExport:
		p.section(s.ID, p.exports())
	case wasm.SectionCode:
		p.section(s.ID, p.code())
	default:
		p.out = append(p.out, p.binary[s.Whole.Start:s.Whole.End]...)
	}
}

func (p *pass) section(id wasm.SectionID, body []byte) {
	p.out = append(p.out, byte(id))
	p.out = appendUnsigned(p.out, uint64(len(body)))
	p.out = append(p.out, body...)
}

// items splits the body of a section into its count and what follows.
func (p *pass) items(s wasm.Section) (count int, items []byte) {
	body := p.binary[s.Body.Start:s.Body.End]
	n, size := binary.Uvarint(body)
	return int(n), body[size:]
}

// types copies the types and adds those of blocks with several results, and that of
// the helpers.
func (p *pass) types(s wasm.Section) []byte {
	n, items := p.items(s)
	more := len(p.results)
	if len(p.helpers) > 0 {
		more++
	}
	body := appendUnsigned(nil, uint64(n+more))
	body = append(body, items...)
	for _, rs := range p.results {
		body = append(body, typeFunction, 0) // no parameters
		body = appendUnsigned(body, uint64(len(rs)))
		for _, t := range rs {
			body = append(body, byte(t))
		}
	}
	if len(p.helpers) > 0 {
		body = append(body, typeFunction, helperParams, byte(abi.I32), byte(abi.I32), byte(abi.I32), 0) // no results
	}
	return body
}

// functions copies the types of the functions and adds those of the helpers.
func (p *pass) functions(s wasm.Section) []byte {
	n, items := p.items(s)
	body := append(appendUnsigned(nil, uint64(n+len(p.helpers))), items...)
	for range p.helpers {
		body = appendUnsigned(body, uint64(p.module.Types()+len(p.results)))
	}
	return body
}

const typeFunction = 0x60

// addedGlobals are n encoded globals and those of the pass behind them, all of
// them zero: code that the host has not given a budget doesn't run.
func addedGlobals(items []byte, n int) []byte {
	const mutable = 1
	body := appendUnsigned(nil, uint64(n+len(added)))
	body = append(body, items...)
	for range added {
		body = append(body, byte(abi.I64), mutable, byte(wasm.OpI64Const), 0, byte(wasm.OpEnd))
	}
	return body
}

// exports copies the items of the export section and adds the globals.
func (p *pass) exports() []byte {
	m := p.module
	var more []byte
	add := func(name string, index uint32) {
		more = appendUnsigned(more, uint64(len(name)))
		more = append(more, name...)
		more = append(more, wasm.KindGlobal)
		more = appendUnsigned(more, uint64(index))
	}
	for i, g := range m.Globals {
		if g.Mutable {
			name := globalName(i)
			add(name, uint32(i))
			p.globals = append(p.globals, Global{Name: name, Type: g.Type})
		}
	}
	for i, g := range added {
		add(g.Name, p.fuel+uint32(i))
	}
	body := appendUnsigned(nil, uint64(len(m.Exports)+len(p.globals)+len(added)))
	body = append(body, p.binary[m.ExportItems.Start:m.ExportItems.End]...)
	return append(body, more...)
}

// code rewrites every body and adds those of the helpers.
func (p *pass) code() []byte {
	section := appendUnsigned(make([]byte, 0, len(p.out)), uint64(len(p.module.Bodies)+len(p.helpers)))
	f := &function{pass: p}
	for n := range p.module.Bodies {
		section = f.rewrite(section, n)
	}
	for _, h := range p.helpers {
		section = f.helper(section, h)
	}
	return section
}
