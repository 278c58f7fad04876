package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Bulk operations. They have no offset, so code shifts their addresses; their length
// is only known when they run, so they pay for it then; and the longest takes a tenth of a
// second, during which nobody can interrupt it, so it is done in pieces with a way out
// between them.
//
// Most of them are short. One of up to bulkShort bytes at addresses in the lower half of
// 32 bits, where nothing wraps, is done in place: what it costs is too little to be
// looked at before the next loop or function, and one mark covers it. The
// others call a function of the pass's own, behind the module's, one for
// memory.fill and one for memory.copy. A memory.init, of which each segment would need
// a function, has the same code in place.
//
// Pieces are invisible: all is paid for first, and an operation that is not within bounds is not
// cut but left to the engine as a whole, which traps before it has written anything. A
// copy goes through its pieces from the end on if it moves bytes up, and so never reads
// what it has written.

const (
	// bulkShort is the length of an operation done in place: what one mark covers.
	bulkShort = SlackBytes - 1
	// BulkPieceBytes is how much of a bulk operation runs at a time: 10 to 50 us.
	BulkPieceBytes = 1 << 17

	signBit = 1 << 31
)

// helper is a function that the pass adds for long bulk operations of a kind.
type helper struct {
	op    wasm.Opcode
	code  []byte // of the operation
	index uint32 // of the function
}

// helperParams are address, second operand and length.
const helperParams = 3

func newHelpers(m *wasm.Module) (hs []helper) {
	next := uint32(len(m.Imports) + len(m.Bodies))
	for _, h := range [...]helper{
		{op: wasm.OpMemoryFill, code: []byte{wasm.Prefix, opMemoryFill, 0}},
		{op: wasm.OpMemoryCopy, code: []byte{wasm.Prefix, opMemoryCopy, 0, 0}},
	} {
		if m.Bulks[h.op-wasm.OpMemoryInit] {
			h.index = next
			hs, next = append(hs, h), next+1
		}
	}
	return hs
}

// bulk copies a bulk operation, paid by its length and with its addresses
// shifted, and marks what it wrote.
func (f *function) bulk(in wasm.Instruction) {
	address, middle, length := f.local(abi.I32, 0), f.local(abi.I32, 1), f.local(abi.I32, 2)
	f.indexed(wasm.OpLocalSet, length)
	f.payLength(length)
	f.indexed(wasm.OpLocalSet, middle)
	f.indexed(wasm.OpLocalSet, address)
	operation := f.pass.binary[in.Span.Start:in.Span.End]
	if in.Op == wasm.OpMemoryInit {
		f.long(in.Op, operation, address, middle, length)
		return
	}
	f.isLong(in.Op, address, middle, length)
	f.code = append(f.code, byte(wasm.OpIf), blockEmpty)
	f.operands(address, middle, length)
	f.indexed(wasm.OpCall, f.pass.helperOf(in.Op))
	f.op(wasm.OpElse)
	f.operands(address)
	f.plus(MapBytes)
	f.operands(middle)
	if in.Op == wasm.OpMemoryCopy {
		f.plus(MapBytes)
	}
	f.operands(length)
	f.code = append(f.code, operation...)
	f.operands(address)
	f.toBlock()
	f.markBlock()
	f.op(wasm.OpEnd)
}

func (p *pass) helperOf(op wasm.Opcode) uint32 {
	for _, h := range p.helpers {
		if h.op == op {
			return h.index
		}
	}
	panic("instrument: a bulk operation that the reader has not counted") // Invariant: newHelpers
}

// isLong pushes what is not zero for an operation that can't be done in place.
func (f *function) isLong(op wasm.Opcode, address, middle, length uint32) {
	f.operands(address)
	if op == wasm.OpMemoryCopy {
		f.operands(middle)
		f.op(opI32Or)
	}
	f.constant(signBit)
	f.op(opI32And)
	f.operands(length)
	f.constant(^uint32(bulkShort))
	f.op(opI32And)
	f.op(opI32Or)
}

// helper is the body of a function of the pass's own.
func (f *function) helper(section []byte, h helper) []byte {
	f.body = wasm.Body{Locals: helperParams}
	f.code, f.scratch = f.code[:0], f.scratch[:0]
	f.long(h.op, h.code, 0, 1, 2)
	f.op(wasm.OpEnd)
	return f.assemble(section)
}

// long appends an operation of any length at any address that has been paid for: it
// ends the call if there was not enough fuel. The locals are of the pass's own.
func (f *function) long(op wasm.Opcode, operation []byte, address, middle, length uint32) {
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	f.number(0)
	f.op(opI64LtS)
	f.code = append(f.code, byte(wasm.OpIf), blockEmpty)
	f.yield(false)
	f.op(wasm.OpEnd)
	f.pieces(op, operation, address, middle, length)
	f.shifted(address)
	if op == wasm.OpMemoryCopy {
		f.shifted(middle)
	} else {
		f.operands(middle)
	}
	f.operands(length)
	f.code = append(f.code, operation...)
	f.markRange(address, length)
}

// pieces does an operation but for its last piece, for which it changes the locals;
// nothing if there is one piece only, or if the operation is not within bounds.
func (f *function) pieces(op wasm.Opcode, operation []byte, address, middle, length uint32) {
	f.code = append(f.code, byte(wasm.OpBlock), blockEmpty)
	f.operands(length)
	f.constant(BulkPieceBytes)
	f.op(opI32LeU)
	f.indexed(wasm.OpBrIf, 0)
	f.outside(address, length)
	f.indexed(wasm.OpBrIf, 0)
	switch op {
	case wasm.OpMemoryCopy:
		f.outside(middle, length)
		f.indexed(wasm.OpBrIf, 0)
	case wasm.OpMemoryInit: // the first piece ends where all does: it is within the segment if the sum doesn't wrap
		f.sum(middle, length)
		f.operands(middle)
		f.op(opI32LtU)
		f.indexed(wasm.OpBrIf, 0)
	}
	f.code = append(f.code, byte(wasm.OpLoop), blockEmpty)
	f.piece(op, operation, address, middle, length)
	f.wayOut()
	f.operands(length)
	f.constant(BulkPieceBytes)
	f.op(opI32GtU)
	f.indexed(wasm.OpBrIf, 0)
	f.op(wasm.OpEnd)
	f.op(wasm.OpEnd)
}

// piece does one and takes it off the locals: the last one, or the first one of a
// copy that moves bytes down.
func (f *function) piece(op wasm.Opcode, operation []byte, address, middle, length uint32) {
	at := f.local(abi.I32, 3)
	f.operands(length)
	f.constant(BulkPieceBytes)
	f.op(opI32Sub)
	f.indexed(wasm.OpLocalTee, length)
	if op == wasm.OpMemoryCopy {
		f.constant(0)
		f.operands(address, middle)
		f.op(opI32GtU)
		f.op(wasm.OpSelect)
	}
	f.indexed(wasm.OpLocalSet, at)
	f.sum(address, at)
	f.plus(MapBytes)
	switch op {
	case wasm.OpMemoryFill:
		f.operands(middle)
	case wasm.OpMemoryInit:
		f.sum(middle, at)
	case wasm.OpMemoryCopy:
		f.sum(middle, at)
		f.plus(MapBytes)
	}
	f.constant(BulkPieceBytes)
	f.code = append(f.code, operation...)
	// The blocks of a piece, which begins anywhere in the first of them.
	f.sum(address, at)
	f.toBlock()
	f.constant(1)
	f.constant(BulkPieceBytes/BlockBytes + 1)
	f.code = append(f.code, wasm.Prefix, opMemoryFill, 0)
	if op == wasm.OpMemoryCopy {
		f.advance(address, at)
		f.advance(middle, at)
	}
}

// advance adds a piece to a local if the piece that was done was the first one, which
// is so if and only if its place is 0: the last one of at least two has another.
func (f *function) advance(local, at uint32) {
	f.operands(local)
	f.constant(0)
	f.constant(BulkPieceBytes)
	f.operands(at)
	f.op(wasm.OpSelect)
	f.op(opI32Add)
	f.indexed(wasm.OpLocalSet, local)
}

func (f *function) sum(a, b uint32) {
	f.operands(a, b)
	f.op(opI32Add)
}

// outside pushes whether a range of the guest's memory is not within it.
func (f *function) outside(address, length uint32) {
	f.operands(address)
	f.op(opI64ExtendI32)
	f.operands(length)
	f.op(opI64ExtendI32)
	f.op(opI64Add)
	f.code = append(f.code, byte(wasm.OpMemorySize), 0)
	f.plus(addressMax - MapPages + 1)
	f.op(opI64ExtendI32)
	f.number(pageShift)
	f.op(opI64Shl)
	f.op(opI64GtU)
}

// shifted pushes a local that holds any address of the guest as one of the engine: one
// that would wrap is kept at the greatest number, where nothing is in bounds.
func (f *function) shifted(address uint32) {
	f.operands(address)
	f.plus(MapBytes)
	f.constant(addressMax)
	f.operands(address)
	f.constant(addressMax - MapBytes)
	f.op(opI32LeU)
	f.op(wasm.OpSelect)
}

// markRange marks the blocks from an address on: the first one by a store, since there
// seldom are more, and those behind it by a fill. The operation has succeeded, so the
// sums do not wrap. A length of 0 marks the block of the address, which may be the one
// behind the memory.
func (f *function) markRange(address, length uint32) {
	f.operands(address)
	f.toBlock()
	f.markBlock()
	f.operands(address)
	f.toBlock()
	f.plus(1)
	f.constant(1)
	f.sum(address, length)
	f.operands(length)
	f.constant(0)
	f.op(opI32Ne)
	f.op(opI32Sub)
	f.toBlock()
	f.operands(address)
	f.toBlock()
	f.op(opI32Sub)
	f.code = append(f.code, wasm.Prefix, opMemoryFill, 0)
}
