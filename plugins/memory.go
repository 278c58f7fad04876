package plugins

import (
	"bytes"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wraft/wraft/plugins/instrument"
)

// linearMemory is the memory of one guest as the host sees it. It reserves
// address space up to the machine's limit at once, so that growing never moves
// or copies anything, and it lets the host shrink the memory again when a state
// is restored.
//
// The engine's memory begins with the dirty map (package instrument), the
// guest's behind it; pointers and sizes here are the guest's. Whatever the host
// writes into it while the guest may look goes through writable, which marks.
//
// It belongs to the goroutine of its guest.
type linearMemory struct {
	limit    int64  // of the guest's memory, in bytes
	reserved []byte // the whole reservation, the map included
	used     int    // what of it the engine has
	// target is what the next Reallocate must return instead of what the
	// engine asks for; 0 is no such wish. See resize.
	target int
	engine api.Memory
}

var _ experimental.MemoryAllocator = (*linearMemory)(nil)

// Allocate is called by the engine once per instance.
func (m *linearMemory) Allocate(_, ceiling uint64) experimental.LinearMemory {
	m.reserved = reserve(int(min(int64(ceiling), m.limit+instrument.MapBytes)))
	return m
}

// Reallocate returns the memory at its new size, or nil beyond the limit,
// which the guest sees as a memory.grow that failed. One to the size that no guest
// may have gives everybody else a turn (package instrument, WayOutPages).
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size == instrument.WayOutPages*pageBytes {
		giveTurn()
		return nil
	}
	want := int(min(size, 1<<62))
	if m.target != 0 {
		want = m.target
	}
	if want > len(m.reserved) {
		return nil
	}
	m.used = want
	return m.reserved[:want:want]
}

// Free gives the reservation back. The engine calls it when the guest closes.
func (m *linearMemory) Free() {
	release(m.reserved)
	m.reserved, m.used = nil, 0
}

// size is that of the guest's memory in bytes, a multiple of a page.
func (m *linearMemory) size() int { return max(0, m.used-instrument.MapBytes) }

// all is the guest's memory up to its limit: zero beyond size.
func (m *linearMemory) all() []byte { return m.reserved[instrument.MapBytes:] }

// marks is the dirty map for the memory there is, a byte for each block.
func (m *linearMemory) marks() []byte { return m.reserved[:m.size()/instrument.BlockBytes] }

// clearLast clears the mark behind those of the memory, which an empty bulk operation
// at its very end sets.
func (m *linearMemory) clearLast() { m.reserved[m.size()/instrument.BlockBytes] = 0 }

// read returns a view of n bytes, which the caller must not change; ok is false
// when they do not lie within the memory.
func (m *linearMemory) read(ptr, n uint32) (view []byte, ok bool) {
	end := int64(ptr) + int64(n)
	if end > int64(m.size()) {
		return nil, false
	}
	return m.all()[ptr:end:end], true
}

// writable is read for what the caller is about to change: it marks the blocks.
func (m *linearMemory) writable(ptr, n uint32) (view []byte, ok bool) {
	view, ok = m.read(ptr, n)
	if !ok || n == 0 {
		return view, ok
	}
	marks := m.marks()
	for block := ptr / instrument.BlockBytes; block <= (ptr+n-1)/instrument.BlockBytes; block++ {
		marks[block] = 1
	}
	return view, true
}

// markAll marks every block that isn't zero: for contents of unknown origin.
func (m *linearMemory) markAll() {
	marks := m.marks()
	for n := range marks {
		if !isZero(blockOf(m.all(), uint32(n))) {
			marks[n] = 1
		}
	}
}

// clear makes the guest's memory zero and unmarked. It leaves alone what is zero: pages
// that nobody has written to cost no memory.
func (m *linearMemory) clear() {
	marks := m.marks()
	for n := range marks {
		if block := blockOf(m.all(), uint32(n)); !isZero(block) {
			clear(block)
		}
	}
	clear(marks)
	m.clearLast()
}

var zeroBlock [instrument.BlockBytes]byte

func isZero(block []byte) bool { return bytes.Equal(block, zeroBlock[:]) }

func (m *linearMemory) write(ptr uint32, data []byte) bool {
	view, ok := m.writable(ptr, uint32(len(data)))
	copy(view, data)
	return ok
}

func (m *linearMemory) put32(ptr, v uint32) bool {
	view, ok := m.writable(ptr, 4)
	if ok {
		binary.LittleEndian.PutUint32(view, v)
	}
	return ok
}

func (m *linearMemory) put64(ptr uint32, v uint64) bool {
	view, ok := m.writable(ptr, 8)
	if ok {
		binary.LittleEndian.PutUint64(view, v)
	}
	return ok
}

// resize sets the size in bytes, a multiple of a page within the limit. The
// caller sees to it that all is zero beyond the new size.
//
// Why: WebAssembly memories only grow, and a guest that grew before a trap would
// have to be instantiated anew. The engine takes whatever slice its allocator
// returns for a growth, so a growth by one page with a shorter slice shrinks. No
// memory is declared with a maximum (package instrument) or as large as the
// engine allows, so the growth is never refused. The outcome is checked and not
// trusted.
func (m *linearMemory) resize(want int) bool {
	if want == m.size() {
		return true
	}
	m.target = want + instrument.MapBytes
	_, ok := m.engine.Grow(1)
	m.target = 0
	return ok && m.size() == want && int64(m.engine.Size()) == int64(m.used)
}
