package node

import "sync"

// broadcast wakes everybody who waits for a change. A waiter takes the channel
// first and looks at the state second, so that it misses nothing. To notify nobody
// costs next to nothing.
type broadcast struct {
	mu sync.Mutex    // guards ch
	ch chan struct{} // nil: nobody waits
}

func newBroadcast() *broadcast { return &broadcast{} }

// next returns a channel that the next notify closes.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) notify() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
