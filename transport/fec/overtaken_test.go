package fec

import (
	"testing"
	"time"
)

// Packets that their parity overtakes are rebuilt and come after all. They do not count as losses
// on their own, or bursts would look short: nobody would wait for their end.
func TestPacketsThatParityOvertookDidNotFall(t *testing.T) {
	const late = 2 * time.Millisecond
	measured := func(lose func(*world) func(time.Duration) bool) float64 {
		w := newWorldOf(t, 5, Config{}, testRTT)
		p := w.paths[0]
		p.lose, p.held = lose(w), func(time.Duration) time.Duration { return late }
		f := w.settled(1000, 30*time.Second)
		if w.ends[1].recv.stats.repaired < uint64(f.repaired)+100 {
			t.Errorf("%d packets were rebuilt, %d of them had fallen: none was overtaken", w.ends[1].recv.stats.repaired, f.repaired)
		}
		return w.ends[0].send.losses.burst()
	}
	bursts := measured(func(w *world) func(time.Duration) bool { return w.outages(0.02, 30*time.Millisecond) })
	chance := measured(func(w *world) func(time.Duration) bool { return w.chanceOf(0.02) })
	t.Logf("bursts of 30 packets look %.1f long, single losses %.2f", bursts, chance)
	if bursts < 10 || chance >= burstMin {
		t.Errorf("bursts of 30 packets look %.1f long, single losses %.2f", bursts, chance)
	}
}
