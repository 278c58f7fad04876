// Package measure measures machines: what a command costs in each language, what
// the pass costs, what undoing costs.
//
// It is not a test: nothing here fails because something is slow.
//
// The mental model: a Figure is what one turn of some work takes, in processor time
// of this process, which tells more than the clock on a machine that others use
// too. Works that are to be compared are measured in turns, a round of each after
// the other, and a figure is the median of its rounds.
//
// Concurrency: one measurement at a time, since the processor time of the process
// is what is read.
package measure
