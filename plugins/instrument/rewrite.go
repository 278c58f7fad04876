package instrument

import (
	"errors"
	"strconv"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Version counts changes of the pass. Replicas that run binaries of different
// versions do not run the same machine.
const Version = 1

// ErrNoExports is returned for a binary without an export section. The caller
// should have refused it: such a module cannot be a machine.
var ErrNoExports = errors.New("instrument: the module exports nothing")

// opNop is the instruction that stands in for each byte of a data.drop.
const opNop = 0x01

// Global is a mutable global and the name under which it is now exported.
type Global struct {
	Name string
	Type abi.ValueType
}

// Output is a rewritten binary.
type Output struct {
	Binary []byte
	// Globals are all mutable globals, in the order of their indexes.
	Globals []Global
}

// Rewrite instruments a binary; m must be what wasm.Read returned for it.
// The input is not changed.
func Rewrite(binary []byte, m *wasm.Module) (*Output, error) {
	if m.ExportItems == (wasm.Span{}) {
		return nil, ErrNoExports
	}
	out := &Output{Binary: make([]byte, 0, len(binary)+len(m.Globals)*exportBytesMax)}
	out.Binary = append(out.Binary, binary[:wasm.HeaderBytes]...)
	for _, s := range m.Sections {
		switch s.ID {
		case wasm.SectionCustom:
		case wasm.SectionExport:
			out.exports(binary, m)
		case wasm.SectionCode:
			out.code(binary, s, m.DataDrops)
		default:
			out.Binary = append(out.Binary, binary[s.Whole.Start:s.Whole.End]...)
		}
	}
	return out, nil
}

// exportBytesMax bounds what one added export takes: name, kind and index.
const exportBytesMax = 32

// exports copies the items of the export section and adds the globals.
func (o *Output) exports(binary []byte, m *wasm.Module) {
	var added []byte
	for i, g := range m.Globals {
		if !g.Mutable {
			continue
		}
		name := abi.ReservedPrefix + "global." + strconv.Itoa(i)
		added = appendUnsigned(added, uint64(len(name)))
		added = append(added, name...)
		added = append(added, wasm.KindGlobal)
		added = appendUnsigned(added, uint64(i))
		o.Globals = append(o.Globals, Global{Name: name, Type: g.Type})
	}
	body := appendUnsigned(nil, uint64(len(m.Exports)+len(o.Globals)))
	body = append(body, binary[m.ExportItems.Start:m.ExportItems.End]...)
	body = append(body, added...)
	o.Binary = append(o.Binary, byte(wasm.SectionExport))
	o.Binary = appendUnsigned(o.Binary, uint64(len(body)))
	o.Binary = append(o.Binary, body...)
}

// code copies the code section with each data.drop turned into nops.
func (o *Output) code(binary []byte, s wasm.Section, drops []wasm.Span) {
	shift := len(o.Binary) - s.Whole.Start
	o.Binary = append(o.Binary, binary[s.Whole.Start:s.Whole.End]...)
	for _, d := range drops {
		for at := d.Start; at < d.End; at++ {
			o.Binary[at+shift] = opNop
		}
	}
}

// appendUnsigned appends an unsigned LEB128 number.
func appendUnsigned(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}
