package mutant

import (
	"errors"
	"slices"
)

// ID names a bug in the words of scripts and of docs/TESTING.md; the empty one is
// none.
type ID string

// Mutant is a bug and what it does.
type Mutant struct {
	ID  ID
	Bug string // half a sentence: what goes wrong
}

var (
	// ErrAbsent: this build has no bugs in it. Build with -tags mutants.
	ErrAbsent = errors.New("mutant: built without the tag mutants")
	// ErrUnknown: there is no bug of that name. All names them.
	ErrUnknown = errors.New("mutant: unknown")
)

// Known reports whether a bug has that name.
func Known(id ID) bool {
	return slices.ContainsFunc(All(), func(m Mutant) bool { return m.ID == id })
}
