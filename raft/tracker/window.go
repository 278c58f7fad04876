package tracker

import (
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

// Window is what was sent and not acknowledged: appends in order, each with its
// last index, its size and when it left. The zero value is an empty window; its
// memory grows with its use.
type Window struct {
	ring  []sent
	head  int // of the oldest
	count int
	bytes uint64
}

// sent is one append on its way.
type sent struct {
	last  quorum.Index
	bytes uint64
	at    time.Duration
	alone bool // nothing was on its way when it left
}

// freed is what one acknowledgement took out of a window.
type freed struct {
	appends int
	bytes   uint64
	newest  sent
}

// Add notes an append that ends at last, which must be above every earlier one,
// and that left at at.
func (w *Window) Add(last quorum.Index, bytes uint64, at time.Duration) {
	if w.count == len(w.ring) {
		w.grow()
	}
	w.ring[(w.head+w.count)%len(w.ring)] = sent{last, bytes, at, w.count == 0}
	w.count++
	w.bytes += bytes
}

// Free forgets every append that ends at or before match, and says what that was.
func (w *Window) Free(match quorum.Index) freed {
	var f freed
	for w.count > 0 && w.ring[w.head].last <= match {
		f.newest = w.ring[w.head]
		f.bytes += f.newest.bytes
		f.appends++
		w.head = (w.head + 1) % len(w.ring)
		w.count--
	}
	w.bytes -= f.bytes
	return f
}

// Oldest returns when the oldest append left; false when none is on its way.
func (w *Window) Oldest() (time.Duration, bool) {
	if w.count == 0 {
		return 0, false
	}
	return w.ring[w.head].at, true
}

// Reset forgets everything and keeps the memory.
func (w *Window) Reset() { w.head, w.count, w.bytes = 0, 0, 0 }

// Len returns how many appends are on their way.
func (w *Window) Len() int { return w.count }

// Bytes returns how much is on its way.
func (w *Window) Bytes() uint64 { return w.bytes }

func (w *Window) grow() {
	bigger := make([]sent, max(4, 2*len(w.ring)))
	for i := range w.count {
		bigger[i] = w.ring[(w.head+i)%len(w.ring)]
	}
	w.ring, w.head = bigger, 0
}
