package wraft

import "errors"

// StatusFailed is the status of an error that isn't an *Error.
const StatusFailed int32 = 1

// Error is an answer that means failure: clients get the status and the text.
type Error struct {
	// Status tells programs what went wrong. It must be positive: 1 is
	// StatusFailed, the others are the author's. Any other number counts as 1.
	Status int32
	// Text tells people.
	Text string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Fail returns an *Error.
func Fail(status int32, text string) error { return &Error{Status: status, Text: text} }

// status returns what a client gets for an error: zero for none.
func status(err error) (code int32, text string) {
	if err == nil {
		return 0, ""
	}
	var e *Error
	if errors.As(err, &e) && e.Status > 0 {
		return e.Status, err.Error()
	}
	return StatusFailed, err.Error()
}
