package node

import "sync"

// mailbox carries inputs to the one goroutine that owns a step machine. Senders
// never block; the owner takes everything that waits at once.
type mailbox[T any] struct {
	bound int           // put refuses beyond it
	wake  chan struct{} // capacity 1: something waits

	mu     sync.Mutex // guards the fields below
	items  []T
	closed bool
}

func newMailbox[T any](bound int) *mailbox[T] {
	return &mailbox[T]{bound: bound, wake: make(chan struct{}, 1)}
}

// put adds an item, or reports false when the mailbox is full or closed.
func (m *mailbox[T]) put(item T) bool { return m.add(item, m.bound) }

// force adds an item past the bound. Only for answers to what the owner itself
// asked for, whose number is bounded by its questions. False: closed.
func (m *mailbox[T]) force(item T) bool { return m.add(item, int(^uint(0)>>1)) }

func (m *mailbox[T]) add(item T, bound int) bool {
	m.mu.Lock()
	if m.closed || len(m.items) >= bound {
		m.mu.Unlock()
		return false
	}
	m.items = append(m.items, item)
	first := len(m.items) == 1
	m.mu.Unlock()
	if first {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// take swaps everything that waits for buf, whose memory is reused.
func (m *mailbox[T]) take(buf []T) []T {
	clear(buf)
	m.mu.Lock()
	items := m.items
	m.items = buf[:0]
	m.mu.Unlock()
	return items
}

// close refuses further items; what waits can still be taken.
func (m *mailbox[T]) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
}
