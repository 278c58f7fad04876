// Package clock is the time that everything outside the Raft core runs on: a
// monotonic reading and timers, behind an interface that tests replace.
//
// It is not a wall clock. Nothing in wraft decides by the hour of the day, so
// the package offers no way to ask for it, and a jump of the system's clock
// changes nothing.
//
// The mental model: a Clock is a stopwatch that was started once, at its origin.
// Now is what it shows. Readings of two clocks, or of two processes, have nothing
// to do with each other. System gives one that runs on the machine's monotonic
// time; created inside a testing/synctest bubble it runs on the bubble's.
//
// A Clock is safe for concurrent use. A Timer belongs to one goroutine.
package clock
