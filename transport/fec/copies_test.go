package fec

import (
	"cmp"
	"testing"
	"time"
)

// alone tells end 0 from now on that nothing makes up for what comes late over its path.
func (w *world) alone(rtt time.Duration) {
	w.every(10*time.Millisecond, func() {
		p := w.paths[0]
		w.ends[0].onPath(w.now, Path{RTT: rtt, RTTMin: rtt, Sent: p.all, Lost: p.quicLost, Alone: true})
	})
}

// TestCopiesOutliveBursts: packets that come few, and fall in bursts, come soon after the end of
// their burst where nothing makes up for them. Parity waits for that, for longer than most
// bursts last.
func TestCopiesOutliveBursts(t *testing.T) {
	const lasts = 30 * time.Millisecond
	mean := map[bool]time.Duration{}
	for _, alone := range []bool{false, true} {
		w := newWorldOf(t, 21, Config{}, testRTT)
		if alone {
			w.alone(testRTT)
		}
		w.paths[0].lose = w.outages(0.02, lasts)
		w.clumps(6, 75*time.Millisecond)
		w.run(time.Minute)
		w.figures()
		w.run(10 * time.Minute)
		for _, late := range w.paths[0].late {
			mean[alone] += late / time.Duration(len(w.paths[0].late))
		}
		f := w.figures()
		t.Logf("alone %t: of %d that fell %.1f%% were not repaired, the others after %v", alone, f.fell, 100*f.left(), mean[alone])
		if f.fell < 500 || f.left() > 0.05 || w.paths[0].garbled > 0 {
			t.Errorf("alone %t: %+v, %d garbled", alone, f, w.paths[0].garbled)
		}
	}
	// Why 30 ms: what falls at a moment falls for so long on, in the mean.
	if mean[true] > lasts+testRTT/copiesPerRTT || mean[true] > mean[false]*3/4 {
		t.Errorf("they came after %v, without copies after %v", mean[true], mean[false])
	}
}

// TestNoCopies: nothing is sent again where another path makes up for it, where nothing is lost,
// or a queue loses it, where packets are many, and where QUIC is as fast.
func TestNoCopies(t *testing.T) {
	for name, row := range map[string]struct {
		notAlone bool
		lose     bool
		rtt      time.Duration
		rate     float64
		size     int // 300 if 0
		queue    bool
		want     bool
	}{
		"alone":             {lose: true, rtt: testRTT, rate: 200, want: true},
		"with others":       {lose: true, rtt: testRTT, rate: 200, notAlone: true},
		"nothing lost":      {rtt: testRTT, rate: 200},
		"many packets":      {lose: true, rtt: testRTT, rate: 2 * blocksMax / testRTT.Seconds()},
		"a file":            {lose: true, rtt: testRTT, rate: 700, size: 1100},
		"a short way":       {lose: true, rtt: 2 * time.Millisecond, rate: 200},
		"lost from a queue": {queue: true, rtt: testRTT, rate: 1.2 * 3e6 / 8 / 300},
	} {
		w := newWorldOf(t, 22, Config{}, row.rtt)
		if !row.notAlone {
			w.alone(row.rtt)
		}
		if row.lose {
			w.paths[0].lose = w.chanceOf(0.02)
		}
		if row.queue {
			w.paths[0].rate, w.paths[0].queue = 3e6/8, 3e6/8/20
		}
		w.stream(row.rate, cmp.Or(row.size, 300))
		w.run(20 * time.Second)
		w.ends[0].send.stats.copies = 0 // Why: until the rate is known there may be some
		w.run(20 * time.Second)
		if got := w.ends[0].send.stats.copies; got > 0 != row.want {
			t.Errorf("%s: %d copies", name, got)
		}
	}
}

// TestCopiesAreBounded: the bytes of copies stay below what they may take, however large packets
// are, and each packet is sent again once all the same.
func TestCopiesAreBounded(t *testing.T) {
	const d, size, rate = 20 * time.Second, 1100, 300.0
	w := newWorldOf(t, 23, Config{}, testRTT)
	w.alone(testRTT)
	w.paths[0].lose = w.bursts(0.02, 5)
	w.stream(rate, size)
	w.run(20 * time.Second)
	s := w.ends[0].send
	s.stats.copies, s.stats.copyBytes, s.stats.data = 0, 0, 0
	w.run(d)
	perSecond := float64(s.stats.copyBytes) / d.Seconds()
	t.Logf("%d packets, %d copies, %.0f bytes a second", s.stats.data, s.stats.copies, perSecond)
	if perSecond > 1.2*copyBytesPerSecond || s.stats.copies < s.stats.data*95/100 {
		t.Errorf("%d packets, %d copies, %.0f bytes a second", s.stats.data, s.stats.copies, perSecond)
	}
}

// TestCopiesFollowHowPacketsFall: as long as packets fall one by one each is sent again twice. When
// bursts begin, after many single losses, it is soon sent more often, and when they end, less.
func TestCopiesFollowHowPacketsFall(t *testing.T) {
	w := newWorldOf(t, 24, Config{}, testRTT)
	w.alone(testRTT)
	each := func(lose func(time.Duration) bool, settle time.Duration) float64 {
		w.paths[0].lose = lose
		w.run(settle)
		s := w.ends[0].send
		s.stats.copies, s.stats.data = 0, 0
		w.run(20 * time.Second)
		return float64(s.stats.copies) / float64(s.stats.data)
	}
	w.stream(400, 300)
	for _, row := range []struct {
		what        string
		lose        func(time.Duration) bool
		settle      time.Duration
		least, most float64
	}{
		{"one by one", w.chanceOf(0.02), 30 * time.Second, 1.9, 3},
		{"in bursts", w.outages(0.02, 30*time.Millisecond), 5 * time.Second, 5, 6.1},
		{"one by one again", w.chanceOf(0.02), 2 * time.Minute, 1.9, 3},
	} {
		if got := each(row.lose, row.settle); got < row.least || got > row.most {
			t.Errorf("%s: each is sent again %.1f times, want %.1f to %.1f", row.what, got, row.least, row.most)
		}
	}
}
