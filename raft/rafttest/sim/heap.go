package sim

import "time"

// event is something that happens at a moment; order settles ties, so that
// events of one moment happen in the order they were planned.
type event struct {
	at    time.Duration
	order uint64
	do    func() error
}

// agenda is a binary heap of events, the earliest first.
type agenda struct {
	events []event
	orders uint64
}

// plan adds an event.
func (a *agenda) plan(at time.Duration, do func() error) {
	a.orders++
	a.events = append(a.events, event{at, a.orders, do})
	for i := len(a.events) - 1; i > 0; {
		up := (i - 1) / 2
		if !a.before(i, up) {
			return
		}
		a.events[i], a.events[up] = a.events[up], a.events[i]
		i = up
	}
}

// next removes and returns the earliest event; false when there is none.
func (a *agenda) next() (event, bool) {
	if len(a.events) == 0 {
		return event{}, false
	}
	first := a.events[0]
	last := len(a.events) - 1
	a.events[0] = a.events[last]
	a.events[last] = event{}
	a.events = a.events[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first, true
		}
		if right := down + 1; right < last && a.before(right, down) {
			down = right
		}
		if !a.before(down, i) {
			return first, true
		}
		a.events[i], a.events[down] = a.events[down], a.events[i]
		i = down
	}
}

func (a *agenda) before(i, j int) bool {
	x, y := &a.events[i], &a.events[j]
	return x.at < y.at || x.at == y.at && x.order < y.order
}
