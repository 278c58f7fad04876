package wasm

// readCode walks every function body.
func (m *Module) readCode(r *reader) {
	n := r.count(functionsMax, "function bodies", "functionsMax")
	if r.ok() && n != len(m.functions) {
		r.malformed("%d function bodies for %d functions", n, len(m.functions))
	}
	section := r.end
	b := &body{module: m, reader: r}
	for i := 0; i < n && r.ok(); i++ {
		r.function = len(m.Imports) + i
		size := r.u32("the size of a function body")
		if r.ok() && size > bodyBytesMax {
			r.refuse(overLimit("the function body is too large, in bytes", uint64(size), bodyBytesMax, "bodyBytesMax"))
		}
		if r.ok() && int(size) > section-r.pos {
			r.short("a function body")
		}
		if !r.ok() {
			return
		}
		r.end = r.pos + int(size)
		b.walk(i, int(size))
		r.end = section
	}
	r.function = NoFunction
}

// body is the walk over one function body after the other; its stack of
// blocks is kept for the next.
type body struct {
	module  *Module
	reader  *reader
	loops   []bool // open blocks, the body's own included: is it a loop?
	open    int    // how many of them are loops
	deepest int
	shape   shape
	brTotal int // over all bodies
	locals  int // over all bodies
}

func (b *body) walk(index, size int) {
	r, m := b.reader, b.module
	b.loops, b.open, b.deepest, b.shape = append(b.loops[:0], false), 0, 1, shape{}
	b.shape.locals = b.readLocals(len(m.types[m.functions[index]].Params))
	for r.ok() && len(b.loops) > 0 {
		b.instruction()
	}
	if r.ok() && r.pos != r.end {
		r.malformed("the function has %d bytes after its end", r.left())
	}
	s := &m.Stats
	s.BodyBytesMax = max(s.BodyBytesMax, size)
	s.LocalsMax = max(s.LocalsMax, b.shape.locals)
	s.NestingMax = max(s.NestingMax, b.deepest)
	s.BrTargetsBody = max(s.BrTargetsBody, b.shape.targets)
	s.BrTargetsTotal = b.brTotal
	m.chargeBody(r, b.shape)
}

// readLocals reads the declarations of locals, which are run-length encoded
// and therefore the cheapest bomb of all.
func (b *body) readLocals(params int) int {
	r := b.reader
	groups := r.count(localsMax, "groups of locals", "localsMax")
	n := uint64(params)
	for i := 0; i < groups && r.ok(); i++ {
		n += uint64(r.u32("a number of locals"))
		r.valueType()
		if n > localsMax {
			r.refuse(overLimit("too many locals in a function", n, localsMax, "localsMax"))
		}
	}
	if b.locals += int(n); r.ok() && b.locals > localsTotalMax {
		r.refuse(overLimit("too many locals in all functions", uint64(b.locals), localsTotalMax, "localsTotalMax"))
	}
	return int(n)
}

func (b *body) instruction() {
	r := b.reader
	start := r.pos
	op := r.byte("a function body")
	if !r.ok() {
		return
	}
	switch op {
	case opBlock, opLoop, opIf:
		b.enter(op == opLoop)
	case opEnd:
		b.leave()
	}
	kind := opcodes[op]
	if kind == notOffered {
		r.pos = start
		r.refuseOpcode(op)
		return
	}
	if kind == immPrefix {
		b.prefixedInstruction(start)
		return
	}
	b.operands(kind)
	if op == opBr || op == opBrIf {
		b.shape.targets++
	}
}

func (b *body) enter(loop bool) {
	b.loops = append(b.loops, loop)
	b.shape.blocks++
	if loop {
		b.open++
		b.shape.loopDepth = max(b.shape.loopDepth, b.open)
	}
	b.deepest = max(b.deepest, len(b.loops))
	if len(b.loops) > nestingMax {
		b.reader.refuse(overLimit("blocks are nested too deeply", uint64(len(b.loops)), nestingMax, "nestingMax"))
	}
}

func (b *body) leave() {
	last := len(b.loops) - 1
	if b.loops[last] {
		b.open--
	}
	b.loops = b.loops[:last]
}

func (b *body) prefixedInstruction(start int) {
	r := b.reader
	sub := r.u32("an instruction")
	if !r.ok() {
		return
	}
	if sub >= uint32(len(prefixed)) || prefixed[sub] == notOffered {
		r.pos = start
		r.refusePrefixed(sub)
		return
	}
	b.operands(prefixed[sub])
	if sub == opDataDrop && r.ok() {
		b.module.DataDrops = append(b.module.DataDrops, Span{start, r.pos})
	}
}

// operands skips what follows an opcode. Most numbers are indexes and types
// whose meaning the engine's validation checks.
func (b *body) operands(kind immediate) {
	r := b.reader
	switch kind {
	case immBlock:
		b.blockType()
	case immIndex:
		r.u32("an index")
	case immTwoIndexes, immMemory:
		r.u32("an operand")
		r.u32("an operand")
	case immBrTable:
		b.brTable()
	case immI32:
		r.signed(32, "a constant")
	case immI64:
		r.signed(64, "a constant")
	case immF32:
		r.skip(4, "a constant")
	case immF64:
		r.skip(8, "a constant")
	case immZero:
		b.zero()
	case immTwoZeros:
		b.zero()
		b.zero()
	case immIndexAndZero:
		r.u32("an index")
		b.zero()
	case immSelect:
		if n := r.count(1, "types of select", "one"); n == 1 {
			r.valueType()
		}
	case immReference:
		r.referenceType()
	}
}

func (b *body) zero() {
	if v := b.reader.byte("a memory index"); v != 0 {
		b.reader.malformed("memory %d does not exist", v)
	}
}

// blockType reads empty (-64), a value type (negative) or a type index.
func (b *body) blockType() {
	r := b.reader
	if !r.ok() || r.pos >= r.end {
		r.byte("a block type")
		return
	}
	if next := r.bytes[r.pos]; next == 0x40 {
		r.pos++
	} else if next >= 0x60 && next < 0x80 {
		r.valueType()
	} else if t := r.signed(33, "a block type"); t >= 0 {
		b.module.typeAt(r, uint32(t))
	} else {
		r.malformed("unknown block type %d", t)
	}
}

// brTable bounds the targets of one table, of one body and of the module, and
// checks that each names an open block.
func (b *body) brTable() {
	r := b.reader
	n := r.count(brTargetsMax, "br_table targets", "brTargetsMax")
	for i := 0; i <= n && r.ok(); i++ {
		if label := r.u32("a br_table target"); r.ok() && int64(label) >= int64(len(b.loops)) {
			r.malformed("br_table target %d outside of %d blocks", label, len(b.loops))
		}
	}
	s := &b.module.Stats
	s.BrTargetsMax = max(s.BrTargetsMax, n)
	b.shape.targets += n
	b.brTotal += n
	if b.shape.targets > brTargetsBodyMax {
		r.refuse(overLimit("too many br_table targets in a function", uint64(b.shape.targets), brTargetsBodyMax, "brTargetsBodyMax"))
	}
	if b.brTotal > brTargetsTotal {
		r.refuse(overLimit("too many br_table targets in all functions", uint64(b.brTotal), brTargetsTotal, "brTargetsTotal"))
	}
}
