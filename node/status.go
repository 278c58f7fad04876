package node

import "github.com/wraft/wraft/plugins"

// Statuses the host gives besides those of plugins; all are replicated answers,
// equal on every replica. A command with one of these was not executed.
const (
	// StatusSessionExpired: the session is unknown or was evicted. Open a new one.
	StatusSessionExpired int32 = -101
	// StatusSequenceStale: the client acknowledged this sequence before. Fix the client.
	StatusSequenceStale int32 = -102
	// StatusSequenceWindow: too many unacknowledged sequences. Acknowledge some first.
	StatusSequenceWindow int32 = -103
	// StatusKeyReused: the idempotency key stands for another command. Use another key.
	StatusKeyReused int32 = -104
	// StatusKeysFull: the machine remembers as many keys as it may. Try later.
	StatusKeysFull int32 = -105
)

// statusOf maps a verdict that refuses to its status.
func statusOf(v Verdict) int32 {
	switch v {
	case VerdictExpired:
		return StatusSessionExpired
	case VerdictStale:
		return StatusSequenceStale
	case VerdictReused:
		return StatusKeyReused
	case VerdictFull:
		return StatusKeysFull
	}
	return StatusSequenceWindow
}

// Executed reports whether a status says that the command reached the machine.
func Executed(status int32) bool {
	return status > StatusSessionExpired || status == plugins.StatusOK
}
