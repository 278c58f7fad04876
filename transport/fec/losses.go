package fec

import (
	"math"
	"time"
)

const (
	fastTau = 2 * time.Second
	slowTau = 8 * time.Second
	// patternTau is for how losses come, which changes less than how many.
	patternTau = 30 * time.Second
	// calmTau is for what the path loses while no queue stands, which a queue that fills
	// does not change; so many packets make it known.
	calmTau       = time.Minute
	calmPackets   = 1000
	calmCongested = 0.5 // packets, of the slower sums
	// fastEnough is how many packets make the faster sums worth more than the others.
	fastEnough = 1000

	// fringeMax is how many losses of the window are its fringe where a queue lost most of late.
	fringeMax = 8

	// lossMin is the loss below which nothing is repaired.
	lossMin = 0.001
	// lossCongested is the loss from which on all of it is taken for congestion: no
	// link that is of use loses so much by chance.
	lossCongested = 0.25

	// After so much time and so many packets without loss, no parity is sent.
	cleanAfter   = 4 * time.Second
	cleanPackets = 500
	// Where losses come in bursts, pauses between them are longer, by so much.
	cleanBursts = 3
	// burstExtraMin is how many losses must have followed another at once, lately.
	burstExtraMin = 3
	// burstLostMin is how many losses must be known before those count that no block
	// tells of.
	burstLostMin = 12
	// longRun is how many packets in a row make a run a long one, and longRuns what is left
	// of one in the slower sums ten seconds later.
	longRun  = 3
	longRuns = 0.3
)

// window holds sums that fade with time.
type window struct {
	tau                                                time.Duration
	at                                                 time.Duration
	sent, lost, congested, told, clumps, runs, runLost float64
	long                                               float64 // of the runs
}

// fade brings the sums to the present.
func (w *window) fade(now time.Duration) {
	if now <= w.at {
		return
	}
	f := math.Exp(-float64(now-w.at) / float64(w.tau))
	w.at = now
	for _, v := range [...]*float64{&w.sent, &w.lost, &w.congested, &w.told, &w.clumps, &w.runs, &w.runLost, &w.long} {
		*v *= f
	}
}

func (w *window) add(now time.Duration, s sample) {
	w.fade(now)
	w.sent += s.sent
	w.lost += s.lost
	w.congested += s.congested
	w.told += s.told
	if s.told >= 1 {
		w.clumps++
	}
	w.runs += s.runs
	w.runLost += s.runLost
	if s.runs >= 1 && s.runLost >= s.runs+longRun-1 {
		w.long++
	}
}

// sample is what was counted between two reports. Packets that were late make lost
// negative now and then. told are those of the lost that fell by chance while parity
// was sent, so that blocks should tell of them.
type sample struct{ sent, lost, congested, told, runs, runLost float64 }

// losses is what the sender believes of the path.
type losses struct {
	fast, slow, pattern window
	// calm holds only what was counted when nothing had been lost to a queue for long.
	calm   window
	fellAt time.Duration // when packets were last lost
	lostAt time.Duration // when packets were last lost by chance
	since  float64       // packets sent since
}

func newLosses(now time.Duration) losses {
	return losses{
		fast: window{tau: fastTau, at: now}, slow: window{tau: slowTau, at: now}, pattern: window{tau: patternTau, at: now},
		calm: window{tau: calmTau, at: now}, lostAt: now, fellAt: now,
	}
}

// add takes in what a report counted.
func (l *losses) add(now time.Duration, s sample) {
	l.seed(now, s)
	if l.slow.congested < calmCongested {
		l.calm.add(now, s)
	}
}

// seed takes in what QUIC lost, of which nobody knows why.
func (l *losses) seed(now time.Duration, s sample) {
	l.fast.add(now, s)
	l.slow.add(now, s)
	l.pattern.add(now, s)
	if s.lost >= 1 {
		l.fellAt = now
	}
	if s.lost-s.congested >= 1 {
		l.lostAt, l.since = now, 0
	} else {
		l.since += s.sent
	}
}

// fade brings all sums to the present.
func (l *losses) fade(now time.Duration) {
	l.fast.fade(now)
	l.slow.fade(now)
	l.pattern.fade(now)
	l.calm.fade(now)
}

// window returns the sums to go by: the faster ones when they hold enough.
func (l *losses) window() *window {
	if l.fast.sent >= fastEnough {
		return &l.fast
	}
	return &l.slow
}

// total returns the share of packets that are lost, for whatever reason.
func (l *losses) total() float64 {
	w := l.window()
	return min(1, max(0, w.lost)/max(1, w.sent))
}

// random returns the share of packets that are lost by chance. Where most losses
// are congestion, what seems to be chance is taken for its fringe, and what was known
// before the queue stood goes on.
func (l *losses) random(now time.Duration) float64 {
	w, pause, at := l.window(), l.pause(), l.lostAt
	congested := w.congested > w.lost/2 || l.slow.congested > l.slow.lost/2 && w.lost-w.congested < fringeMax
	if congested {
		at = l.fellAt // what falls by chance into a full queue is not told from the rest
	}
	switch {
	case now-at >= pause && l.since >= cleanPackets, l.total() > lossCongested:
		return 0
	case congested && l.calm.sent < calmPackets:
		return 0
	case congested:
		return min(1, max(0, l.calm.lost)/l.calm.sent)
	}
	return min(1, max(0, w.lost-max(0, w.congested))/max(1, w.sent))
}

// burst returns the mean number of packets that are lost in a row. When blocks tell
// of less than half of the losses, the others fell together with their parity, and
// what is lost between two reports is the better guess.
func (l *losses) burst() float64 {
	w := &l.pattern
	if w.told >= burstLostMin && w.runLost < w.told/2 {
		return max(1, w.told/max(1, w.clumps))
	}
	if w.runLost-w.runs < burstExtraMin {
		return 1
	}
	return max(1, w.runLost/w.runs)
}

// byChance reports whether packets were lost lately, and not most of them to a full queue.
func (l *losses) byChance(now time.Duration) bool {
	w := l.window()
	return now-l.lostAt < l.pause() && w.congested <= w.lost/2
}

// oneByOne reports whether enough losses are known to say that they do not come in bursts.
//
// Why long runs apart from the mean: after a time of many single losses it takes half a minute
// for bursts to show in that.
func (l *losses) oneByOne() bool {
	return l.pattern.told >= burstLostMin && l.burst() < burstMin && l.slow.long < longRuns
}

// atTimes reports whether packets were lost by chance lately, or may be again after a pause.
func (l *losses) atTimes(now time.Duration) bool {
	w := l.window()
	return now-l.lostAt < cleanBursts*cleanAfter && w.congested <= w.lost/2
}

// pause is how long nothing must be lost for losses to have ended.
func (l *losses) pause() time.Duration {
	if l.burst() >= burstMin {
		return cleanBursts * cleanAfter
	}
	return cleanAfter
}

// over reports whether losses have ended, those of congestion too.
func (l *losses) over(now time.Duration) bool { return now-l.fellAt >= cleanAfter }

// rate returns packets per second.
func (l *losses) rate() float64 { return l.fast.sent / fastTau.Seconds() }
