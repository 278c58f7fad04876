package relay

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of Conditions, taken where a field is zero.
const (
	queueBytesDefault   = 256 << 10
	reorderDelayDefault = 20 * time.Millisecond
)

// Conditions is what one direction of a link does to datagrams. The zero value
// is a perfect link. Probabilities are from 0 to 1 and hold for each datagram.
type Conditions struct {
	// Cut lets nothing through, and drops what is on its way.
	Cut bool
	// Loss is the share of datagrams that vanish.
	Loss float64
	// LossBurst is how many are lost in a row on average; 0 and 1 mean that each is
	// lost or not on its own. Loss stays the share (Gilbert's model).
	LossBurst float64
	// LossBurstTime has datagrams fall in bursts that last so long on average, however
	// many are sent meanwhile; between bursts none is lost. Loss is then the share of
	// the time (Gilbert's model in continuous time). 0: none; it takes precedence over
	// LossBurst.
	LossBurstTime time.Duration
	// Duplicate is the share that arrive twice.
	Duplicate float64
	// Corrupt is the share that arrive with one bit changed.
	Corrupt float64
	// Delay is how long each takes, and Jitter what may come on top, evenly spread.
	// Neither changes the order.
	Delay, Jitter time.Duration
	// Reorder is the share that are overtaken: they take up to ReorderDelay longer,
	// default 20 ms, and hold up nobody.
	Reorder      float64
	ReorderDelay time.Duration
	// BytesPerSecond is the rate of the link; 0: unlimited. QueueBytes is what may
	// wait for it, default 256 KiB; the rest is dropped.
	BytesPerSecond uint64
	QueueBytes     uint64
	// MTUBytes lets longer datagrams vanish without a word; 0: none.
	MTUBytes int
}

// Validate reports every field that cannot work, and changes nothing.
func (c Conditions) Validate() error {
	var problems []error
	for _, share := range []struct {
		name  string
		value float64
	}{{"Loss", c.Loss}, {"Duplicate", c.Duplicate}, {"Corrupt", c.Corrupt}, {"Reorder", c.Reorder}} {
		if !(share.value >= 0 && share.value <= 1) { // Why negated: NaN is refused too
			problems = append(problems, fmt.Errorf("relay: conditions: %s must be from 0 to 1: %v", share.name, share.value))
		}
	}
	if !(c.LossBurst >= 0 && c.LossBurst <= burstMax) {
		problems = append(problems, fmt.Errorf("relay: conditions: LossBurst must be from 0 to %d: %v", burstMax, c.LossBurst))
	}
	if c.Delay < 0 || c.Jitter < 0 || c.ReorderDelay < 0 || c.MTUBytes < 0 || c.LossBurstTime < 0 {
		problems = append(problems, errors.New("relay: conditions: delays and sizes must not be negative"))
	}
	return errors.Join(problems...)
}

// burstMax bounds LossBurst: a longer run is a cut.
const burstMax = 10_000

// withDefaults returns c with zero fields set to their defaults.
func (c Conditions) withDefaults() Conditions {
	if c.QueueBytes == 0 {
		c.QueueBytes = queueBytesDefault
	}
	if c.ReorderDelay == 0 {
		c.ReorderDelay = reorderDelayDefault
	}
	return c
}
