package raft

// fifo is a queue whose memory is reused. The zero value is empty.
type fifo[T any] struct {
	items []T
	head  int // items[:head] are gone
}

func (q *fifo[T]) push(v T) { q.items = append(q.items, v) }

func (q *fifo[T]) len() int { return len(q.items) - q.head }

// at returns the i-th oldest, for reading and changing in place.
func (q *fifo[T]) at(i int) *T { return &q.items[q.head+i] }

// pop removes and returns the oldest. Once half the slice is gone the rest moves
// to the front, so that a queue that never empties does not grow for ever.
func (q *fifo[T]) pop() T {
	var zero T
	v := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if 2*q.head >= len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return v
}

// reset empties the queue.
func (q *fifo[T]) reset() {
	clear(q.items)
	q.items, q.head = q.items[:0], 0
}
