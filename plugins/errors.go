package plugins

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

var (
	// ErrRefused is what every refusal of a module is (errors.Is). The author
	// of the module has to mend it; trying again changes nothing.
	ErrRefused = errors.New("plugins: module refused")
	// ErrPlatform is returned where the engine has no compiler. Run on another
	// platform; there is no fall-back to an interpreter.
	ErrPlatform = errors.New("plugins: the WebAssembly compiler needs amd64 (with SSE 4.1) or arm64")
	// ErrBroken is returned by an instance after a failure of the host. Close
	// it and rebuild it from the last snapshot and the log.
	ErrBroken = errors.New("plugins: the instance is broken")
	// ErrDamaged is returned by an instance whose state in memory is no longer what
	// the entries made of it: a fault of this host. Close it and make it anew.
	ErrDamaged = errors.New("plugins: the state in memory is damaged")
	// ErrClosed is returned after Close. Stop using the value.
	ErrClosed = errors.New("plugins: closed")
)

// RefusedError says why a module is refused; see wasm.Rule for the rules.
type RefusedError struct {
	// Rule is a stable name of the reason, for tests, metrics and catalogues.
	Rule string
	// What is wrong, why that is refused, and what to change (may be empty).
	What, Why, Hint string
	// Function is the index of the function (imports count), -1 for none.
	Function int
	// Offset is the position in the binary in bytes.
	Offset int
}

// Error tells everything in one line.
func (e *RefusedError) Error() string {
	return ErrRefused.Error() + ": " + e.refusal().Error()
}

func (e *RefusedError) refusal() *wasm.Refusal {
	return &wasm.Refusal{Rule: wasm.Rule(e.Rule), What: e.What, Why: e.Why, Hint: e.Hint, Function: e.Function, Offset: e.Offset}
}

// Is makes errors.Is(err, ErrRefused) true.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

func refused(r *wasm.Refusal) *RefusedError {
	return &RefusedError{Rule: string(r.Rule), What: r.What, Why: r.Why, Hint: r.Hint, Function: r.Function, Offset: r.Offset}
}

// GuestError is a failure of the guest outside of commands and queries: while
// it starts, exports or imports. It is the same on every replica.
type GuestError struct {
	// Export is the function of the module that failed.
	Export string
	// Status is what the function returned (positive), or one of the host's
	// statuses of package abi (negative).
	Status int32
	// Text is the trap, or what the guest said with set_error.
	Text string
}

// Error names the export and the reason.
func (e *GuestError) Error() string {
	if e.Status > 0 {
		return fmt.Sprintf("plugins: %s: status %d: %s", e.Export, e.Status, e.Text)
	}
	return fmt.Sprintf("plugins: %s: %s", e.Export, e.Text)
}

// Statuses of a Result, see package abi. Positive numbers are the machine's.
const (
	StatusOK        = abi.StatusOK
	StatusTrap      = abi.StatusTrap
	StatusLimits    = abi.StatusLimits
	StatusMalformed = abi.StatusMalformed
	StatusFuel      = abi.StatusFuel
	StatusStack     = abi.StatusStack
)
