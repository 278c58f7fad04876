//go:build mutants

package mutant

// planted is the one bug that is in force. It changes only while nothing runs
// that could ask for it.
var planted ID

// On reports whether this bug is planted.
func On(id ID) bool { return planted == id }

// Plant plants a bug instead of the one before; the empty ID plants none.
// ErrUnknown: nothing has changed.
func Plant(id ID) error {
	if id != "" && !Known(id) {
		return ErrUnknown
	}
	planted = id
	return nil
}
