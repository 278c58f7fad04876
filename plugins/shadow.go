package plugins

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins/instrument"
)

const (
	blockBytes = instrument.BlockBytes
	slackBytes = instrument.SlackBytes
)

// shadow is the machine's state after the last call that stands, beside the live
// guest that works on it. What a call has changed is known from the live guest's
// dirty map, so that keeping it (checkpoint) and undoing it (rollback) both cost
// what was changed and not what there is.
//
// Invariant: between calls the live guest's state equals the shadow, no block is
// marked, and both memories are zero beyond their size.
type shadow struct {
	memory  []byte // reserved up to the machine's limit
	size    int    // bytes of memory that are state
	globals []uint64
	clock   int64
	moment  Moment

	changed []uint32 // blocks, of the last checkpoint or rollback; kept for its room
}

var errNoShadow = errors.New("no memory for the copy of the state")

func newShadow(l Limits) (*shadow, error) {
	s := &shadow{memory: reserve(int(l.MemoryBytesMax))}
	if s.memory == nil {
		return nil, fmt.Errorf("plugins: %w: %d bytes", errNoShadow, l.MemoryBytesMax)
	}
	return s, nil
}

func (s *shadow) free() {
	if s != nil {
		release(s.memory)
	}
}

// block is the content of a block, beyond size as well.
func (s *shadow) block(n uint32) []byte { return blockOf(s.memory, n) }

func blockOf(memory []byte, n uint32) []byte { return memory[int(n)*blockBytes:][:blockBytes] }

// take lists the blocks in which a guest that equalled the shadow may differ from
// it now, in order, and clears their marks. A write a little above the address that
// was marked may lie in the next block, so the start of the block behind a marked
// one is compared.
func (s *shadow) take(m *linearMemory) []uint32 {
	marks, live := m.marks(), m.all()
	s.changed = s.changed[:0]
	for at := 0; ; at++ {
		next := bytes.IndexByte(marks[at:], 1)
		if next < 0 {
			m.clearLast()
			return s.changed
		}
		at += next
		s.changed = append(s.changed, uint32(at))
		marks[at] = 0
		if behind := at + 1; behind < len(marks) && marks[behind] == 0 {
			slack := behind * blockBytes
			if !bytes.Equal(live[slack:][:slackBytes], s.memory[slack:][:slackBytes]) {
				s.changed = append(s.changed, uint32(behind))
			}
		}
	}
}

// checkpoint makes the live guest's state the one to go back to, and returns the
// blocks that differ from the last one, in order; the list is valid until the next
// call. before, if there is one, is called for each of them while the shadow
// still has what it was.
func (s *shadow) checkpoint(g *guest, before func(block uint32)) []uint32 {
	live := g.memory.all()
	for k, n := range s.take(g.memory) {
		giveWay(k)
		if before != nil {
			before(n)
		}
		copy(s.block(n), blockOf(live, n))
	}
	s.size = g.memory.size()
	s.globals = s.globals[:0]
	for _, global := range g.globals {
		s.globals = append(s.globals, global.Get())
	}
	s.clock, s.moment = g.host.clock, g.host.moment
	return s.changed
}

// rollback undoes whatever the live guest did since the last checkpoint. It
// reports false when the engine doesn't take the memory's former size.
func (s *shadow) rollback(g *guest) bool {
	live := g.memory.all()
	for k, n := range s.take(g.memory) {
		giveWay(k)
		if int(n) < s.size/blockBytes {
			copy(blockOf(live, n), s.block(n))
		} else {
			clear(blockOf(live, n))
		}
	}
	return s.reset(g)
}

// reset sets all of a guest's state but the contents of its memory.
func (s *shadow) reset(g *guest) bool {
	if !g.memory.resize(s.size) {
		return false
	}
	for i, v := range s.globals {
		g.globals[i].Set(v)
	}
	g.host.clock, g.host.moment = s.clock, s.moment
	return true
}
