package fec

import (
	"errors"
	"fmt"
	"time"
)

// Mode says whether losses are repaired.
type Mode string

// The modes.
const (
	// ModeAuto: when the peer can, while there are losses, and on paths with a round
	// trip of 5 ms and more. The default.
	ModeAuto Mode = "auto"
	// ModeOff: never; the peer is told so.
	ModeOff Mode = "off"
	// ModeOn: when the peer can, and from the start: each block has parity, also
	// without losses.
	ModeOn Mode = "on"
)

const (
	parityRatioDefault = 1.0
	parityRateDefault  = 8 << 20

	// dataShardsMax is the packets in a block: with so many, one percent of loss
	// needs one packet in eight as parity, and their names fit beside a shard.
	dataShardsMax = 20
	// parityShardsMax bounds the parity packets of a block.
	parityShardsMax = 12
	// widthMax is how many blocks are interleaved at most.
	widthMax = 8
	// groupPacketsMax is the most packets whose parity is computed at once.
	groupPacketsMax = dataShardsMax * widthMax
)

// Config bounds what the repair of losses may cost. The zero value is useful.
type Config struct {
	// Mode is off, auto or on. Default auto.
	Mode Mode
	// ParityRatioMax bounds parity packets per data packet, above 0, at most 1.
	// Default 1. How much is sent below it follows from the losses. It does not bound how often
	// packets are sent again where Path.Alone.
	ParityRatioMax float64
	// ParityBytesPerSecond bounds the parity sent over one link, and the packets sent again.
	// Default 8 MiB.
	ParityBytesPerSecond int
}

func (c Config) withDefaults() Config {
	if c.Mode == "" {
		c.Mode = ModeAuto
	}
	if c.ParityRatioMax == 0 {
		c.ParityRatioMax = parityRatioDefault
	}
	if c.ParityBytesPerSecond == 0 {
		c.ParityBytesPerSecond = parityRateDefault
	}
	return c
}

// Validate reports all that is wrong with c.
func (c Config) Validate() error {
	d := c.withDefaults()
	var errs []error
	if d.Mode != ModeOff && d.Mode != ModeAuto && d.Mode != ModeOn {
		errs = append(errs, fmt.Errorf("fec: mode %q: must be off, auto or on", d.Mode))
	}
	if !(d.ParityRatioMax > 0 && d.ParityRatioMax <= 1) {
		errs = append(errs, fmt.Errorf("fec: %v parity packets per data packet: must be above 0 and at most 1", d.ParityRatioMax))
	}
	if d.ParityBytesPerSecond < 0 {
		errs = append(errs, fmt.Errorf("fec: %d bytes of parity per second: must not be negative", d.ParityBytesPerSecond))
	}
	return errors.Join(errs...)
}

// Path is what the connection above knows of its path; the sums count from the
// connection's start.
type Path struct {
	RTT    time.Duration // smoothed; 0 when unknown
	RTTMin time.Duration // the least ever; 0 when unknown
	Sent   uint64        // packets
	Lost   uint64        // packets QUIC took for lost, after repair
	// Alone: nothing makes up for what comes late over this path.
	Alone bool
}
