package history

import (
	"math"
	"time"
)

// Kind says what an operation does to its key.
type Kind uint8

// The kinds.
const (
	// Get reads the key's value, or that there is none.
	Get Kind = iota + 1
	// Append adds Value to the end of the key's value, which is empty at first, and
	// answers the new length in bytes.
	Append
	// Put sets the key's value.
	Put
	// CompareAndSet sets the key's value to Value if it is Expected, and answers
	// whether it did.
	CompareAndSet
	// settled stands for all that was judged of a key: it sets the value, which only grows
	// if Length is above 0.
	settled
)

// String names the kind for reports.
func (k Kind) String() string {
	names := [...]string{"unknown", "get", "append", "put", "cas", "settled"}
	if int(k) < len(names) {
		return names[k]
	}
	return "invalid"
}

// Text is a value that may be absent.
type Text struct {
	Present bool
	Value   string
}

// Op is one operation of a client, and what came of it.
type Op struct {
	// Client is who asked. A client has one operation under way at a time; one
	// that never got an answer asks under another number from then on.
	Client   int
	Kind     Kind
	Key      string
	Value    string
	Expected Text // of CompareAndSet

	// Called and Returned are times since any common moment. Returned is of no
	// meaning without Answered.
	Called, Returned time.Duration
	Answered         bool
	// Staleness of a Get is how old the answer may be, 0 for the newest. Only keys that are
	// appended to are to be read so.
	Staleness time.Duration

	// The answer: Length of Append in bytes, Found of Get, Set of CompareAndSet.
	Length uint64
	Found  Text
	Set    bool
	// Index is where the log holds the command, or how far the replica had applied
	// that answered a Get; 0 when not known.
	Index uint64
}

// ended is when the operation was answered, if ever.
func (op Op) ended() time.Duration {
	if !op.Answered {
		return math.MaxInt64
	}
	return op.Returned
}
