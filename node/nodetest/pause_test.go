package nodetest_test

import (
	"sync"
	"time"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// pause stands for a process that is stopped and goes on later: meanwhile its clock stands
// still for it, no timer fires and it hears nothing. Then all of that comes at once, in an order
// that the test chooses. What the kernel or QUIC does for it goes on.
type pause struct {
	clock.Clock
	mu     sync.Mutex // guards the fields below
	stands bool
	at     time.Duration // what the clock says then
	deaf   bool
	timers []func() // that are due
	heard  []func()
}

func newPause() *pause { return &pause{Clock: clock.System()} }

// begin stops it.
func (p *pause) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands, p.deaf, p.at = true, true, p.Clock.Now()
}

// jump has the clock say what time it is.
func (p *pause) jump() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands = false
}

// fire has the timers fire that are due.
func (p *pause) fire() {
	p.mu.Lock()
	due := p.timers
	p.timers = nil
	p.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// listen has it hear what was said.
func (p *pause) listen() {
	p.mu.Lock()
	heard := p.heard
	p.heard, p.deaf = nil, false
	p.mu.Unlock()
	for _, f := range heard {
		f()
	}
}

// Now implements clock.Clock.
func (p *pause) Now() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stands {
		return p.at
	}
	return p.Clock.Now()
}

// NewTimer implements clock.Clock.
func (p *pause) NewTimer(d time.Duration) clock.Timer {
	t := &pausedTimer{pause: p, c: make(chan time.Time, 1)}
	t.set(d)
	return t
}

// pausedTimer is a timer of a pause, whose lock guards it.
type pausedTimer struct {
	pause   *pause
	c       chan time.Time
	setting int
	timer   *time.Timer
	pending bool
}

// C implements clock.Timer.
func (t *pausedTimer) C() <-chan time.Time { return t.c }

func (t *pausedTimer) set(d time.Duration) {
	t.pause.mu.Lock()
	defer t.pause.mu.Unlock()
	t.clear()
	t.pending = true
	setting := t.setting
	t.timer = time.AfterFunc(max(d, 1), func() { t.fire(setting) })
}

// clear forgets the last setting.
func (t *pausedTimer) clear() {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.setting++
	t.pending = false
	select {
	case <-t.c:
	default:
	}
}

// fire is called when a setting is due.
func (t *pausedTimer) fire(setting int) {
	t.pause.mu.Lock()
	defer t.pause.mu.Unlock()
	switch {
	case setting != t.setting || !t.pending:
	case t.pause.deaf && t.pause.stands:
		t.pause.timers = append(t.pause.timers, func() { t.fire(setting) })
	default:
		t.pending = false
		t.c <- time.Now()
	}
}

// Reset implements clock.Timer.
func (t *pausedTimer) Reset(d time.Duration) { t.set(d) }

// Stop implements clock.Timer.
func (t *pausedTimer) Stop() bool {
	t.pause.mu.Lock()
	defer t.pause.mu.Unlock()
	was := t.pending
	t.clear()
	return was
}

// pausedHandler is a node that hears nothing during a pause.
type pausedHandler struct {
	transport.Handler
	pause *pause
}

// later does something, or keeps it for the end of the pause.
func (h pausedHandler) later(do func()) {
	h.pause.mu.Lock()
	deaf := h.pause.deaf
	if deaf {
		h.pause.heard = append(h.pause.heard, do)
	}
	h.pause.mu.Unlock()
	if !deaf {
		do()
	}
}

// Deliver implements transport.Handler.
func (h pausedHandler) Deliver(from raft.Member, frames []transport.Frame) {
	frames = append([]transport.Frame(nil), frames...) // they are the network's again
	h.later(func() { h.Handler.Deliver(from, frames) })
}

// PeerUp implements transport.Handler.
func (h pausedHandler) PeerUp(peer raft.NodeID, boot uint64) {
	h.later(func() { h.Handler.PeerUp(peer, boot) })
}

// PeerDown implements transport.Handler.
func (h pausedHandler) PeerDown(peer raft.NodeID) { h.later(func() { h.Handler.PeerDown(peer) }) }
