package tracker

import (
	"math"
	"math/bits"
	"time"
)

// Limits bounds what may be on its way to one follower.
type Limits struct {
	Appends int
	Bytes   uint64
}

const (
	// windowAppendsMin and windowBytesMin are the least a window is sized to: enough
	// to measure with and to serve any path inside a building.
	windowAppendsMin = 16
	windowBytesMin   = 1 << 20
	// unmeasuredBytesMax bounds a window while nothing is known of the path.
	unmeasuredBytesMax = 16 << 20
)

// PathStats is what a driver knows of the way to a peer. The zero value says that
// nothing is known.
type PathStats struct {
	RTT          time.Duration // smoothed; 0: not known
	Variance     time.Duration // mean deviation of the RTT
	DeliveryRate uint64        // bytes that lately arrived there in a second; 0: not known
	Up           bool          // a connection stands
}

// Known reports whether the path was measured.
func (s PathStats) Known() bool { return s.Up && s.RTT > 0 }

// Flow is what a leader measured of a follower by itself.
type Flow struct {
	Bytes   uint64        // acknowledged in a second
	Appends uint64        // acknowledged in a second
	Lag     time.Duration // from an append's arrival to its acknowledgement: its disk
}

// Size returns the window for a follower: twice what is acknowledged within a
// round trip and the time its disk takes, between a floor and most. While the path
// is not known it is fixed.
//
// Why twice: as long as the window is what limits the follower, the rate grows with
// the window and the window with the rate; once the path or the disk is the limit,
// the rate stands still and so does the window, at twice what it needs. Neither
// factor grows with what queues: Lag is taken from appends that had nothing before
// them.
func Size(path PathStats, flow Flow, most Limits) Limits {
	if !path.Known() {
		return Limits{Appends: most.Appends, Bytes: min(most.Bytes, unmeasuredBytesMax)}
	}
	round := path.RTT + 2*path.Variance + flow.Lag
	appends := max(2*within(flow.Appends, round), windowAppendsMin)
	size := max(2*within(max(flow.Bytes, path.DeliveryRate), round), windowBytesMin)
	return Limits{
		Appends: int(min(appends, uint64(most.Appends))),
		Bytes:   min(size, most.Bytes),
	}
}

// within returns how much of a rate per second falls into d, at most what can be
// doubled.
func within(rate uint64, d time.Duration) uint64 {
	hi, lo := bits.Mul64(rate, uint64(max(d, 0)))
	if hi >= uint64(time.Second) {
		return math.MaxInt64
	}
	amount, _ := bits.Div64(hi, lo, uint64(time.Second))
	return min(amount, math.MaxInt64)
}

// perSecond returns amount as a rate per second.
func perSecond(amount uint64, d time.Duration) uint64 {
	hi, lo := bits.Mul64(amount, uint64(time.Second))
	if hi >= uint64(d) {
		return math.MaxInt64
	}
	rate, _ := bits.Div64(hi, lo, uint64(d))
	return min(rate, math.MaxInt64)
}
