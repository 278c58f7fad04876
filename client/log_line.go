package client

import (
	"strconv"
	"time"
)

// LogPlace orders the lines that a machine logged on a node: when that was, in microseconds of
// Unix time, or one more than the line before. It travels as a decimal string.
type LogPlace uint64

// String is the decimal form that travels.
func (p LogPlace) String() string { return strconv.FormatUint(uint64(p), 10) }

// MarshalText is String, so that JSON carries a string.
func (p LogPlace) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *LogPlace) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	*p = LogPlace(n)
	return err
}

// Time is when the line was logged, by the clock of its node.
func (p LogPlace) Time() time.Time { return time.UnixMicro(int64(p)).UTC() }

// LogLine is a line that a machine logged on a node.
type LogLine struct {
	Place LogPlace `json:"place"`
	Node  NodeID   `json:"node"`
	// Index is that of the entry that was applied, or the newest that a query could see.
	Index uint64 `json:"index"`
	Level string `json:"level"` // debug, info, warn or error
	Text  string `json:"text"`
	// Missed says that lines just before this one, which were asked for, are not kept.
	Missed bool `json:"missed,omitempty"`
}
