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

// startSegment pays for the segment that starts behind an instruction.
func (f *function) startSegment(in wasm.Instruction) {
	cost := f.nextCost()
	switch {
	case in.Op == wasm.OpLoop && in.Block < 0:
		f.payAtHead(cost, false)
	case in.Op == wasm.OpLoop: // with parameters, which nobody has who comes back to its head
		f.payInLoop(cost, false)
	case cost > 0:
		f.charge(cost)
	}
}

// nextCost is the cost of the segment that the second walk comes to next.
func (f *function) nextCost() int64 {
	f.next++
	return f.segments[f.next-1]
}

// payAtHead pays at the head of a loop, for a frame as well if the function has one, and
// looks at what is left. If that is too little, code gets the next slice, takes back what
// it has paid, and begins the loop again.
//
// Why again, and not on from there: where ways meet, the engine keeps in registers what it
// does on the first of them, and behind a call of the host that is next to nothing. All
// who pass would read their values from the stack again. Nothing meets at the end of a way
// that only leads back.
func (f *function) payAtHead(cost int64, framed bool) {
	f.charge(cost)
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	if framed {
		f.claim(opI64Sub)
		f.indexed(wasm.OpGlobalGet, f.pass.stack)
		f.op(opI64Or)
	}
	f.number(0)
	f.op(opI64GeS)
	f.code = append(f.code, byte(wasm.OpIf), blockEmpty)
	f.op(wasm.OpElse) // Why the way out stands here: the engine puts it behind the function
	f.yield(framed)
	f.charge(-cost)
	if framed {
		f.claim(opI64Add)
	}
	f.indexed(wasm.OpBr, 1)
	f.op(wasm.OpEnd)
}

// payInLoop is payAtHead in a loop for that alone.
func (f *function) payInLoop(cost int64, framed bool) {
	f.code = append(f.code, byte(wasm.OpLoop), blockEmpty)
	f.payAtHead(cost, framed)
	f.op(wasm.OpEnd)
}

func (f *function) charge(c int64) {
	f.indexed(wasm.OpGlobalGet, f.pass.fuel)
	f.number(c)
	f.op(opI64Sub)
	f.indexed(wasm.OpGlobalSet, f.pass.fuel)
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
