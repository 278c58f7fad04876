package wasmtest

// statements emits a few statements, none of which leaves anything on the stack.
func (g *generator) statements(depth int) {
	for range g.draw(generatedStatements) {
		g.statement(depth - 1)
	}
}

func (g *generator) statement(depth int) {
	if depth <= 0 {
		g.assign(depth)
		return
	}
	switch g.draw(11) {
	case 0, 1:
		g.assign(depth)
	case 2:
		g.block(0x02, func() { g.statements(depth); g.branch(depth); g.statements(depth) })
	case 3:
		g.expression('i', depth)
		g.block(0x04, func() { g.statements(depth) })
	case 4:
		g.expression('i', depth)
		g.block(0x04, func() { g.statements(depth); g.op(0x05); g.statements(depth) })
	case 5:
		g.loop(depth)
	case 6:
		g.table(depth)
	case 7:
		g.expression(g.letter(), depth)
		g.op(0x1a)
	case 8:
		g.bulk(depth)
	case 9:
		g.rare(depth)
	case 10:
		g.record(depth)
	}
}

// record stores to what a local points at, several times, with other statements in
// between: they may set the local, branch or trap.
func (g *generator) record(depth int) {
	local := Unsigned(uint64(g.variable('i')))
	g.address(depth)
	g.emit([]byte{0x21}, local)
	for range 2 + g.draw(3) {
		t := []byte{'i', 'I'}[g.draw(2)]
		g.emit([]byte{0x20}, local)
		if sum := g.draw(6); sum >= 4 {
			g.emit(I32Const(int32(g.draw(600)-300)), []byte{0x6a + byte(sum-4)})
		}
		g.leaf(t)
		code := stores[t][g.draw(len(stores[t]))]
		g.emit(code[:2], Unsigned(uint64(g.draw(280))))
		if g.draw(3) == 2 {
			g.statement(depth - 1)
		}
	}
}

// block emits a block without results around what inside emits.
func (g *generator) block(opcode byte, inside func()) {
	g.op(opcode, 0x40)
	g.labels = append(g.labels, "")
	inside()
	g.labels = g.labels[:len(g.labels)-1]
	g.op(0x0b)
}

// assign sets a local, a global or a place in memory.
func (g *generator) assign(depth int) {
	t := g.letter()
	switch g.draw(4) {
	case 0, 1:
		g.expression(t, depth)
		g.emit([]byte{0x21}, Unsigned(uint64(g.variable(t))))
	case 2:
		g.expression(t, depth)
		g.emit(GlobalSet(typeIndex(t)))
	case 3:
		g.store(depth)
	}
}

// stores by type, each with its alignment and an offset.
var stores = map[byte][][]byte{
	'i': {{0x36, 2, 3}, {0x3a, 0, 0}, {0x3b, 1, 8}},
	'I': {{0x37, 3, 1}, {0x3c, 0, 2}, {0x3d, 1, 0}, {0x3e, 2, 4}},
	'f': {{0x38, 2, 2}}, 'F': {{0x39, 3, 5}},
}

// store writes a number, a float only where the bits of NaNs may be seen.
func (g *generator) store(depth int) {
	t := byte('i')
	if n := g.draw(8); n >= 4 {
		t = 'I'
	} else if g.bits && n >= 2 {
		t = numberTypes[n]
	}
	g.address(depth)
	g.expression(t, depth)
	g.access(stores[t][g.draw(len(stores[t]))])
}

// address pushes an address that is nearly always inside the first page, and often
// near the end of a block.
func (g *generator) address(depth int) {
	switch g.draw(20) {
	case 19:
		g.expression('i', depth)
	case 18:
		g.emit(I32Const(int32(far[g.draw(len(far))])))
	case 15, 16, 17:
		g.emit(I32Const(int32(4096*(1+g.draw(15)) - g.draw(9))))
	default:
		g.expression('i', depth)
		g.emit(I32Const(0xfff0), []byte{0x71})
	}
}

// branch leaves one of the open blocks without results, perhaps or surely.
// What follows a sure one is dead code.
func (g *generator) branch(depth int) {
	var labels []uint32
	for k := range g.labels {
		if g.labels[len(g.labels)-1-k] == "" {
			labels = append(labels, uint32(k))
		}
	}
	if len(labels) == 0 {
		return
	}
	label := labels[g.draw(len(labels))]
	if g.draw(3) == 2 {
		g.emit(Br(label))
		return
	}
	g.expression('i', depth)
	g.emit([]byte{0x0d}, Unsigned(uint64(label)))
}

// loop goes round a few times, counted in a local of its own. Its label is not
// among those that others may branch to: that would go round for ever.
func (g *generator) loop(depth int) {
	if g.loops >= generatedLoops {
		g.assign(depth)
		return
	}
	counter := uint64(firstCounter + g.loops)
	g.loops++
	g.emit(I32Const(int32(1+g.draw(generatedRounds))), []byte{0x21}, Unsigned(counter), Loop)
	g.labels = append(g.labels, "loop")
	g.statements(depth)
	g.emit([]byte{0x20}, Unsigned(counter), I32Const(1), []byte{0x6b, 0x22}, Unsigned(counter), []byte{0x0d, 0, 0x0b})
	g.labels = g.labels[:len(g.labels)-1]
	g.loops--
}

// table is three blocks of which a br_table leaves one, two or three.
func (g *generator) table(depth int) {
	g.op(0x02, 0x40, 0x02, 0x40, 0x02, 0x40)
	g.labels = append(g.labels, "", "", "")
	g.expression('i', depth)
	g.op(0x0e, 3, 0, byte(g.draw(3)), 1, byte(g.draw(3)))
	for range 3 {
		g.labels = g.labels[:len(g.labels)-1]
		g.op(0x0b)
		g.statements(depth)
	}
}

// bulk fills, copies, initialises or grows memory, mostly inside of it.
func (g *generator) bulk(depth int) {
	kind := g.draw(7)
	if kind == 0 {
		g.emit(I32Const(int32(g.draw(3))), MemoryGrow(), Drop)
		return
	}
	g.address(depth)
	switch kind {
	case 1, 2, 3:
		g.expression('i', depth)
		g.length(200)
		g.op(0xfc, 11, 0)
	case 4:
		g.emit(I32Const(int32(g.draw(40))))
		g.length(32)
		g.op(0xfc, 8, generatedPassive, 0)
	default:
		g.address(depth)
		g.length(200)
		g.op(0xfc, 10, 0, 0)
	}
}

// length pushes how many bytes, seldom more than there are.
func (g *generator) length(most int) {
	switch g.draw(16) {
	case 15:
		g.emit(I32Const(int32(far[g.draw(len(far))])))
	case 14:
		g.emit(I32Const(int32(g.draw(5) * 4096)))
	default:
		g.emit(I32Const(int32(g.draw(most))))
	}
}

// rare returns or traps under a condition that is seldom true.
func (g *generator) rare(depth int) {
	g.expression('i', depth)
	g.emit(I32Const(int32(g.draw(8))), I32Eq)
	g.op(0x04, 0x40)
	g.labels = append(g.labels, "")
	if g.draw(4) == 3 {
		g.op(0x00)
	} else {
		g.values(g.labels[0], depth)
		g.op(0x0f)
	}
	g.labels = g.labels[:len(g.labels)-1]
	g.op(0x0b)
}
