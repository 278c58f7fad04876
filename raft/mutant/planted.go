//go:build mutants

package mutant

// planted is the one bug that is in force. It changes only while nothing runs
// that could ask for it. Why a string: the linker sets nothing else, which is how a whole
// program gets a bug (conformance/nemesis).
var planted string

// On reports whether this bug is planted.
func On(id ID) bool { return planted == string(id) }

// Plant plants a bug instead of the one before; the empty ID plants none.
// ErrUnknown: nothing has changed.
func Plant(id ID) error {
	if id != "" && !Known(id) {
		return ErrUnknown
	}
	planted = string(id)
	return nil
}
