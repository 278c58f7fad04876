package wraft

import "io"

// Machine is a state machine. Methods must depend on nothing but the machine,
// their arguments and the Context.
type Machine interface {
	// Apply executes one command and returns its result. command is valid
	// during the call only; copy what has to stay. The result is copied before
	// the next call. An error becomes the command's status and text, see Error;
	// changes made before it stay.
	Apply(ctx *Context, command []byte) ([]byte, error)

	// Query answers without changing the machine. The slices behave as in Apply.
	Query(ctx *Context, query []byte) ([]byte, error)

	// Snapshot writes the whole state, equal states as equal bytes: sort what
	// comes from a map.
	Snapshot(w io.Writer) error

	// Restore replaces the whole state by one that Snapshot wrote. fromVersion
	// is the Version of the machine that wrote it, see Versioned; a rollback
	// hands an older module the state of a newer one. On an error the machine keeps its former state, whatever
	// Restore had already changed.
	Restore(r io.Reader, fromVersion uint32) error
}

// Versioned is a Machine whose author numbers its versions. An upgrade tells the
// Restore of the next version which one wrote the state.
type Versioned interface {
	Machine
	// Version returns a constant, from 1 upwards. A machine without this method
	// has the version 0.
	Version() uint32
}

// versionOf is the number of a machine's version.
func versionOf(m Machine) uint32 {
	if v, ok := m.(Versioned); ok {
		return v.Version()
	}
	return 0
}

// registered is the one machine of this module.
var registered Machine

// Register makes m the module's machine. Call it once, from an init function.
// It panics on a second call and on nil.
func Register(m Machine) {
	if m == nil {
		panic("wraft: Register with a nil machine")
	}
	if registered != nil {
		panic("wraft: Register called twice")
	}
	registered = m
}
