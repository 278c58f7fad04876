package counter

import "context"

// Pause has no increment begun until Resume or Stop, and returns once those under way have
// ended. The sessions stay. It fails as WaitFor does.
func (l *Load) Pause(ctx context.Context) error {
	l.mu.Lock()
	if l.resumed == nil {
		l.resumed = make(chan struct{})
	}
	l.mu.Unlock()
	return l.wait(ctx, "a pause", func() bool { return l.underWay == 0 })
}

// Resume has a paused load go on, in its sessions.
func (l *Load) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resume()
}

// resume wakes the workers of a paused load; mu is held.
func (l *Load) resume() {
	if l.resumed != nil {
		close(l.resumed)
		l.resumed = nil
	}
}
