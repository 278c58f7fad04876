package wasm

// The engine's compiler is super-linear in the shape of one function, and
// nothing can interrupt it. Its worst cases were measured (wazero 1.12, amd64)
// and folded into one estimate in units of roughly 10 ns:
//
//   - every block is compared with every block and branch of its function
//     (20,000 blocks in a row: 27 s);
//   - a br_table is quadratic in its targets, at a tenth of that
//     (40,000 targets: 1.1 s);
//   - each local may need a value at each join of control flow
//     (1,000 locals, 2,000 joins: 9 s and 0.9 GB);
//   - and inside nested loops those values are revisited once per level
//     (100 locals, 1,000 nested loops: 48 s);
//   - every mutable global of the module is read again after each call, needed
//     or not (4,096 globals, 4,000 calls: 22 s and 2.7 GB);
//   - an if is two blocks, and so is the head of a loop; memory.fill is a loop
//     of the engine's own (2,000 of them with their checks: 5 s).
//
// The largest honest function met (Go's standard library with 1,600 resume
// points) stays below a tenth of costBodyMax.
//
// All functions together may cost what honest code of that length costs (Go's:
// 180 units a byte, 1 us) twice over, and costTotalBase for one that is
// short: a verdict on a bomb takes no longer than one on an honest module of its
// size. Only code counts for the length, since other bytes cost an author nothing.
const (
	costBodyMax      = 100_000_000
	costTotalBase    = 100_000_000
	costTotalPerByte = 400

	costPerLocal     = 60
	costPerReload    = 40
	costPerLoopLevel = 7
	costTargetShare  = 12
)

// What instrumentation adds to a function at most (package instrument, whose
// tests hold it to this): the fuel, its reserve and the stack budget, which an engine
// keeps as it keeps locals; seven locals of its own; a block around the body; a check
// at its entry, at each loop and before each bulk operation, which is an if. The first two
// have a branch back to the head of the loop, which at the entry, and where the loop has
// parameters, is one of their own. A memory.init has a block, a loop, four branches and three more bulk operations besides; the others call a function if they are long. Each return becomes a branch.
const (
	instrumentedGlobals = 3
	instrumentedLocals  = 7
	instrumentedBlocks  = 1
	instrumentedChecks  = 1

	blocksPerIf   = 2
	blocksPerLoop = 2
	blocksPerBulk = 3

	// What a memory.init becomes: itself and its pieces, with their marks.
	initBulks    = 3
	initBranches = 4
)

// shape is what the estimates need of one function as it was written.
type shape struct {
	locals    int // parameters included
	blocks    int // without loops and ifs
	loops     int
	typed     int // those of them whose type is an index: they may have parameters
	ifs       int
	targets   int // branch targets
	loopDepth int // loops within loops
	returns   int
	bulks     int // memory.fill and copy
	inits     int // memory.init
	calls     int
	globals   int // mutable ones that the function names
	reloads   int // mutable ones of the module, all of which a call may change

	segments   int   // places from which fuel is charged
	uses, sets int   // instructions that use a local, and those that set one
	globalUses int   // instructions that use a global
	values     int64 // that may need a place in the frame
}

// instrumented is the shape of the function after instrumentation.
func (s shape) instrumented() shape {
	s.locals += instrumentedLocals
	s.globals += instrumentedGlobals
	s.reloads += instrumentedGlobals
	s.blocks += instrumentedBlocks
	s.ifs += s.loops + s.bulks + s.inits + instrumentedChecks
	s.targets += s.loops + instrumentedChecks
	s.loops += s.typed + instrumentedChecks
	s.loopDepth += min(s.typed, 1)
	s.loopDepth = max(s.loopDepth, 1)
	s = s.withPieces()
	s.blocks += s.inits
	s.loops += s.inits
	if s.inits > 0 {
		s.loopDepth++
	}
	s.bulks += s.inits * initBulks
	s.targets += s.returns
	return s
}

// withPieces is s with the calls and branches that bulk operations become. What else
// instrumentation adds to the length of a function is in the measured sizes (volume.go).
func (s shape) withPieces() shape {
	s.calls += s.bulks
	s.targets += s.inits * initBranches
	return s
}

// compileCost estimates the engine's work on a function of this shape.
func (s shape) compileCost() int64 {
	blocks := int64(s.blocks + s.loops*blocksPerLoop + s.ifs*blocksPerIf + (s.bulks+s.inits)*blocksPerBulk)
	targets, variables := int64(s.targets), int64(s.locals+s.globals)
	return blocks*(blocks+targets) + targets*targets/costTargetShare +
		variables*blocks*(costPerLocal+costPerLoopLevel*int64(s.loopDepth)) +
		int64(s.calls)*int64(s.reloads)*costPerReload
}

// costTotalMax is what all functions together may cost.
func (m *Module) costTotalMax() int64 {
	return costTotalBase + costTotalPerByte*int64(m.codeBytes)
}

// chargeBody adds a function's estimate and refuses what would take too long.
func (m *Module) chargeBody(r *reader, s shape) int64 {
	cost := s.compileCost()
	m.Stats.CompileCost += cost
	m.Stats.CompileCostBody = max(m.Stats.CompileCostBody, cost)
	why, got, limit, name := "", cost, int64(costBodyMax), "costBodyMax"
	switch {
	case !r.ok():
		return cost
	case cost > costBodyMax:
		why = "the function would take too long to compile, in units of cost"
	case m.Stats.CompileCost > m.costTotalMax() && !r.rewritten:
		why = "the module would take too long to compile for the length of its code, in units of cost"
		got, limit, name = m.Stats.CompileCost, m.costTotalMax(), "costTotalMax"
	default:
		return cost
	}
	f := overLimit(why, uint64(got), uint64(limit), name)
	f.Hint = "split large functions, or turn inlining and unrolling down"
	r.refuse(f)
	return cost
}
