package fec

import (
	"testing"
	"time"
)

// clumps sends so many packets at once, and again after a pause, as clients do that wait for
// answers.
func (w *world) clumps(packets int, pause time.Duration) {
	w.every(pause, func() {
		for range packets {
			w.data(0, 300)
		}
	})
}

// TestShortBurstsAreNoSilence: where packets are few, a burst that takes the last of them is not
// taken for one that lasts until there is more to send.
func TestShortBurstsAreNoSilence(t *testing.T) {
	for _, pause := range []time.Duration{70 * time.Millisecond, 170 * time.Millisecond} {
		w := newWorldOf(t, 15, Config{Mode: ModeOn}, testRTT)
		w.paths[0].lose = w.outages(0.04, 30*time.Millisecond)
		w.clumps(6, pause)
		w.run(2 * time.Minute)
		r := w.ends[1].recv
		t.Logf("every %v: of %d lost %d are blamed on something else", pause, r.lost, r.congested)
		if r.lost < 100 || float64(r.congested) > 0.1*float64(r.lost) {
			t.Errorf("every %v: of %d lost %d are taken for no bursts", pause, r.lost, r.congested)
		}
	}
}

// TestWhatIsKnownOfLosses: whether there are some by chance, and whether they are known to fall
// one by one.
func TestWhatIsKnownOfLosses(t *testing.T) {
	type known struct{ byChance, oneByOne bool }
	for name, row := range map[string]struct {
		lose  func(*world) func(time.Duration) bool
		queue bool
		want  known
	}{
		"none":       {want: known{}},
		"one by one": {lose: func(w *world) func(time.Duration) bool { return w.chanceOf(0.02) }, want: known{true, true}},
		"in bursts":  {lose: func(w *world) func(time.Duration) bool { return w.bursts(0.02, 5) }, want: known{true, false}},
		"long ones":  {lose: func(w *world) func(time.Duration) bool { return w.outages(0.02, 30*time.Millisecond) }, want: known{true, false}},
		"a queue":    {queue: true, want: known{}},
	} {
		w := newWorldOf(t, 16, Config{}, testRTT)
		rate := 230.0
		if row.lose != nil {
			w.paths[0].lose = row.lose(w)
		}
		if row.queue {
			w.paths[0].rate, w.paths[0].queue = 3e6/8, 3e6/8/20
			rate = 1.2 * 3e6 / 8 / 300
		}
		w.stream(rate, 300)
		w.run(30 * time.Second)
		s := w.ends[0].send
		got := known{s.active && s.losses.byChance(w.now), s.active && s.losses.oneByOne()}
		if got != row.want {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
	}
}
