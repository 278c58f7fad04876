package clock

import "time"

// Clock tells monotonic time and makes timers that run on it.
type Clock interface {
	// Now is the time since the clock's origin. It never goes back.
	Now() time.Duration
	// NewTimer returns a timer that fires once, d from now; at once if d <= 0.
	NewTimer(d time.Duration) Timer
}

// Timer fires once per NewTimer or Reset. After Stop or Reset returns, no value
// of an earlier setting is received from C.
type Timer interface {
	// C receives one value when the timer fires.
	C() <-chan time.Time
	// Reset sets the timer to fire d from now, whether or not it fired before.
	Reset(d time.Duration)
	// Stop keeps the timer from firing and reports whether it was still pending.
	Stop() bool
}

// System returns a Clock on the machine's monotonic time; its origin is now.
//
// Why a constructor and not one shared clock: the origin must be taken inside the
// testing/synctest bubble that uses the clock, or the two times would mix.
func System() Clock { return system{origin: time.Now()} }

type system struct{ origin time.Time }

// Now implements Clock.
func (s system) Now() time.Duration { return time.Since(s.origin) }

// NewTimer implements Clock.
func (s system) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(soonest(d))} }

type systemTimer struct{ t *time.Timer }

func (t systemTimer) C() <-chan time.Time   { return t.t.C }
func (t systemTimer) Reset(d time.Duration) { t.t.Reset(soonest(d)) }
func (t systemTimer) Stop() bool            { return t.t.Stop() }

// soonest is d, or a nanosecond when that is past.
//
// Why: two goroutines of one testing/synctest bubble that receive from timers which are due
// already run them at the same time in one context of the race detector (Go 1.26), which ends
// the process. In virtual time a timer of the future waits until all others do.
func soonest(d time.Duration) time.Duration { return max(d, 1) }
