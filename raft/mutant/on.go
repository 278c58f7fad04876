//go:build !mutants

package mutant

// On reports whether a bug is planted: never, in this build. Why it is nothing but
// a constant: the compiler then removes the bug, not just its effect.
func On(ID) bool { return false }

// Plant plants nothing, in this build.
func Plant(ID) error { return ErrAbsent }
