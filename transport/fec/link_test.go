package fec

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// These tests run both ends of a link in virtual time over a path that loses,
// delays and queues packets; the world holds every rebuilt packet against what fell.

const testRTT = 80 * time.Millisecond

// settled runs a stream until the ends know the path, and then for a while longer,
// of which it returns the figures.
func (w *world) settled(rate float64, d time.Duration) figures {
	w.stream(rate, 300)
	w.run(10 * time.Second)
	w.figures()
	w.run(d)
	return w.figures()
}

func TestNothingIsSentWithoutLoss(t *testing.T) {
	w := newWorldOf(t, 1, Config{}, testRTT)
	w.stream(500, 300)
	w.run(time.Minute)
	if n := w.paths[0].ours + w.paths[1].ours; n != 0 {
		t.Errorf("%d packets of ours on a path that loses nothing", n)
	}
	if w.ends[1].recv.ring != nil {
		t.Error("data packets were kept")
	}
}

func TestRandomLossIsRepaired(t *testing.T) {
	for _, row := range []struct {
		loss, rate  float64
		share, left float64 // at most: parity of packets, unrepaired of lost
	}{
		{0.0002, 1000, 0.01, 1},
		{0.01, 230, 0.17, 0.5},
		{0.01, 1000, 0.15, 0.1},
		{0.02, 1000, 0.26, 0.05},
		{0.05, 230, 0.53, 0.05},
		{0.05, 1000, 0.40, 0.02},
		{0.10, 1000, 0.50, 0.02},
	} {
		t.Run(fmt.Sprintf("%v at %v", row.loss, row.rate), func(t *testing.T) {
			w := newWorldOf(t, 2, Config{}, testRTT)
			w.paths[0].lose, w.paths[1].lose = w.chanceOf(row.loss), w.chanceOf(row.loss)
			f := w.settled(row.rate, 20*time.Second)
			t.Logf("parity %.3f, left %.4f of %d, 99%% within %v", f.share(), f.left(), f.fell, f.latest)
			if f.share() > row.share || f.left() > row.left {
				t.Errorf("parity is %.3f of all packets, left is %.3f of %d lost", f.share(), f.left(), f.fell)
			}
			if f.latest > 2*holdMax {
				t.Errorf("repairs come up to %v late", f.latest)
			}
			if row.loss > lossMin && f.repaired == 0 {
				t.Error("nothing was repaired: the test shows nothing")
			}
			if f.withheld > f.fell/50 {
				t.Errorf("%d of %d repairs withheld without a queue", f.withheld, f.fell)
			}
		})
	}
}

// bursts loses a share of the packets in runs of a length.
func (w *world) bursts(share float64, length int) func(time.Duration) bool {
	left := 0
	return func(time.Duration) bool {
		if left == 0 && w.chance.Float64() < share/float64(length) {
			left = length
		}
		left = max(0, left-1)
		return left > 0
	}
}

// outages loses everything for a time, now and then.
func (w *world) outages(share float64, each time.Duration) func(time.Duration) bool {
	var next, until time.Duration
	return func(now time.Duration) bool {
		for next <= now {
			until = next + each
			next += time.Duration((0.5 + w.chance.Float64()) * float64(each) / share)
		}
		return now < until
	}
}

func TestBurstsAreRepaired(t *testing.T) {
	for _, row := range []struct {
		name string
		rate float64
		lose func(*world) func(time.Duration) bool
		left float64
	}{
		{"of 4 packets at 230/s", 230, func(w *world) func(time.Duration) bool { return w.bursts(0.02, 5) }, 0.25},
		{"of 4 packets at 1000/s", 1000, func(w *world) func(time.Duration) bool { return w.bursts(0.02, 5) }, 0.15},
		{"of 30 ms at 230/s", 230, func(w *world) func(time.Duration) bool { return w.outages(0.02, 30*time.Millisecond) }, 0.6},
		{"of 30 ms at 1000/s", 1000, func(w *world) func(time.Duration) bool { return w.outages(0.02, 30*time.Millisecond) }, 0.6},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorldOf(t, 3, Config{}, testRTT)
			w.paths[0].lose = row.lose(w)
			f := w.settled(row.rate, 30*time.Second)
			t.Logf("parity %.3f, left %.4f of %d, 99%% within %v", f.share(), f.left(), f.fell, f.latest)
			if f.left() > row.left {
				t.Errorf("left is %.3f of %d lost", f.left(), f.fell)
			}
			if f.latest > lagMax+2*holdMax {
				t.Errorf("repairs come up to %v late", f.latest)
			}
		})
	}
}

// A path whose bursts outlast what parity may wait is left to QUIC, at little cost.
func TestLongBurstsAreNotHidden(t *testing.T) {
	w := newWorldOf(t, 4, Config{}, testRTT)
	w.paths[0].lose = w.outages(0.05, 300*time.Millisecond)
	f := w.settled(1000, 30*time.Second)
	if f.share() > 0.1 || f.left() < 0.8 {
		t.Errorf("parity %.3f, left %.3f of %d", f.share(), f.left(), f.fell)
	}
}

// What a full queue drops is neither hidden nor answered with more packets.
func TestCongestionIsNotHidden(t *testing.T) {
	for _, queue := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond} {
		for _, load := range []float64{1.05, 1.2} {
			t.Run(fmt.Sprintf("queue %v, load %v", queue, load), func(t *testing.T) {
				w := newWorldOf(t, 5, Config{}, testRTT)
				const rate = 3e6 / 8 // of the bottleneck
				w.paths[0].rate, w.paths[0].queue = rate, int(queue.Seconds()*rate)
				f := w.settled(load*rate/300, 20*time.Second)
				t.Logf("parity %.3f, left %.4f of %d, withheld %d", f.share(), f.left(), f.fell, f.withheld)
				if f.share() > 0.06 || f.left() < 0.97 {
					t.Errorf("parity %.3f, hidden %.3f of %d", f.share(), 1-f.left(), f.fell)
				}
				if f.fell == 0 {
					t.Error("nothing fell: the test shows nothing")
				}
			})
		}
	}
}

// What a path was known to lose by chance is still repaired when a queue fills on it, as
// far as the queue does not explain it.
func TestKnownLossIsRepairedBesideAQueue(t *testing.T) {
	w := newWorldOf(t, 12, Config{}, testRTT)
	const rate, queue = 3e6 / 8, 50 * time.Millisecond
	p := w.paths[0]
	p.rate, p.queue, p.lose = rate, int(queue.Seconds()*rate), w.chanceOf(0.02)
	stop := w.stream(0.5*rate/300, 300)
	w.run(20 * time.Second)
	if f := w.figures(); f.parity == 0 {
		t.Fatal("no parity before the queue fills")
	}
	stop()
	stop = w.stream(1.2*rate/300, 300)
	w.run(3 * time.Second)
	w.figures()
	w.run(5 * time.Second)
	f := w.figures()
	t.Logf("parity %.3f, left %.4f of %d, withheld %d", f.share(), f.left(), f.fell, f.withheld)
	if f.share() < 0.1 || f.share() > 0.35 {
		t.Errorf("parity is %.3f of all packets at 2 %% of loss and a full queue", f.share())
	}
	if f.left() < 0.9 {
		t.Errorf("%.3f of %d losses are hidden while a queue stands", 1-f.left(), f.fell)
	}
	stop()
}

// What falls by chance while packets are late for another reason than a full queue is
// neither taken for congestion nor handed up as such.
func TestLatePacketsAreNoFullQueue(t *testing.T) {
	w := newWorldOf(t, 13, Config{}, testRTT)
	p := w.paths[0]
	p.lose = w.chanceOf(0.02)
	w.stream(1000, 300)
	w.run(10 * time.Second)
	late := false
	w.every(250*time.Millisecond, func() {
		late = !late
		p.delay = testRTT / 2
		if late {
			p.delay += 15 * time.Millisecond
		}
	})
	w.run(3 * time.Second)
	w.figures()
	w.run(30 * time.Second)
	f := w.figures()
	t.Logf("parity %.3f, left %.4f of %d, withheld %d", f.share(), f.left(), f.fell, f.withheld)
	if f.left() > 0.05 || f.withheld > f.fell/20 || f.fell < 300 {
		t.Errorf("left is %.3f of %d lost, and %d repairs were withheld", f.left(), f.fell, f.withheld)
	}
}

// Loss that comes is met within seconds, and loss that goes costs nothing for long.
func TestStepsAreFollowed(t *testing.T) {
	w := newWorldOf(t, 6, Config{}, testRTT)
	loss := 0.0
	w.paths[0].lose = func(time.Duration) bool { return w.chance.Float64() < loss }
	w.stream(1000, 300)
	w.run(20 * time.Second)
	if f := w.figures(); f.parity != 0 {
		t.Errorf("%d parity packets before any loss", f.parity)
	}
	loss = 0.05
	w.run(5 * time.Second)
	w.figures()
	w.run(10 * time.Second)
	if f := w.figures(); f.left() > 0.03 {
		t.Errorf("5 s after loss began, %.3f of it is left", f.left())
	}
	loss = 0
	w.run(5 * time.Second)
	w.figures()
	w.run(30 * time.Second)
	if f := w.figures(); f.share() > 0.001 {
		t.Errorf("5 s after loss ended, parity is %.4f of all packets", f.share())
	}
	before := w.paths[0].ours
	w.run(10 * time.Second)
	if w.paths[0].ours != before {
		t.Error("the link did not fall quiet again")
	}
}

// Packets that overtake each other are hardly taken for losses. Why not never: how many the
// newest packet of ours overtook changes a little all the time, and some changes last for longer
// than a packet can be late; the parity that follows is bounded over many paths.
func TestReorderingIsNotLoss(t *testing.T) {
	jitter := func(seed uint64, loss float64) *world {
		w := newWorldOf(t, seed, Config{}, testRTT)
		for _, p := range w.paths {
			p.jitter, p.lose = 20*time.Millisecond, w.chanceOf(loss)
		}
		return w
	}
	const paths = 16
	sum := 0.0
	for seed := range uint64(paths) {
		w := jitter(seed, 0)
		w.ends[0].send.begin(0)
		sum += w.settled(500, 20*time.Second).share()
	}
	t.Logf("without loss, parity is %.4f of all packets", sum/paths)
	if sum/paths > 0.02 {
		t.Errorf("without loss, parity is %.4f of all packets", sum/paths)
	}
	const loss = 0.05
	w := jitter(7, loss)
	f := w.settled(500, 20*time.Second)
	t.Logf("loss %v: parity %.3f, left %.4f of %d, withheld %d", loss, f.share(), f.left(), f.fell, f.withheld)
	if got := w.ends[0].send.losses.total(); math.Abs(got-loss) > 0.02 {
		t.Errorf("loss %v is taken for %v", loss, got)
	}
	if f.left() > 0.1 {
		t.Errorf("left is %.3f of %d", f.left(), f.fell)
	}
}

// What QUIC takes for lost may be late, and a beacon may overtake what it tells of: no
// parity is sent for that. What falls in the same phase is repaired soon.
func TestLatePacketsAreNotRepaired(t *testing.T) {
	for _, rate := range []float64{50, 230, 1000} {
		w := newWorldOf(t, 14, Config{}, testRTT)
		p := w.paths[0]
		p.held = func(now time.Duration) time.Duration {
			if now%(2*time.Second) < 60*time.Millisecond {
				return 40 * time.Millisecond
			}
			return 0
		}
		w.every(15*time.Second, func() { p.quicLost += 20 })
		w.stream(rate, 300)
		w.run(time.Minute)
		if f, s := w.figures(), w.ends[0].send.stats; f.parity > 0 || s.lost > 0 || s.beacons < 400 {
			t.Errorf("%v a second: %d parity packets, %d packets taken for lost, in %d beacons", rate, f.parity, s.lost, s.beacons)
		}
		p.lose = w.chanceOf(0.05)
		w.run(5 * time.Second)
		w.figures()
		w.run(10 * time.Second)
		if f := w.figures(); f.left() > 0.2 {
			t.Errorf("%v a second: 5 s after loss began, %.3f of %d is left", rate, f.left(), f.fell)
		}
	}
}

func TestModeOnSendsParityFromTheStart(t *testing.T) {
	w := newWorldOf(t, 8, Config{Mode: ModeOn}, testRTT)
	w.stream(1000, 300)
	w.run(5 * time.Second)
	if f := w.figures(); f.parity < 200 || f.share() > 0.2 {
		t.Errorf("%d parity packets, %.3f of all", f.parity, f.share())
	}
}

func TestParityKeepsItsCeilings(t *testing.T) {
	w := newWorldOf(t, 9, Config{ParityRatioMax: 0.1}, testRTT)
	w.paths[0].lose = w.chanceOf(0.1)
	if f := w.settled(1000, 10*time.Second); f.share() > 0.11 {
		t.Errorf("parity is %.3f of all packets, at most 0.1 per data packet are allowed", f.share())
	}
	const rate = 5000
	w = newWorldOf(t, 9, Config{ParityBytesPerSecond: rate}, testRTT)
	w.paths[0].lose = w.chanceOf(0.1)
	w.stream(1000, 300)
	w.run(60 * time.Second)
	if sent := w.ends[0].send.stats.parityBytes; sent > 60*rate+2*burstTokens {
		t.Errorf("%d bytes of parity in a minute", sent)
	}
}

// What falls while a path is cut is not to be repaired, and says nothing about it.
func TestPartitionIsNotLoss(t *testing.T) {
	w := newWorldOf(t, 10, Config{}, testRTT)
	cut := false
	chance := w.chanceOf(0.02)
	w.paths[0].lose = func(now time.Duration) bool { return cut || chance(now) }
	w.settled(500, 5*time.Second)
	cut = true
	w.run(10 * time.Second)
	cut = false
	w.run(3 * time.Second)
	w.figures()
	w.run(10 * time.Second)
	if f := w.figures(); f.left() > 0.2 {
		t.Errorf("after the cut, %.3f of %d losses are left", f.left(), f.fell)
	}
}

// Every decision comes from the inputs: a run repeats itself.
func TestRunsAreReproducible(t *testing.T) {
	run := func() (figures, senderStats) {
		w := newWorldOf(t, 11, Config{}, testRTT)
		w.paths[0].lose = w.chanceOf(0.03)
		f := w.settled(500, 5*time.Second)
		return f, w.ends[0].send.stats
	}
	f1, s1 := run()
	f2, s2 := run()
	if f1 != f2 || s1 != s2 {
		t.Errorf("%+v %+v, then %+v %+v", f1, s1, f2, s2)
	}
}

// TestALongerPathIsNoQueue: the least round trip is that of late, so that a path which
// has become longer for good is taken for what it is after a while, and one with a full
// queue is not at once.
func TestALongerPathIsNoQueue(t *testing.T) {
	var l leastRTT
	const before, after = 10 * time.Millisecond, 70 * time.Millisecond
	for now := time.Duration(0); now < 40*time.Second; now += 100 * time.Millisecond {
		rtt := before
		if now > 20*time.Second {
			rtt = after
		}
		if got := l.add(now, rtt, before/2); got != before/2 {
			t.Fatalf("after %v: the least is %v", now, got)
		}
	}
	for now := 40 * time.Second; now < 2*delayHistory+20*time.Second; now += 100 * time.Millisecond {
		l.add(now, after, before/2)
	}
	if got := l.add(2*delayHistory+20*time.Second, after, before/2); got != after {
		t.Errorf("a minute after the path became longer: the least is %v", got)
	}
	if got := l.add(3*delayHistory, before, before/2); got != before {
		t.Errorf("and shorter again: %v", got)
	}
}
