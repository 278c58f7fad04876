package nodetest

import (
	"container/heap"
	"time"
)

// event is something that happens at a moment of virtual time. Events of one
// moment happen in the order they were scheduled.
type event struct {
	at  time.Duration
	seq uint64
	run func()
}

// events is the heap of what is to come.
type events struct {
	heap eventHeap
	seq  uint64
	now  time.Duration
}

// after schedules run, d from now.
func (e *events) after(d time.Duration, run func()) {
	e.seq++
	heap.Push(&e.heap, event{at: e.now + d, seq: e.seq, run: run})
}

// step runs the next event; false when there is none.
func (e *events) step() bool {
	if len(e.heap) == 0 {
		return false
	}
	next := heap.Pop(&e.heap).(event)
	e.now = next.at
	next.run()
	return true
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

// Pop is heap.Interface's.
func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
