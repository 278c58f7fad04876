package wasmtest

// expression emits code that pushes one value of a type.
func (g *generator) expression(t byte, depth int) {
	if depth <= 0 {
		g.leaf(t)
		return
	}
	depth--
	switch g.draw(12) {
	case 0, 1:
		g.leaf(t)
	case 2, 3, 4:
		g.binary(t, depth)
	case 5:
		g.unary(t, depth)
	case 6:
		g.convert(t, depth)
	case 7:
		g.load(t, depth)
	case 8:
		g.expression(t, depth)
		g.emit([]byte{0x22}, Unsigned(uint64(g.variable(t))))
	case 9:
		g.values(string([]byte{t, t, 'i'}), depth)
		g.op(0x1b)
	case 10:
		g.call(t, depth)
	case 11:
		g.valued(t, depth)
	}
}

// leaf pushes a constant, a local or a global.
func (g *generator) leaf(t byte) {
	switch g.draw(4) {
	case 0, 1:
		g.emit(LocalGet(g.variable(t)))
	case 2:
		g.emit(GlobalGet(typeIndex(t)))
	case 3:
		g.constant(t)
	}
}

// constant pushes a number: small ones, great ones, infinities and NaNs.
func (g *generator) constant(t byte) {
	n := int8(g.draw(256))
	if g.bits && g.draw(3) == 0 && g.nan(t, byte(n)) {
		return
	}
	switch t {
	case 'i':
		g.emit(I32Const(int32(n) * 0x01000001))
	case 'I':
		g.emit(I64Const(int64(n) * 0x0100000000000001))
	case 'f':
		g.op(0x43, 0, 0, byte(n), byte(0x7f-n)) // all exponents
	case 'F':
		g.op(0x44, 0, 0, 0, 0, 0, 0, byte(n), byte(0x7f-n))
	}
}

// nan pushes a quiet NaN with a payload and perhaps a sign.
func (g *generator) nan(t, payload byte) bool {
	switch t {
	case 'f':
		g.op(0x43, payload, 0, 0xc0, 0x7f|payload<<7)
	case 'F':
		g.op(0x44, payload, 0, 0, 0, 0, 0, 0xf8, 0x7f|payload<<7)
	default:
		return false
	}
	return true
}

// binaries and unaries are the opcodes from a type to itself. Copysign is not
// among them: it would show the sign of a NaN.
var (
	binaries = map[byte][2]byte{'i': {0x6a, 0x78}, 'I': {0x7c, 0x8a}, 'f': {0x92, 0x97}, 'F': {0xa0, 0xa5}}
	unaries  = map[byte][2]byte{'i': {0x67, 0x69}, 'I': {0x79, 0x7b}, 'f': {0x8b, 0x91}, 'F': {0x99, 0x9f}}
)

func (g *generator) pick(ops [2]byte) { g.op(ops[0] + byte(g.draw(int(ops[1]-ops[0])+1))) }

func (g *generator) binary(t byte, depth int) {
	if t == 'i' && g.draw(3) == 0 {
		of := g.letter()
		g.values(string([]byte{of, of}), depth)
		g.pick(map[byte][2]byte{'i': {0x46, 0x4f}, 'I': {0x51, 0x5a}, 'f': {0x5b, 0x60}, 'F': {0x61, 0x66}}[of])
		return
	}
	g.values(string([]byte{t, t}), depth)
	if g.bits && (t == 'f' || t == 'F') && g.draw(4) == 0 {
		g.op(map[byte]byte{'f': 0x98, 'F': 0xa6}[t])
		return
	}
	g.pick(binaries[t])
	g.look(t)
}

// look counts the value on the stack if it is a NaN and not the canonical one. Not
// every value is looked at, since looking changes what follows an instruction.
func (g *generator) look(t byte) {
	if !g.bits || t == 'i' || t == 'I' || g.draw(3) == 0 {
		return
	}
	local, ne, reinterpret, differs, canonical := byte(lookedAt), byte(0x5c), byte(0xbc), byte(0x47), I32Const(0x7fc00000)
	if t == 'F' {
		local, ne, reinterpret, differs, canonical = lookedAt+1, 0x62, 0xbd, 0x52, I64Const(0x7ff8<<48)
	}
	g.op(0x22, local, 0x20, local, 0x20, local, ne, 0x04, 0x40)
	g.op(0x20, local, reinterpret)
	g.emit(canonical)
	g.op(differs, 0x04, 0x40)
	g.emit(GlobalGet(generatedWrong), I32Const(1), I32Add, GlobalSet(generatedWrong))
	g.op(0x0b, 0x0b)
}

func (g *generator) unary(t byte, depth int) {
	g.expression(t, depth)
	switch {
	case t == 'i' && g.draw(2) == 0:
		g.op([]byte{0x45, 0xc0, 0xc1}[g.draw(3)])
	case t == 'I' && g.draw(2) == 0:
		g.op([]byte{0xc2, 0xc3, 0xc4}[g.draw(3)])
	default:
		op := unaries[t][0] + byte(g.draw(int(unaries[t][1]-unaries[t][0])+1))
		g.op(op)
		if op != unaries[t][0] && op != unaries[t][0]+1 { // of floats, abs and neg
			g.look(t)
		}
	}
}

// conversions by their target: type of the source and code.
var conversions = map[byte][]struct {
	from byte
	code []byte
}{
	'i': {{'I', []byte{0xa7}}, {'I', []byte{0x50}}, {'f', []byte{0xa8}}, {'F', []byte{0xab}}, {'f', []byte{0xfc, 0}}, {'F', []byte{0xfc, 3}}},
	'I': {{'i', []byte{0xac}}, {'i', []byte{0xad}}, {'f', []byte{0xae}}, {'F', []byte{0xb1}}, {'f', []byte{0xfc, 5}}, {'F', []byte{0xfc, 6}}},
	'f': {{'i', []byte{0xb2}}, {'i', []byte{0xb3}}, {'I', []byte{0xb4}}, {'I', []byte{0xb5}}, {'F', []byte{0xb6}}, {'i', []byte{0xbe}}},
	'F': {{'i', []byte{0xb7}}, {'i', []byte{0xb8}}, {'I', []byte{0xb9}}, {'I', []byte{0xba}}, {'f', []byte{0xbb}}, {'I', []byte{0xbf}}},
}

func (g *generator) convert(t byte, depth int) {
	if g.bits && g.draw(3) == 0 {
		from := map[byte]byte{'i': 'f', 'I': 'F', 'f': 'F', 'F': 'f'}[t]
		g.expression(from, depth)
		g.op(map[byte]byte{'i': 0xbc, 'I': 0xbd, 'f': 0xb6, 'F': 0xbb}[t])
		g.look(t)
		return
	}
	c := conversions[t][g.draw(len(conversions[t]))]
	g.expression(c.from, depth)
	g.op(c.code...)
}

// loads by type, each with its alignment and an offset.
var loads = map[byte][][]byte{
	'i': {{0x28, 2, 0}, {0x2c, 0, 1}, {0x2d, 0, 2}, {0x2e, 1, 3}, {0x2f, 1, 4}, {0x3f, 0}},
	'I': {{0x29, 3, 0}, {0x30, 0, 1}, {0x31, 0, 2}, {0x32, 1, 3}, {0x33, 1, 4}, {0x34, 2, 5}, {0x35, 2, 6}},
	'f': {{0x2a, 2, 0}}, 'F': {{0x2b, 3, 0}},
}

func (g *generator) load(t byte, depth int) {
	code := loads[t][g.draw(len(loads[t]))]
	if code[0] == 0x3f { // memory.size takes no address
		g.op(code...)
		return
	}
	g.address(depth)
	g.access(code)
}

// far are offsets and addresses at the ends of blocks, of the memory and of what
// 32 bits can say, and such that a sum with 1 MiB wraps.
var far = []uint32{4092, 65528, 65535, 1 << 20, 1<<20 - 4, 1 << 31, 1<<32 - 1<<20 - 1, 1<<32 - 1<<20, 1<<32 - 1<<20 + 8, 1<<32 - 8, 1<<32 - 1}

// access emits a load or store, seldom with another offset.
func (g *generator) access(code []byte) {
	if g.draw(12) != 11 {
		g.op(code...)
		return
	}
	g.op(code[:2]...)
	g.emit(Unsigned(uint64(far[g.draw(len(far))])))
}

// call calls an earlier function, by its index or through the table, and keeps
// the result of the wanted type if there is one.
func (g *generator) call(t byte, depth int) {
	if len(g.results) == 0 {
		g.leaf(t)
		return
	}
	callee := g.draw(len(g.results))
	results := g.results[callee]
	g.values(numberTypes, depth)
	if g.draw(2) == 0 {
		g.emit(Call(uint32(callee)))
	} else {
		g.emit(I32Const(int32(callee)), []byte{0x11}, Unsigned(uint64(g.b.Type(numberTypes, results))), []byte{0})
	}
	for k := len(results) - 1; k > 0; k-- {
		g.op(0x1a)
	}
	if results[0] != t {
		g.op(0x1a)
		g.leaf(t)
	}
}

// valued is a block or an if with a result, which a branch may give early.
func (g *generator) valued(t byte, depth int) {
	kind, result := g.draw(3), letter(rune(t))
	if kind == 2 {
		g.expression('i', depth)
		g.op(0x04, result)
		g.labels = append(g.labels, string(t))
		g.statements(depth)
		g.expression(t, depth)
		g.op(0x05)
	} else {
		g.op(0x02, result)
		g.labels = append(g.labels, string(t))
		g.statements(depth)
		g.values(string([]byte{t, 'i'}), depth)
		g.op(0x0d, 0, 0x1a)
	}
	g.statements(depth)
	g.expression(t, depth)
	g.labels = g.labels[:len(g.labels)-1]
	g.op(0x0b)
}
