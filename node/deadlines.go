package node

import (
	"container/heap"
	"time"
)

// deadlines orders a shard's replicas by when their core next wants a tick.
type deadlines struct{ heap replicaHeap }

// set puts r at a deadline, wherever it was.
func (d *deadlines) set(r *replica, at time.Duration) {
	r.deadline = at
	if r.timer < 0 {
		heap.Push(&d.heap, r)
		return
	}
	heap.Fix(&d.heap, r.timer)
}

// due takes out a replica whose deadline is not after now, or returns nil.
func (d *deadlines) due(now time.Duration) *replica {
	if len(d.heap) == 0 || d.heap[0].deadline > now {
		return nil
	}
	return heap.Pop(&d.heap).(*replica)
}

// remove takes r out, if it is there.
func (d *deadlines) remove(r *replica) {
	if r.timer >= 0 {
		heap.Remove(&d.heap, r.timer)
	}
}

func (d *deadlines) first() (time.Duration, bool) {
	if len(d.heap) == 0 {
		return 0, false
	}
	return d.heap[0].deadline, true
}

// replicaHeap is the container/heap view; each replica knows its place.
type replicaHeap []*replica

func (h replicaHeap) Len() int           { return len(h) }
func (h replicaHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }

func (h replicaHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timer, h[j].timer = i, j
}

// Push is heap.Interface's.
func (h *replicaHeap) Push(x any) {
	r := x.(*replica)
	r.timer = len(*h)
	*h = append(*h, r)
}

// Pop is heap.Interface's.
func (h *replicaHeap) Pop() any {
	old := *h
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	r.timer = -1
	return r
}
