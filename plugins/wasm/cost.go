package wasm

// The engine's compiler is super-linear in the shape of one function, and
// nothing can interrupt it. Its worst cases were measured (wazero 1.12, amd64)
// and folded into one estimate in units of roughly 0.1 us:
//
//   - every block is compared with every block and branch of its function
//     (20,000 blocks in a row: 27 s);
//   - a br_table is quadratic in its targets, at a hundredth of that
//     (40,000 targets: 1.1 s);
//   - each local may need a value at each join of control flow
//     (1,000 locals, 2,000 joins: 9 s and 0.9 GB);
//   - and inside nested loops those values are revisited once per level
//     (100 locals, 1,000 nested loops: 48 s).
//
// The largest honest function met (Go's standard library with 1,600 resume
// points) stays below a tenth of costBodyMax.
const (
	costBodyMax  = 100_000_000
	costTotalMax = 1_000_000_000

	costPerLocal     = 60
	costPerLoopLevel = 7
	costTargetShare  = 100
)

// shape is what the estimate needs of one function.
type shape struct {
	locals    int
	blocks    int // block, loop and if
	targets   int // branch targets
	loopDepth int // loops within loops
}

func (s shape) compileCost() int64 {
	blocks, targets, locals := int64(s.blocks), int64(s.targets), int64(s.locals)
	return blocks*(blocks+targets) + targets*targets/costTargetShare +
		locals*blocks*(costPerLocal+costPerLoopLevel*int64(s.loopDepth))
}

// chargeBody adds a function's estimate and refuses what would take too long.
func (m *Module) chargeBody(r *reader, s shape) {
	cost := s.compileCost()
	m.Stats.CompileCost += cost
	m.Stats.CompileCostBody = max(m.Stats.CompileCostBody, cost)
	why, got, limit, name := "", cost, int64(costBodyMax), "costBodyMax"
	switch {
	case !r.ok():
		return
	case cost > costBodyMax:
		why = "the function would take too long to compile, in units of cost"
	case m.Stats.CompileCost > costTotalMax:
		why = "the module would take too long to compile, in units of cost"
		got, limit, name = m.Stats.CompileCost, costTotalMax, "costTotalMax"
	default:
		return
	}
	f := overLimit(why, uint64(got), uint64(limit), name)
	f.Hint = "split large functions, or turn inlining and unrolling down"
	r.refuse(f)
}
