package invariants

import "fmt"

// Violation is what Check and Violated panic with, so that a recover at the top
// of a simulator can tell a broken invariant from any other panic.
type Violation struct{ Message string }

// Error returns the broken invariant and the state that shows it.
func (v *Violation) Error() string { return "invariant broken: " + v.Message }

// Check panics with a *Violation when cond is false. The format and its arguments
// say which invariant broke and print the state that shows it.
//
// Why not everywhere: Go builds the arguments before the call, also when cond
// holds, and that allocates. A hot path writes its own if and calls Violated.
func Check(cond bool, format string, args ...any) {
	if !cond {
		Violated(format, args...)
	}
}

// Violated panics with a *Violation: the caller has found an invariant broken.
func Violated(format string, args ...any) {
	panic(&Violation{Message: fmt.Sprintf(format, args...)})
}
