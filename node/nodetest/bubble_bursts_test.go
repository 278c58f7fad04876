package nodetest_test

import (
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// wanLoss is how links lose packets: a share of them, each on its own, in runs of so many on
// average, or for so long at a time on average. Each direction has its own luck.
type wanLoss struct {
	share   float64
	packets float64
	lasts   time.Duration
}

// String names it as docs/BENCHMARKS.md does.
func (l wanLoss) String() string {
	text := strconv.FormatFloat(100*l.share, 'g', 3, 64) + " %"
	switch {
	case l.lasts > 0:
		text += " in bursts of " + l.lasts.String()
	case l.packets > 1:
		text += " in bursts of " + strconv.FormatFloat(l.packets, 'g', 3, 64)
	}
	return text
}

// inBursts reports whether packets fall several in a row.
func (l wanLoss) inBursts() bool { return l.lasts > 0 || l.packets > 1 }

// direction is one way of a link under a wanLoss.
type direction struct {
	losing bool
	turns  time.Time // when that changes, of losses that last
}

// falls decides about one packet. Runs and bursts have no memory: they end by chance, and begin
// so often that the share is kept.
func (l wanLoss) falls(d *direction, chance *rand.Rand) bool {
	switch {
	case l.share == 0:
		d.losing = false
	case l.lasts > 0:
		l.turn(d, chance)
	case l.packets <= 1:
		d.losing = chance.Float64() < l.share
	case d.losing:
		d.losing = chance.Float64() >= 1/l.packets
	default:
		d.losing = chance.Float64() < l.share/(l.packets*(1-l.share))
	}
	return d.losing
}

// turn begins and ends bursts up to now.
func (l wanLoss) turn(d *direction, chance *rand.Rand) {
	pause := float64(l.lasts) * (1 - l.share) / l.share
	if d.turns.IsZero() {
		d.turns = time.Now().Add(time.Duration(pause * chance.ExpFloat64()))
	}
	for !d.turns.After(time.Now()) {
		d.losing = !d.losing
		mean := pause
		if d.losing {
			mean = float64(l.lasts)
		}
		d.turns = d.turns.Add(max(1, time.Duration(mean*chance.ExpFloat64())))
	}
}

// lossState is what a router knows of losses. It belongs to a router, which guards it.
type lossState struct {
	loss wanLoss
	ways map[[2]string]*direction // by from and to
}

// swallow reports whether a packet vanishes.
func (s *lossState) swallow(from, to net.Addr, chance *rand.Rand) bool {
	if s.loss.share == 0 {
		return false
	}
	way := [2]string{host(from), host(to)}
	if s.ways[way] == nil {
		s.ways[way] = &direction{}
	}
	return s.loss.falls(s.ways[way], chance)
}
