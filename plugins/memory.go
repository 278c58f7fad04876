package plugins

import "github.com/tetratelabs/wazero/experimental"

// linearMemory backs the memory of one guest. It reserves address space up to
// the machine's limit at once, so that growing never moves or copies anything,
// and it lets the host shrink the memory again when a state is restored.
//
// It belongs to the goroutine of its guest.
type linearMemory struct {
	limit    int64
	reserved []byte // the whole reservation, zero beyond used
	used     int
	// target is what the next Reallocate must return instead of what the
	// engine asks for; 0 is no such wish. See shrink in guest.go.
	target int
}

var _ experimental.MemoryAllocator = (*linearMemory)(nil)

// Allocate is called by the engine once per instance.
func (m *linearMemory) Allocate(_, ceiling uint64) experimental.LinearMemory {
	size := min(int64(ceiling), m.limit)
	m.reserved = reserve(int(size))
	return m
}

// Reallocate returns the memory at its new size, or nil beyond the limit,
// which the guest sees as a memory.grow that failed.
func (m *linearMemory) Reallocate(size uint64) []byte {
	want := int(min(size, 1<<62))
	if m.target != 0 {
		want = m.target
	}
	if want > len(m.reserved) {
		return nil
	}
	if want < m.used {
		clear(m.reserved[want:m.used]) // Invariant: zero beyond used
	}
	m.used = want
	return m.reserved[:want:want]
}

// Free gives the reservation back. The engine calls it when the guest closes.
func (m *linearMemory) Free() {
	release(m.reserved)
	m.reserved, m.used = nil, 0
}
