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
)

// statusOf maps a verdict that refuses to its status.
func statusOf(v Verdict) int32 {
	switch v {
	case VerdictExpired:
		return StatusSessionExpired
	case VerdictStale:
		return StatusSequenceStale
	}
	return StatusSequenceWindow
}

// Executed reports whether a status says that the command reached the machine.
func Executed(status int32) bool {
	return status > StatusSessionExpired || status == plugins.StatusOK
}
