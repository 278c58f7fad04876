package instrument

import "github.com/wraft/wraft/plugins/wasm"

// Marks. Stores to the same record need one mark between them. Those whose address
// is one value of a local and a constant, or a constant alone, and that write within
// SlackBytes of each other form a group; the first one marks for all.
//
// It marks behind its own write, as a store alone does: whatever a later one of the
// group writes, or doesn't because something traps in between, is covered already.
// The mark is at the lowest address of the group. That is one of the memory, since the
// first store's is, which succeeded: it is that one, or it lies between the local's
// value and that one, where the first store's operand is the local's value itself. Where
// it is a sum, the sum may have wrapped, and nothing is known of what lies below.
//
// A store belongs to a group only if nothing gets there without passing the group's
// first store since the local was last set. So a group ends with the block, or the
// branch of an if, in which it began; and inside of a loop only groups count
// that began in there, since what comes round may have set the local.

// group is a run of stores that share a mark.
type group struct {
	base, stamp int32
	// lowest and last are the first and the last byte that the group writes, as
	// distances from the base; lowest may not come below floor.
	lowest, last, floor int64
	place               int // of its mark
}

// mark is what a store does about its mark.
type mark struct {
	kind markKind
	// local holds the address from which marking goes by distance.
	local    uint32
	distance uint32
}

type markKind byte

const (
	markOwn      markKind = iota // the store's own address
	markLocal                    // a local's value and a distance
	markConstant                 // a constant address, the distance
	markNone                     // an earlier store has marked
)

// marking is the part of a trace that plans marks.
type marking struct {
	marks  []mark  // one for each store of the body, in order
	groups []group // whose first store has surely been passed
	blocks []marked
	from   int // the first group that counts inside of the innermost loop
	loops  int // that are open
	next   int // the mark that the second walk comes to next
}

// marked is an open block, and what there was when it was opened.
type marked struct{ groups, from, loops int }

// groupsTried bounds how many groups a store is compared with.
const groupsTried = 8

func (m *marking) begin() {
	m.marks, m.groups, m.blocks, m.from = m.marks[:0], m.groups[:0], m.blocks[:0], 0
	m.loops, m.next = 0, 0
}

// turn follows the blocks of the body. The last end closes the body itself.
func (m *marking) turn(op wasm.Opcode) {
	last := len(m.blocks) - 1
	switch op {
	case wasm.OpBlock, wasm.OpIf:
		m.blocks = append(m.blocks, marked{len(m.groups), m.from, m.loops})
	case wasm.OpLoop:
		m.blocks = append(m.blocks, marked{len(m.groups), m.from, m.loops})
		m.from, m.loops = len(m.groups), m.loops+1
	case wasm.OpElse:
		if last >= 0 {
			m.groups = m.groups[:m.blocks[last].groups]
		}
	case wasm.OpEnd:
		if last >= 0 {
			m.groups, m.from, m.loops = m.groups[:m.blocks[last].groups], m.blocks[last].from, m.blocks[last].loops
			m.blocks = m.blocks[:last]
		}
	}
}

// mark plans the mark of a store to an address.
func (t *trace) mark(address operand, in wasm.Instruction) {
	current := address.base >= firstLocal && t.stamps[address.base-firstLocal] == address.stamp
	if address.base != baseConstant && !current {
		t.marks = append(t.marks, mark{})
		return
	}
	g := group{base: address.base, stamp: address.stamp, place: len(t.marks)}
	g.lowest = int64(int32(address.added)) + int64(in.Offset)
	switch {
	case g.base == baseConstant:
		g.lowest = int64(address.added) + int64(in.Offset)
	case address.added != 0:
		g.floor = g.lowest
	}
	g.last = g.lowest + int64(stores[in.Op-wasm.OpI32Store].bytes) - 1
	for n := len(t.groups) - 1; n >= max(t.from, len(t.groups)-groupsTried); n-- {
		if joined, ok := t.groups[n].with(g); ok {
			t.groups[n] = joined
			t.marks[joined.place] = joined.mark()
			t.marks = append(t.marks, mark{kind: markNone})
			return
		}
	}
	t.groups = append(t.groups, g)
	t.marks = append(t.marks, g.mark())
}

// with is the group with another store in it; ok is false when one mark would not do.
func (g group) with(store group) (joined group, ok bool) {
	if g.base != store.base || g.stamp != store.stamp {
		return group{}, false
	}
	g.lowest, g.last = min(g.lowest, store.lowest), max(g.last, store.last)
	near := g.last-g.lowest <= SlackBytes || g.base == baseConstant && g.last/BlockBytes == g.lowest/BlockBytes
	return g, near && g.lowest >= g.floor
}

// mark is what the first store of the group does. The local's own value will do if it
// is near enough and an address of the memory, and saves an addition.
func (g group) mark() mark {
	switch {
	case g.base == baseConstant:
		return mark{kind: markConstant, distance: uint32(g.lowest)}
	case g.floor == 0 && g.last <= SlackBytes:
		return mark{kind: markLocal, local: uint32(g.base - firstLocal)}
	}
	return mark{kind: markLocal, local: uint32(g.base - firstLocal), distance: uint32(g.lowest)}
}
