package wasm

// readCode walks every function body.
func (m *Module) readCode(r *reader) {
	n := r.count(r.most(functionsMax), "function bodies", "functionsMax")
	if r.ok() && n != len(m.functions) {
		r.malformed("%d function bodies for %d functions", n, len(m.functions))
	}
	section := r.end
	m.codeBytes = r.left()
	b := &body{module: m, reader: r, globals: map[uint32]struct{}{}}
	m.Bodies = make([]Body, 0, n)
	for i := 0; i < n && r.ok(); i++ {
		r.function = len(m.Imports) + i
		size := r.u32("the size of a function body")
		if most := r.mostBytes(); r.ok() && size > most {
			r.refuse(overLimit("the function body is too large, in bytes", uint64(size), uint64(most), "bodyBytesMax"))
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
	open    []block // open blocks, the body's own included
	loops   int     // how many of them are loops
	deepest int
	globals map[uint32]struct{} // mutable ones that the function names
	shape   shape
	volume  volume
	brTotal int // over all bodies
	locals  int // over all bodies
}

// block is an open block, and what had been counted when it was opened.
type block struct {
	loop                       bool
	uses, sets, calls, globals int
}

func (b *body) walk(index, size int) {
	r, m := b.reader, b.module
	b.open, b.loops, b.deepest, b.shape, b.volume = append(b.open[:0], block{}), 0, 1, shape{}, volume{}
	clear(b.globals)
	code := Body{Whole: Span{r.pos, r.end}}
	b.readLocals(&code, len(m.types[m.functions[index]].Params))
	code.Code = Span{r.pos, r.end}
	for r.ok() && len(b.open) > 0 {
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
	b.shape.globals, b.shape.reloads = len(b.globals), m.mutableGlobals()
	code.Calls, code.CompileCost = b.shape.calls > 0, b.shape.compileCost()
	instrumented := b.shape
	if !r.rewritten {
		instrumented = instrumented.instrumented()
	}
	m.chargeVolume(r, b.volume, b.shape.withPieces())
	code.InstrumentedCost = m.chargeBody(r, instrumented)
	code.FrameBytes = m.chargeFrame(r, m.types[m.functions[index]], b.shape)
	m.Bodies = append(m.Bodies, code)
}

// readLocals reads the declarations of locals, which are run-length encoded
// and therefore the cheapest bomb of all.
func (b *body) readLocals(code *Body, params int) {
	r := b.reader
	code.GroupCount = r.count(r.most(localsMax), "groups of locals", "localsMax")
	code.Groups.Start = r.pos
	n := uint64(params)
	for i := 0; i < code.GroupCount && r.ok(); i++ {
		n += uint64(r.u32("a number of locals"))
		r.valueType()
		if most := uint64(r.most(localsMax)); n > most {
			r.refuse(overLimit("too many locals in a function", n, most, "localsMax"))
		}
	}
	b.locals += int(n)
	if most := r.most(localsTotalMax); r.ok() && b.locals > most {
		r.refuse(overLimit("too many locals in all functions", uint64(b.locals), uint64(most), "localsTotalMax"))
	}
	code.Groups.End, code.Locals, b.shape.locals = r.pos, int(n), int(n)
}

func (b *body) instruction() {
	r := b.reader
	in := r.instruction()
	if !r.ok() {
		return
	}
	switch in.Op {
	case OpBlock, OpLoop, OpIf:
		b.enter(in)
	case OpElse:
		b.shape.segments++
	case OpEnd:
		b.leave()
	case OpBr, OpBrIf:
		r.within("label", in.Index, len(b.open))
		b.shape.targets++
		b.shape.segments++
	case OpBrTable:
		b.brTable(in)
	case OpReturn:
		b.shape.returns++
	case OpCall, OpCallIndirect:
		b.call(in)
	case OpLocalSet, OpLocalTee:
		r.within("local", in.Index, b.shape.locals)
		b.shape.uses++
		b.shape.sets++
	case OpLocalGet:
		r.within("local", in.Index, b.shape.locals)
		b.shape.uses++
	case OpGlobalGet, OpGlobalSet:
		b.global(in)
	case OpDataDrop:
		b.module.segment(r, in.Index)
	case OpMemoryInit:
		b.module.segment(r, in.Index)
		b.shape.inits++
	case OpMemoryFill, OpMemoryCopy:
		b.shape.bulks++
		b.module.Bulks[in.Op-OpMemoryInit] = true
	}
	b.shape.values += int64(valuesOf[in.Op])
	b.volume.count(in.Op)
}

func (b *body) enter(in Instruction) {
	s := &b.shape
	b.open = append(b.open, block{loop: in.Op == OpLoop, uses: s.uses, sets: s.sets, calls: s.calls, globals: s.globalUses})
	s.segments++
	switch in.Op {
	case OpLoop:
		b.loops++
		s.loops++
		s.loopDepth = max(s.loopDepth, b.loops)
		if in.Block >= 0 {
			s.typed++
		}
	case OpIf:
		s.ifs++
	default:
		s.blocks++
	}
	b.deepest = max(b.deepest, len(b.open))
	if most := b.reader.most(nestingMax); len(b.open) > most {
		b.reader.refuse(overLimit("blocks are nested too deeply", uint64(len(b.open)), uint64(most), "nestingMax"))
	}
	if in.Block >= 0 {
		sig, _ := b.module.typeAt(b.reader, uint32(in.Block))
		s.values += int64(len(sig.Params) + len(sig.Results))
	} else if in.Block != blockEmpty {
		s.values++
	}
}

func (b *body) leave() {
	last := len(b.open) - 1
	left := b.open[last]
	if left.loop {
		b.loops--
	}
	b.open = b.open[:last]
	b.join(left)
}

// join counts the values that the engine may need where paths through a block
// meet: one for each variable that may differ between them. At the head of a
// loop those are all it uses, since the engine doesn't yet know what comes
// around; at an end, those it sets. Mutable globals and the place of the memory
// are variables too, and a call may change them.
func (b *body) join(left block) {
	s := &b.shape
	locals := s.sets - left.sets
	if left.loop {
		locals = s.uses - left.uses
	}
	n := min(s.locals, locals) + min(len(b.globals), s.globalUses-left.globals) + instrumentedGlobals
	if s.calls > left.calls {
		n = n + len(b.globals) + memoryVariables
	}
	s.values += int64(n)
}

// call counts a call and its results.
func (b *body) call(in Instruction) {
	s := &b.shape
	s.calls++
	results := 0
	if in.Op == OpCallIndirect {
		if sig, ok := b.module.typeAt(b.reader, in.Index); ok {
			results = len(sig.Results)
		}
	} else if sig, ok := b.module.FunctionType(in.Index); ok {
		results = len(sig.Results)
	}
	s.values += int64(results + memoryVariables)
}

// global remembers which mutable globals the function touches.
func (b *body) global(in Instruction) {
	b.shape.globalUses++
	if b.reader.within("global", in.Index, len(b.module.Globals)) && b.module.Globals[in.Index].Mutable {
		b.globals[in.Index] = struct{}{}
	}
}

// brTable bounds the targets of one table, of one body and of the module, and
// checks that each names an open block.
func (b *body) brTable(in Instruction) {
	r := b.reader
	r.within("label", in.Index, len(b.open))
	s := &b.module.Stats
	s.BrTargetsMax = max(s.BrTargetsMax, in.Targets)
	b.shape.targets += in.Targets
	b.brTotal += in.Targets
	if most := r.most(brTargetsBodyMax); b.shape.targets > most {
		r.refuse(overLimit("too many br_table targets in a function", uint64(b.shape.targets), uint64(most), "brTargetsBodyMax"))
	}
	if b.brTotal > brTargetsTotal {
		r.refuse(overLimit("too many br_table targets in all functions", uint64(b.brTotal), brTargetsTotal, "brTargetsTotal"))
	}
}
