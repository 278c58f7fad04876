package wasmtest

// Generate makes a small valid module out of arbitrary bytes, the same module
// from the same bytes. It exports memory, mutable globals g0 to g3 (one of each
// number type) and functions f0 to f3 of type (i32, i64, f32, f64) -> one value
// or two; each calls only those before it and loops a few times at most, so every
// call ends, by a result or by a trap. The bits of a NaN never reach an integer
// or the memory, since engines may choose them.
func Generate(choices []byte) []byte { return generate(&generator{choices: choices}) }

// GenerateBits is Generate with NaNs whose bits are seen: they are reinterpreted,
// stored and given signs. The mutable global g4 counts results of arithmetic that
// are NaNs and not the canonical one; where the engine doesn't choose, it stays 0.
func GenerateBits(choices []byte) []byte { return generate(&generator{choices: choices, bits: true}) }

func generate(g *generator) []byte {
	g.b = NewBuilder()
	g.b.Memory(1, generatedPagesMax)
	g.b.Export("memory", 2, 0)
	for i, item := range [][]byte{{0x7f, 1, 0x41, 7, 0x0b}, {0x7e, 1, 0x42, 9, 0x0b},
		{0x7d, 1, 0x43, 0, 0, 0x80, 0x3f, 0x0b}, {0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x0b}, {0x7f, 1, 0x41, 0, 0x0b}} {
		g.b.Item(6, item)
		g.b.Export("g"+string(rune('0'+i)), 3, uint32(i))
	}
	for i := range uint32(generatedFunctions) {
		g.function(i)
	}
	g.b.Item(4, []byte{0x70, 0, generatedFunctions})
	g.b.Item(9, append([]byte{0, 0x41, 0, 0x0b, generatedFunctions}, 0, 1, 2, 3))
	g.b.Data(generatedDataAt, []byte("active, at the end of a block and of a page"))
	g.b.Item(11, append([]byte{1, 32}, "passive, 32 bytes of it, no more"...))
	g.b.Item(12, []byte{2})
	return g.b.Bytes()
}

const (
	generatedFunctions  = 4
	generatedPagesMax   = 3
	generatedDepth      = 4 // of expressions and statements within each other
	generatedStatements = 5 // of a block
	generatedRounds     = 3 // of a loop
	generatedLoops      = 2 // loops within loops
	generatedDataAt     = 4080
	generatedPassive    = 1 // the index of the passive segment
	generatedWrong      = 4 // the index of the global that counts NaNs
)

// numberTypes are the letters of the types; locals 0 to 3 are the parameters, 4 to
// 7 are locals of the same types, and from 8 on there are counters of loops and
// a float of each type that is being looked at.
const (
	numberTypes  = "iIfF"
	firstCounter = 8
	lookedAt     = 12
)

// generator draws from the choices; when they are used up, every draw is 0, which
// always picks something short.
type generator struct {
	choices []byte
	b       *Builder
	code    []byte
	results []string // of the functions so far
	labels  []string // results of the open blocks, the outermost first
	loops   int      // open loops, each with a counter of its own
	bits    bool     // the bits of NaNs are seen
}

func (g *generator) draw(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) letter() byte { return numberTypes[g.draw(len(numberTypes))] }

func (g *generator) emit(parts ...[]byte) {
	for _, p := range parts {
		g.code = append(g.code, p...)
	}
}

func (g *generator) op(b ...byte) { g.code = append(g.code, b...) }

func (g *generator) function(index uint32) {
	results := string(g.letter())
	if g.draw(3) == 1 {
		results += string(g.letter())
	}
	g.code, g.labels, g.loops = nil, []string{results}, 0
	g.statements(generatedDepth)
	g.values(results, generatedDepth)
	f := g.b.Function(numberTypes, results, numberTypes+"iiii"+"fF", g.code)
	g.b.Export("f"+string(rune('0'+index)), 0, f)
	g.results = append(g.results, results)
}

// values pushes a value of each type.
func (g *generator) values(types string, depth int) {
	for _, t := range []byte(types) {
		g.expression(t, depth)
	}
}

// typeIndex is the place of a letter among the types.
func typeIndex(t byte) uint32 {
	for i := range numberTypes {
		if numberTypes[i] == t {
			return uint32(i)
		}
	}
	panic("wasmtest: unknown type letter")
}

// variable picks a local of a type.
func (g *generator) variable(t byte) uint32 { return typeIndex(t) + 4*uint32(g.draw(2)) }
