package mem

import (
	"errors"
	"fmt"
	"time"
)

// queueFramesDefault is the default of Config.QueueFramesMax.
const queueFramesDefault = 4096

// Link says how one direction between two nodes behaves. The zero value delivers
// everything at once and in order.
type Link struct {
	Delay     time.Duration // of every frame
	Jitter    time.Duration // up to this is added, evenly spread; makes frames overtake each other
	Loss      float64       // share of frames that vanish, 0 to 1
	Duplicate float64       // share of frames that arrive twice, 0 to 1
	// Reorder is the share of frames, 0 to 1, that are held back by another
	// ReorderDelay (default 10 ms) and so arrive behind later ones.
	Reorder      float64
	ReorderDelay time.Duration
}

// Config says how a Switch behaves.
type Config struct {
	Seed uint64 // of all chance
	Link Link   // of every direction until SetLink says otherwise
	// DetectDelay is how long the nodes at the ends of a cut link believe that their
	// connection still stands. Default 0: they know at once.
	DetectDelay time.Duration
	// QueueFramesMax bounds the frames under way in one direction and class; the
	// next one is refused with ErrQueueFull. Default 4096.
	QueueFramesMax int
}

func (c Config) withDefaults() Config {
	if c.QueueFramesMax == 0 {
		c.QueueFramesMax = queueFramesDefault
	}
	c.Link = c.Link.withDefaults()
	return c
}

// Validate reports all that is wrong with c.
func (c Config) Validate() error {
	err := c.Link.Validate()
	if c.DetectDelay < 0 {
		err = errors.Join(err, fmt.Errorf("mem: detect delay %s: must not be negative", c.DetectDelay))
	}
	if c.QueueFramesMax < 0 {
		err = errors.Join(err, fmt.Errorf("mem: queue of %d frames: must not be negative", c.QueueFramesMax))
	}
	return err
}

func (l Link) withDefaults() Link {
	if l.ReorderDelay == 0 {
		l.ReorderDelay = 10 * time.Millisecond
	}
	return l
}

// Validate reports all that is wrong with l.
func (l Link) Validate() error {
	var err error
	for _, share := range []struct {
		name  string
		value float64
	}{{"loss", l.Loss}, {"duplicate", l.Duplicate}, {"reorder", l.Reorder}} {
		if !(share.value >= 0 && share.value <= 1) {
			err = errors.Join(err, fmt.Errorf("mem: %s %v: must be between 0 and 1", share.name, share.value))
		}
	}
	if l.Delay < 0 || l.Jitter < 0 || l.ReorderDelay < 0 {
		err = errors.Join(err, fmt.Errorf("mem: delay %s, jitter %s, reorder delay %s: must not be negative", l.Delay, l.Jitter, l.ReorderDelay))
	}
	return err
}
