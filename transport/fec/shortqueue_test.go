package fec

import (
	"testing"
	"time"
)

// wave sends packets of a size from end 0, at a rate that rises from the one to the other once in
// a period and then falls back, as congestion control has it.
func (w *world) wave(from, to float64, size int, period time.Duration) {
	began := w.now
	var again func()
	again = func() {
		w.data(0, size)
		part := float64((w.now-began)%period) / float64(period)
		rate := from + (to-from)*part
		w.at(w.now+time.Duration(w.chance.ExpFloat64()/rate*float64(time.Second)), again)
	}
	again()
}

// What falls from a short queue that a flow fills and empties is no chance, though packets are late
// by chance as well. What falls by chance is repaired all the same, and beside such a queue not
// given up.
func TestAShortQueueBehindJitter(t *testing.T) {
	const (
		rate  = 5e6 / 8 // of the bottleneck
		queue = 20 * time.Millisecond
		size  = 1200
	)
	for name, row := range map[string]struct {
		queue       bool
		loss        float64
		least, most float64 // share of parity
	}{
		"a queue":            {queue: true, most: 0.04},
		"chance":             {loss: 0.02, least: 0.1, most: 0.3},
		"chance and a queue": {queue: true, loss: 0.03, least: 0.04, most: 0.35},
	} {
		for _, jitter := range []time.Duration{4 * time.Millisecond, 8 * time.Millisecond} {
			w := newWorldOf(t, 17, Config{}, testRTT)
			p := w.paths[0]
			p.jitter, p.lose = jitter, w.chanceOf(row.loss)
			if row.queue {
				p.rate, p.queue = rate, int(queue.Seconds()*rate)
			}
			stop := w.stream(0.5*rate/size, size)
			w.run(20 * time.Second)
			stop()
			w.wave(0.8*rate/size, 1.08*rate/size, size, time.Second)
			w.run(20 * time.Second)
			w.figures()
			w.run(30 * time.Second)
			f := w.figures()
			t.Logf("%s, jitter %v: parity %.3f, left %.3f of %d", name, jitter, f.share(), f.left(), f.fell)
			if f.share() < row.least || f.share() > row.most || f.fell < 60 {
				t.Errorf("%s, jitter %v: parity %.3f, %d fell", name, jitter, f.share(), f.fell)
			}
		}
	}
}

// A few losses that no queue seemed to be there for are its fringe, where a queue lost most of late.
// Many are not.
func TestAFewLossesBesideAQueueAreItsFringe(t *testing.T) {
	for lost, want := range map[float64]bool{fringeMax / 2: false, 6 * fringeMax: true} {
		l, now := newLosses(0), time.Duration(0)
		for range 40 {
			now += 100 * time.Millisecond
			l.add(now, sample{sent: 100, lost: 3, congested: 3})
		}
		for range 80 {
			now += 100 * time.Millisecond
			l.add(now, sample{sent: 100, lost: lost / 80})
		}
		l.add(now, sample{sent: 1, lost: 1}) // that it is known when one fell last
		if w := l.window(); w != &l.fast || w.congested > w.lost/2 || l.slow.congested <= l.slow.lost/2 {
			t.Fatalf("%v lost: the window is %+v, the slower %+v", lost, l.fast, l.slow)
		}
		if got := l.random(now); (got >= lossMin) != want {
			t.Errorf("%v lost after a queue: %v is by chance", lost, got)
		}
	}
}

// A few losses while no queue seems to stand do not excuse those while one does.
func TestAFewLossesAreNoExcuse(t *testing.T) {
	for fell, want := range map[int64]bool{4: false, 40: true} {
		b := newBlame()
		b.chance(time.Second, 2*calmPackets, fell)
		if got := b.share(); got > 0 != want || got > 0 && got != float64(fell)/(2*calmPackets) {
			t.Errorf("%d of %d: %v is by chance", fell, 2*calmPackets, got)
		}
	}
}
