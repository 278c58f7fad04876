package instrument

import "github.com/wraft/wraft/plugins/wasm"

// Fuel. A body falls into segments: runs of instructions that are entered at
// the first one only. Each segment is paid for when it is entered. Fuel may
// fall below zero; it is looked at where that bounds how far: at the head of
// every loop, at the entry of every function that isn't tiny, and before a bulk
// operation that is not short. Between two looks there is at most
// one pass over each instruction of one body, and a tiny function per call in it.
//
// A trap in the middle of a segment has paid for all of it. That is the same
// everywhere, which is what counts.

// plan walks over the body, adds up its segments and follows its operands.
func (f *function) plan() {
	f.segments = append(f.segments[:0], costEntry+int64(f.body.Locals)/localsPerUnit)
	f.blocks = append(f.blocks[:0], false)
	imports := uint32(len(f.pass.module.Imports))
	total, loops := f.segments[0], false
	for in := range f.body.Instructions(f.pass.binary) {
		f.trace.step(in)
		c := int64(costs[in.Op])
		if in.Op == wasm.OpCall && in.Index < imports {
			c = costImport
		}
		f.segments[len(f.segments)-1] += c
		total += c
		loops = loops || in.Op == wasm.OpLoop
		if f.follow(in.Op) {
			f.segments = append(f.segments, 0)
		}
	}
	f.trace.resolve()
	f.framed = f.body.Calls
	f.checked = f.framed || loops || total > costTiny
}

// startSegment pays for the segment that starts here; check says whether to
// look at what is left.
func (f *function) startSegment(check bool) {
	c := f.segments[f.next]
	f.next++
	if c > 0 {
		f.charge(c)
	}
	if check {
		f.indexed(wasm.OpGlobalGet, f.pass.fuel)
		f.takeIfNegative(false)
	}
}

func (f *function) charge(c int64) {
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	f.number(c)
	f.op(opI64Sub)
	f.indexed(wasm.OpGlobalSet, f.pass.fuel)
}

// takeIfNegative appends what happens when the i64 on the stack is below zero:
// yield.go has it.
func (f *function) takeIfNegative(framed bool) {
	f.number(0)
	f.op(opI64LtS)
	f.code = append(f.code, byte(wasm.OpIf), blockEmpty)
	f.yield(framed)
	f.op(wasm.OpEnd)
}

// payLength pays for a bulk operation by its length, which a local holds.
func (f *function) payLength(length uint32) {
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	f.indexed(wasm.OpLocalGet, length)
	f.op(opI64ExtendI32)
	f.number(BulkShift)
	f.op(opI64ShrU)
	f.op(opI64Sub)
	f.indexed(wasm.OpGlobalSet, f.pass.fuel)
}
