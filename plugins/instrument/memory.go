package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Memory. The guest's memory begins MapBytes above the start of the engine's.
// Below it lies the dirty map, one byte for each block of the guest's memory,
// which instrumented code sets when it writes to the block. The host reads and
// clears it, and so learns what a call has changed without looking at the rest.
//
// Every address is shifted by adding MapBytes to the constant offset of a load
// or store. The engine adds offset and address without wrapping, so no address
// reaches below MapBytes, and what lies beyond the guest's memory lies beyond
// the engine's, which traps as it always did. Bulk operations have no offset;
// their addresses are shifted by code (bulk.go).
//
// A mark is set behind a write, with the address that was written or one a little
// below: the write has not trapped, so the block is one of the guest's memory.
// Nothing can trap between a write and its mark. Which stores share one, marks.go says.
const (
	// MapPages is what the map takes of the engine's memory, in pages of 64 KiB:
	// enough for every address of 32 bits.
	MapPages = 16
	// MapBytes is the same in bytes, and the engine's address of the guest's
	// address 0.
	MapBytes = MapPages << pageShift
	// BlockBytes is how much memory one byte of the map stands for.
	BlockBytes = 1 << blockShift
	// SlackBytes is how many bytes behind a marked block may have changed too: a
	// mark is for what is written up to SlackBytes above the marked address.
	SlackBytes = 256
	// GuestPagesMax is the greatest memory of a guest, in pages. The engine's is
	// kept a page below 4 GiB, so that its size fits 32 bits.
	GuestPagesMax = enginePagesMax - MapPages - 1

	blockShift     = 12
	pageShift      = 16
	enginePagesMax = 65536
	addressMax     = 1<<32 - 1
)

// access copies a load or store with its address shifted.
func (f *function) access(in wasm.Instruction) {
	offset := uint64(in.Offset) + MapBytes
	if offset > addressMax {
		// The guest's address is beyond GuestPagesMax: it traps, and so does this.
		offset = addressMax
	}
	f.indexed(in.Op, in.Index)
	f.code = appendUnsigned(f.code, offset)
}

// storing is the type of a store's operand and the number of bytes it writes.
type storing struct {
	operand abi.ValueType
	bytes   uint64
}

var stores = [...]storing{ // from OpI32Store on
	{abi.I32, 4}, {abi.I64, 8}, {abi.F32, 4}, {abi.F64, 8},
	{abi.I32, 1}, {abi.I32, 2}, {abi.I64, 1}, {abi.I64, 2}, {abi.I64, 4},
}

// store copies a store and marks what was planned.
func (f *function) store(in wasm.Instruction) {
	m := f.trace.marks[f.trace.marking.next]
	f.trace.marking.next++
	s := stores[in.Op-wasm.OpI32Store]
	last := uint64(in.Offset) + s.bytes - 1
	switch {
	case last+MapBytes > addressMax, m.kind == markNone:
		f.access(in) // in the first case it always traps
	case m.kind == markOwn:
		f.storeAlone(in, s.operand, last)
	case m.kind == markLocal:
		f.access(in)
		f.indexed(wasm.OpLocalGet, m.local)
		f.plus(m.distance)
		f.toBlock()
		f.markBlock()
	default:
		f.access(in)
		f.constant(m.distance >> blockShift)
		f.markBlock()
	}
}

// storeAlone copies a store and marks its own address.
func (f *function) storeAlone(in wasm.Instruction, operand abi.ValueType, last uint64) {
	address, value := f.local(abi.I32, 0), f.local(operand, 0)
	if operand == abi.I32 {
		value = f.local(abi.I32, 1)
	}
	f.indexed(wasm.OpLocalSet, value)
	f.indexed(wasm.OpLocalTee, address)
	f.indexed(wasm.OpLocalGet, value)
	f.access(in)
	f.indexed(wasm.OpLocalGet, address)
	if last > SlackBytes {
		f.plus(in.Offset)
	}
	f.toBlock()
	f.markBlock()
}

// plus adds a constant to the i32 on the stack.
func (f *function) plus(n uint32) {
	if n != 0 {
		f.constant(n)
		f.op(opI32Add)
	}
}

// markBlock sets the mark whose address is on the stack.
func (f *function) markBlock() {
	f.constant(1)
	f.code = append(f.code, byte(opI32Store8), 0, 0)
}

// toBlock turns the address on the stack into the number of its block, which is
// the address of its mark.
func (f *function) toBlock() {
	f.constant(blockShift)
	f.op(opI32ShrU)
}

// size copies a memory.size without the map.
func (f *function) size(in wasm.Instruction) {
	f.copied(in)
	f.constant(MapPages)
	f.op(opI32Sub)
}

// grow copies a memory.grow. Its result is the former size without the map, or
// -1. What the module declared as its maximum is checked here and not declared
// to the engine, since the host must be able to shrink the memory: see image.go
// of package plugins.
func (f *function) grow(in wasm.Instruction) {
	n := f.local(abi.I32, 0)
	if ceiling := f.pass.module.MemoryPagesMax; ceiling <= GuestPagesMax {
		f.indexed(wasm.OpLocalTee, n)
		f.constant(addressMax) // no memory can grow by that
		f.indexed(wasm.OpLocalGet, n)
		f.op(opI64ExtendI32)
		f.code = append(f.code, byte(wasm.OpMemorySize), 0)
		f.op(opI64ExtendI32)
		f.op(opI64Add)
		f.number(int64(ceiling) + MapPages)
		f.op(opI64LeU)
		f.op(wasm.OpSelect)
	}
	f.copied(in)
	f.indexed(wasm.OpLocalTee, n)
	f.constant(MapPages)
	f.op(opI32Sub)
	f.constant(addressMax)
	f.indexed(wasm.OpLocalGet, n)
	f.constant(addressMax)
	f.op(opI32Ne)
	f.op(wasm.OpSelect)
}

// memory is the section of a memory that begins with the map and may grow.
func (p *pass) memory(s wasm.Section) []byte {
	n, _ := p.items(s)
	body := appendUnsigned(nil, uint64(n))
	if n == 0 {
		return body
	}
	const noMaximum = 0
	return appendUnsigned(append(body, noMaximum), uint64(p.module.MemoryPages)+MapPages)
}

// data copies the data section with the places of its active segments shifted.
func (p *pass) data(s wasm.Section) []byte {
	body := make([]byte, 0, s.Body.End-s.Body.Start+2*len(p.module.DataPlaces))
	at := s.Body.Start
	for _, place := range p.module.DataPlaces {
		body = append(body, p.binary[at:place.Span.Start]...)
		body = append(body, byte(wasm.OpI32Const))
		body = appendSigned(body, int64(int32(place.Offset+MapBytes)))
		body = append(body, byte(wasm.OpEnd))
		at = place.Span.End
	}
	return append(body, p.binary[at:s.Body.End]...)
}
