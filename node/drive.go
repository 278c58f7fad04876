package node

import "time"

// ticked is a step machine that waits for moments of the node's clock.
type ticked interface {
	// Tick says what time it is.
	Tick(now time.Duration)
	// NextDeadline is when the next Tick is due at the latest; false: at none.
	NextDeadline() (at time.Duration, ok bool)
}

// drive is the goroutine of a step machine: it gives it the time and what lies in its
// inbox, and calls act behind each round, until the node stops.
func drive[M ticked](n *Node, inbox *mailbox[func(M)], machine M, act func()) {
	var inputs []func(M)
	timer := n.clock.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-inbox.wake:
		case <-timer.C():
		}
		machine.Tick(n.clock.Now())
		inputs = inbox.take(inputs)
		for _, in := range inputs {
			in(machine)
		}
		act()
		if at, ok := machine.NextDeadline(); ok {
			timer.Reset(at - n.clock.Now())
		}
	}
}
