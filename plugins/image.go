package plugins

import (
	"crypto/sha256"
	"encoding/binary"
)

// image is a machine's whole state: what a copy needs to go on exactly as the
// original would. Tables never change and segments are never dropped (packages
// wasm and instrument see to that), the engine's own stack is empty between
// calls, budgets and random streams start afresh with each call, and the dirty
// map only says what was touched, so nothing else is state.
type image struct {
	memory  []byte
	globals []uint64
	clock   int64
}

// image returns the state without copying it: it is valid until the next
// checkpoint.
func (s *shadow) image() image {
	return image{memory: s.memory[:s.size], globals: s.globals, clock: s.clock}
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
