package relay

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"testing"
	"time"
)

// arrival is what came out of a link.
type arrival struct {
	number uint64
	at     time.Duration
	data   []byte
}

// play sends count datagrams of size bytes, one every gap, and returns what
// arrives, in order.
func play(l *link, count, size int, gap time.Duration) []arrival {
	var got []arrival
	take := func(now time.Duration) {
		for at, ok := l.next(); ok && at <= now; at, ok = l.next() {
			for _, d := range l.due(at, nil) {
				got = append(got, arrival{binary.BigEndian.Uint64(d.data), at, d.data})
			}
		}
	}
	for i := range count {
		now := time.Duration(i) * gap
		take(now)
		data := make([]byte, size)
		binary.BigEndian.PutUint64(data, uint64(i))
		l.accept(now, nil, data)
	}
	take(math.MaxInt64)
	return got
}

func inOrder(got []arrival) bool {
	return slices.IsSortedFunc(got, func(a, b arrival) int { return int(a.number) - int(b.number) })
}

func TestPerfectLink(t *testing.T) {
	got := play(newLink(Conditions{}, 1, 1), 1000, 8, time.Millisecond)
	if len(got) != 1000 || !inOrder(got) {
		t.Fatalf("%d of 1000 arrived, or out of order", len(got))
	}
	for _, a := range got {
		if a.at != time.Duration(a.number)*time.Millisecond {
			t.Fatalf("datagram %d arrived at %v", a.number, a.at)
		}
	}
}

func TestLossHasItsShareAndItsRuns(t *testing.T) {
	for _, burst := range []float64{0, 1, 5, 20} {
		const count, loss = 200_000, 0.05
		l := newLink(Conditions{Loss: loss, LossBurst: burst}, 7, 1)
		got := play(l, count, 8, 0)
		share := float64(l.counts.Lost) / count
		if uint64(len(got))+l.counts.Lost != count || math.Abs(share-loss) > loss/8 {
			t.Errorf("burst %v: %d arrived, %d lost: a share of %.4f", burst, len(got), l.counts.Lost, share)
		}
		runs, next := 0, uint64(0)
		for _, a := range got {
			if a.number > next {
				runs++
			}
			next = a.number + 1
		}
		mean, want := float64(l.counts.Lost)/float64(runs), max(burst, 1/(1-loss))
		if math.Abs(mean-want) > want/6 {
			t.Errorf("burst %v: runs of %.2f on average, want %.2f", burst, mean, want)
		}
	}
}

func TestWholeLoss(t *testing.T) {
	for _, burst := range []float64{0, 8} {
		if got := play(newLink(Conditions{Loss: 1, LossBurst: burst}, 1, 1), 100, 8, 0); len(got) != 0 {
			t.Errorf("burst %v: %d arrived", burst, len(got))
		}
	}
}

func TestDelayAndJitterKeepTheOrder(t *testing.T) {
	const delay, jitter = 40 * time.Millisecond, 30 * time.Millisecond
	got := play(newLink(Conditions{Delay: delay, Jitter: jitter}, 3, 1), 5000, 8, time.Millisecond)
	if len(got) != 5000 || !inOrder(got) {
		t.Fatalf("%d of 5000 arrived, or out of order", len(got))
	}
	spread := map[bool]int{}
	for _, a := range got {
		took := a.at - time.Duration(a.number)*time.Millisecond
		if took < delay || took >= delay+jitter {
			t.Fatalf("datagram %d took %v", a.number, took)
		}
		spread[took < delay+jitter/2]++
	}
	if spread[true] == 0 || spread[false] == 0 {
		t.Errorf("the jitter does not spread: %v", spread)
	}
}

func TestReorderedOnesAreOvertaken(t *testing.T) {
	l := newLink(Conditions{Reorder: 0.1, ReorderDelay: 50 * time.Millisecond}, 3, 1)
	got := play(l, 5000, 8, time.Millisecond)
	if len(got) != 5000 || inOrder(got) {
		t.Fatalf("%d of 5000 arrived, or in order", len(got))
	}
	late := 0
	for _, a := range got {
		took := a.at - time.Duration(a.number)*time.Millisecond
		if took > 0 {
			late++
		}
		if took > 50*time.Millisecond {
			t.Fatalf("datagram %d took %v", a.number, took)
		}
	}
	if uint64(late) > l.counts.Reordered || late < 400 || late > 600 {
		t.Errorf("%d came late, %d were counted", late, l.counts.Reordered)
	}
}

func TestDuplicatesAndDamage(t *testing.T) {
	l := newLink(Conditions{Duplicate: 0.2, Corrupt: 0.1}, 3, 1)
	const count, size = 5000, 40
	clean := make([]byte, size)
	var seen, damaged int
	l2 := newLink(Conditions{Duplicate: 0.2, Corrupt: 0.1}, 3, 1)
	for range count {
		l2.accept(0, nil, bytes.Clone(clean))
	}
	for _, d := range l2.due(0, nil) {
		seen++
		ones := 0
		for _, b := range d.data {
			ones += bits.OnesCount8(b)
		}
		if ones > 1 {
			t.Fatalf("%d bits changed", ones)
		}
		damaged += ones
	}
	if got := l2.counts.Duplicated; uint64(seen) != count+got || got < 800 || got > 1200 {
		t.Errorf("%d arrived, %d repeated", seen, got)
	}
	if got := l2.counts.Corrupted; got < 400 || got > 600 || damaged < int(got) {
		t.Errorf("%d damaged, %d counted", damaged, got)
	}
	// Equal seeds decide alike.
	for range count {
		l.accept(0, nil, bytes.Clone(clean))
	}
	l.due(0, nil)
	if l.counts != l2.counts {
		t.Errorf("equal seeds, different fates: %+v, %+v", l.counts, l2.counts)
	}
}

func TestRateAndQueue(t *testing.T) {
	// 100 datagrams of 1,000 bytes at once over 100,000 bytes a second.
	l := newLink(Conditions{BytesPerSecond: 100_000, QueueBytes: 1 << 20}, 1, 1)
	got := play(l, 100, 1000, 0)
	if len(got) != 100 {
		t.Fatalf("%d of 100 arrived", len(got))
	}
	for i, a := range got {
		want := time.Duration(i+1) * 10 * time.Millisecond
		if d := a.at - want; d > time.Millisecond || d < -time.Millisecond {
			t.Fatalf("datagram %d arrived at %v, want %v", i, a.at, want)
		}
	}
	// A queue of 10,000 bytes holds ten of them, and the one on the wire.
	l = newLink(Conditions{BytesPerSecond: 100_000, QueueBytes: 10_000}, 1, 1)
	got = play(l, 100, 1000, 0)
	if len(got) < 10 || len(got) > 12 || uint64(len(got))+l.counts.Overflowed != 100 {
		t.Errorf("%d arrived, %d overflowed", len(got), l.counts.Overflowed)
	}
}

func TestMTU(t *testing.T) {
	l := newLink(Conditions{MTUBytes: 1200}, 1, 1)
	for _, size := range []int{1200, 1201, 8} {
		l.accept(0, nil, make([]byte, size))
	}
	if got := l.due(0, nil); len(got) != 2 || l.counts.TooLarge != 1 {
		t.Errorf("%d arrived, %d were too large", len(got), l.counts.TooLarge)
	}
}

func TestCutDropsWhatIsOnItsWay(t *testing.T) {
	l := newLink(Conditions{Delay: time.Second}, 1, 1)
	for range 3 {
		l.accept(0, nil, make([]byte, 8))
	}
	l.set(Conditions{Cut: true})
	l.accept(0, nil, make([]byte, 8))
	l.set(Conditions{})
	l.accept(2*time.Second, nil, make([]byte, 8))
	if got := l.due(time.Hour, nil); len(got) != 1 || l.counts.Cut != 4 || l.bytes != 0 {
		t.Errorf("%d arrived, %d cut, %d bytes left", len(got), l.counts.Cut, l.bytes)
	}
}

func TestPendingIsBounded(t *testing.T) {
	l := newLink(Conditions{Delay: time.Hour}, 1, 1)
	const size = 60_000
	for range 2 * pendingBytesMax / size {
		l.accept(0, nil, make([]byte, size))
	}
	if l.bytes > pendingBytesMax || l.counts.Overflowed == 0 {
		t.Errorf("%d bytes on their way, %d overflowed", l.bytes, l.counts.Overflowed)
	}
}

func TestConditionsAreChecked(t *testing.T) {
	for _, c := range []Conditions{
		{Loss: -0.1}, {Loss: 1.1}, {Loss: math.NaN()}, {Duplicate: 2}, {Corrupt: -1}, {Reorder: 3},
		{LossBurst: -1}, {LossBurst: 1e9}, {Delay: -1}, {Jitter: -1}, {ReorderDelay: -1}, {MTUBytes: -1},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	if err := (Conditions{Loss: 1, Duplicate: 1, Corrupt: 1, Reorder: 1, LossBurst: 3, Cut: true}).Validate(); err != nil {
		t.Error(err)
	}
}

// TestBurstsHaveTheirTime: however fast datagrams follow each other, the same share is
// lost, in runs that last as long.
func TestBurstsHaveTheirTime(t *testing.T) {
	for _, gap := range []time.Duration{200 * time.Microsecond, 2 * time.Millisecond} {
		const share, burst, length = 0.05, 30 * time.Millisecond, 800 * time.Second
		count := int(length / gap)
		l := newLink(Conditions{Loss: share, LossBurstTime: burst}, 7, 1)
		runs, lost := 0, 0
		for i := range count {
			was := l.losing
			if l.loses(time.Duration(i) * gap) {
				lost++
				if !was {
					runs++
				}
			}
		}
		if got := float64(lost) / float64(count); math.Abs(got-share) > share/10 {
			t.Errorf("every %v: %.4f were lost, want %v", gap, got, share)
		}
		if mean := time.Duration(lost) * gap / time.Duration(max(runs, 1)); mean < burst*85/100 || mean > burst*120/100 {
			t.Errorf("every %v: a burst lasts %v, want %v", gap, mean, burst)
		}
	}
}
