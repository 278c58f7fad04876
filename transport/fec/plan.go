package fec

import (
	"math"
	"time"
)

const (
	// A block is closed after an eighth of a round trip, or up to a fifth where packets
	// are few, within these bounds: a repaired packet is then not much later than the
	// others, and about as late as QUIC takes for reordering from the start.
	holdMin     = 3 * time.Millisecond
	holdMax     = 16 * time.Millisecond
	holdPerRTT  = 8
	holdFewRTT  = 5
	holdPackets = 16  // that a block should have
	burstMin    = 1.6 // the mean run from which on losses come in bursts
	burstSlack  = 1.25
	burstTooFar = 100 * time.Millisecond
	// silence is how long the receiver must hear nothing for a burst to have lasted so long.
	silence = burstTooFar + beaconEvery
	// lagMax bounds how long parity waits for a burst to end.
	lagMax = 50 * time.Millisecond

	// ratioBase is the parity allowed per data packet at little loss, and ratioSlope
	// what loss above ratioFrom adds.
	ratioBase  = 0.14
	ratioFrom  = 0.0155
	ratioSlope = 85
)

// plan is how the sender codes, until it learns more.
type plan struct {
	loss  float64       // by chance; 0: no parity at all
	burst float64       // mean run of lost packets
	hold  time.Duration // how long a block may wait for packets
	lag   time.Duration // how long a block's parity waits, so as not to fall with it
	size  int           // packets in a block, at most
	width int           // blocks that are interleaved when packets come fast
	ratio float64       // parity packets allowed per data packet
}

// makePlan chooses how to code for what is known of the path, for a loss of least at least.
func makePlan(l *losses, now, rtt time.Duration, least float64, cfg Config) plan {
	p := plan{
		loss: max(least, l.random(now)), burst: 1, size: dataShardsMax, width: 1,
		hold: rtt / holdPerRTT,
	}
	few := time.Duration(holdPackets / max(1, l.rate()) * float64(time.Second))
	p.hold = min(max(p.hold, min(few, rtt/holdFewRTT), holdMin), holdMax)
	if cfg.Mode == ModeOn {
		p.loss = max(p.loss, lossMin)
	}
	if p.loss < lossMin {
		p.loss = 0
		return p
	}
	p.ratio = min(cfg.ParityRatioMax, ratioBase+ratioSlope*max(0, p.loss-ratioFrom))
	if burst := l.burst(); burst >= burstMin {
		p = p.forBursts(burst, l.rate(), rtt, cfg)
	}
	return p
}

// forBursts has parity wait until a burst that hit the block is over, and spreads
// packets that come fast over several blocks. Bursts too long for that are left to
// QUIC.
func (p plan) forBursts(burst, rate float64, rtt time.Duration, cfg Config) plan {
	lasts := time.Duration(burst / max(1, rate) * float64(time.Second))
	if lasts > burstTooFar || burst > groupPacketsMax/2 {
		p.loss = 0
		return p
	}
	p.burst = burst
	p.lag = min(time.Duration(burstSlack*float64(lasts)), lagMax, rtt/2)
	p.size = parityShardsMax // so that a block which fell whole can be rebuilt
	p.width = min(widthMax, int(math.Ceil(4*burst/dataShardsMax)))
	p.ratio = cfg.ParityRatioMax
	return p
}

// parity returns how many parity packets each of the given number of blocks, of k
// packets at most, should have.
func (p plan) parity(k, blocks int) int {
	if p.loss == 0 {
		return 0
	}
	m := parityFor(k, p.loss)
	if p.burst > 1 {
		m = max(m, min(k, int(math.Ceil(burstSlack*p.burst/float64(blocks)))+1))
	}
	return min(m, parityShardsMax)
}
