package plugins

import (
	"crypto/sha256"
	"encoding/binary"
)

// image is a guest's whole state: what a copy needs to go on exactly as the
// original would. Tables never change (package wasm refuses what would), the
// engine's own stack is empty between calls, and random streams start afresh
// with each call, so nothing else is state.
type image struct {
	memory  []byte
	globals []uint64
	clock   int64
	moment  Moment
}

// view returns the guest's state without copying the memory: it is valid until
// the guest runs again.
func (g *guest) view(globals []uint64) image {
	globals = globals[:0]
	for _, global := range g.globals {
		globals = append(globals, global.Get())
	}
	memory, _ := g.memory.Read(0, g.memory.Size())
	return image{memory: memory, globals: globals, clock: g.host.clock, moment: g.host.moment}
}

// keep copies a state into the image, reusing its buffers.
func (im *image) keep(state image) {
	im.memory = append(im.memory[:0], state.memory...)
	im.globals = append(im.globals[:0], state.globals...)
	im.clock, im.moment = state.clock, state.moment
}

// load makes the guest's state equal to the image. It reports false when the
// guest can't take it and must be replaced by a fresh one.
func (g *guest) load(im image) bool {
	if g.overflowed || !g.resize(len(im.memory)) {
		return false
	}
	g.memory.Write(0, im.memory)
	for i, v := range im.globals {
		g.globals[i].Set(v)
	}
	g.host.clock, g.host.moment = im.clock, im.moment
	return true
}

// resize sets the size of the linear memory in bytes, a multiple of a page.
//
// Why: WebAssembly memories only grow. A guest that grew before a trap, or a
// reader whose queries grew it, would have to be instantiated anew for each
// restore. The engine takes whatever slice its allocator returns for a growth,
// so a growth by one page with a shorter slice shrinks. The outcome is checked
// and not trusted.
func (g *guest) resize(want int) bool {
	have := int(g.memory.Size())
	if want == have {
		return true
	}
	if want > have {
		_, ok := g.memory.Grow(uint32((want - have) / pageBytes))
		return ok && int(g.memory.Size()) == want
	}
	g.backing.target = want
	_, ok := g.memory.Grow(1)
	g.backing.target = 0
	return ok && int(g.memory.Size()) == want
}

// digest hashes the state of what runs. Two guests with equal digests go on
// alike.
func (im image) digest(run RunID) (sum [32]byte) {
	h := sha256.New()
	h.Write(run[:])
	var b [8]byte
	put := func(v uint64) {
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
	put(uint64(len(im.memory)))
	h.Write(im.memory)
	put(uint64(len(im.globals)))
	for _, v := range im.globals {
		put(v)
	}
	put(uint64(im.clock))
	h.Sum(sum[:0])
	return sum
}
