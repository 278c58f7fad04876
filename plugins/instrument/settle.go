package instrument

import "github.com/wraft/wraft/plugins/wasm"

// maker is an instruction of which comes a float that may be a NaN of bits that the
// engine chose: arithmetic, the reading of a local, or a choice between two such.
type maker struct {
	at    int32    // the instruction's number
	local int32    // that is read, or one of the kinds below
	of    [2]int32 // what a choice is between: places of makers plus one
	depth uint8    // loops around it
	pure  bool
	seen  bool
}

// Kinds of makers that read no local.
const (
	makerArithmetic = -1
	makerChoice     = -2
)

// escape is a float that is in a local where straight-line code ends; its maker may
// be none.
type escape struct {
	operand
	local uint32
}

// settling is the part of a trace that plans which NaNs to settle.
type settling struct {
	makers  []maker
	escapes []escape

	next int // the maker that the second walk comes to next

	pure []bool  // by local: it never holds a NaN whose bits are data
	lazy []bool  // by local: it may hold NaNs that are not settled
	must []bool  // by maker: its result is settled
	cost []int64 // by local: how much settling its laziness saves
}

// loopsMax is how many loops within each other count.
const loopsMax = 6

// settleRounds bounds how often what one local needs may change what others do. A
// body for which that is not enough has no lazy locals.
const settleRounds = 4

func (s *settling) begin(locals int) {
	s.makers, s.escapes, s.must, s.next = s.makers[:0], s.escapes[:0], s.must[:0], 0
	s.pure = append(s.pure[:0], make([]bool, locals)...)
	s.lazy = append(s.lazy[:0], s.pure...)
	s.cost = append(s.cost[:0], make([]int64, locals)...)
}

// see notes that somebody may look at a float.
func (s *settling) see(v operand) {
	if v.maker > 0 {
		s.makers[v.maker-1].seen = true
	}
}

// escape notes what a local holds where straight-line code ends.
func (s *settling) escape(n uint32, v operand) { s.escapes = append(s.escapes, escape{v, n}) }

// made is the result of a maker.
func (t *trace) made(m maker) operand {
	m.at, m.depth = t.at, uint8(min(t.loops, loopsMax))
	t.makers = append(t.makers, m)
	return operand{maker: int32(len(t.makers)), pure: m.pure}
}

// fetched is what a float local holds that was set elsewhere. What a caller passes
// may be any NaN; of others resolve finds out.
func (t *trace) fetched(n uint32) operand {
	if int(n) < t.params {
		return operand{}
	}
	return t.made(maker{local: int32(n), pure: true})
}

// compute follows an instruction that only computes.
func (t *trace) compute(op wasm.Opcode) {
	switch {
	case op == wasm.OpSelect || op == wasm.OpSelectTyped:
		t.pop()
		t.push(t.choice(t.pop(), t.pop()))
	case movesNaN[op]:
		if op == wasm.OpF32Copysign || op == wasm.OpF64Copysign {
			t.see(t.pop())
		}
		v := t.pop()
		t.push(operand{maker: v.maker, pure: v.pure && (op == wasm.OpF32Abs || op == wasm.OpF64Abs)})
	default:
		t.take(op)
	}
}

// take follows an instruction to which all NaNs are alike, or which sees its operands.
func (t *trace) take(op wasm.Opcode) {
	a := arities[op]
	for range a.pops {
		if v := t.pop(); !blindToNaN[op] {
			t.see(v)
		}
	}
	switch {
	case makesNaN[op] != 0:
		t.push(t.made(maker{local: makerArithmetic, pure: true}))
	case a.pushes > 0:
		t.push(operand{pure: op >= wasm.OpF32ConvertI && op < opF32Reinter})
	}
}

// choice is one of two operands.
func (t *trace) choice(y, x operand) operand {
	if x.maker == 0 && y.maker == 0 {
		return operand{pure: x.pure && y.pure}
	}
	return t.made(maker{local: makerChoice, of: [2]int32{x.maker, y.maker}, pure: x.pure && y.pure})
}

// resolve decides, when the body has been walked over, which locals are lazy and
// which results are settled.
func (s *settling) resolve() {
	if len(s.makers) == 0 {
		return
	}
	s.purify()
	for n := range s.lazy {
		s.lazy[n] = s.pure[n]
	}
	settled := false
	for range settleRounds {
		s.demand()
		if settled = !s.reconsider(); settled {
			break
		}
	}
	if !settled || !s.fewEnough() {
		clear(s.lazy)
		s.demand()
	}
}

// purify finds the locals that never hold a NaN whose bits are data.
func (s *settling) purify() {
	for _, e := range s.escapes {
		s.pure[e.local] = true
	}
	for range settleRounds {
		for n := range s.makers {
			m := &s.makers[n]
			switch {
			case m.local >= 0:
				m.pure = s.pure[m.local]
			case m.local == makerChoice:
				m.pure = m.pure && s.pureOf(m.of[0]) && s.pureOf(m.of[1])
			}
		}
		changed := false
		for _, e := range s.escapes {
			if s.pure[e.local] && !(e.operand.pure && s.pureOf(e.maker)) {
				s.pure[e.local], changed = false, true
			}
		}
		if !changed {
			return
		}
	}
	clear(s.pure)
}

func (s *settling) pureOf(m int32) bool { return m == 0 || s.makers[m-1].pure }

// demand finds what must be settled with the locals that are lazy now.
func (s *settling) demand() {
	s.must = s.must[:0]
	for _, m := range s.makers {
		s.must = append(s.must, m.seen)
	}
	for _, e := range s.escapes {
		if e.maker > 0 && !s.lazy[e.local] {
			s.must[e.maker-1] = true
		}
	}
	for n := len(s.makers) - 1; n >= 0; n-- { // what a choice is between comes before it
		for _, of := range s.makers[n].of {
			if of > 0 && s.must[n] {
				s.must[of-1] = true
			}
		}
	}
}

// reconsider makes locals eager again for which that takes fewer instructions, those
// in loops counted more often, and reports whether there were any.
func (s *settling) reconsider() (changed bool) {
	clear(s.cost)
	for n, m := range s.makers {
		if m.local >= 0 && s.must[n] {
			s.cost[m.local] -= m.weight()
		}
	}
	for _, e := range s.escapes {
		if e.maker > 0 && s.makers[e.maker-1].local < 0 && !s.must[e.maker-1] {
			s.cost[e.local] += s.makers[e.maker-1].weight()
		}
	}
	for n, saved := range s.cost {
		if s.lazy[n] && saved <= 0 {
			s.lazy[n], changed = false, true
		}
	}
	return changed
}

// fewEnough reports whether no more is settled than there is arithmetic. What the
// engine may keep of that is counted with the arithmetic (frame.go of package wasm).
func (s *settling) fewEnough() bool {
	arithmetic, settled := 0, 0
	for n, m := range s.makers {
		switch {
		case m.local == makerArithmetic:
			arithmetic++
			fallthrough
		case m.local >= 0 && s.lazy[m.local]:
			if s.must[n] {
				settled++
			}
		}
	}
	return settled <= arithmetic
}

// weight is how often an instruction may run, roughly.
func (m maker) weight() int64 { return 1 << (3 * m.depth) }

// settles reports whether the result of a maker is settled behind it.
func (s *settling) settles(n int) bool {
	m := s.makers[n]
	return s.must[n] && (m.local == makerArithmetic || m.local >= 0 && s.lazy[m.local])
}
