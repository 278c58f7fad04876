package fec

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTailAgainstCounting(t *testing.T) {
	for _, row := range []struct {
		n, m int
		p    float64
	}{{1, 0, 0.1}, {5, 1, 0.05}, {12, 4, 0.05}, {16, 3, 0.3}, {10, 10, 0.5}} {
		want := 0.0
		for set := range 1 << row.n {
			lost := 0
			for i := range row.n {
				lost += set >> i & 1
			}
			if lost > row.m {
				want += math.Pow(row.p, float64(lost)) * math.Pow(1-row.p, float64(row.n-lost))
			}
		}
		if got := tail(row.n, row.m, row.p); math.Abs(got-want) > 1e-12 {
			t.Errorf("more than %d of %d at %v: %v, counted %v", row.m, row.n, row.p, got, want)
		}
	}
	if tail(20, 3, 0) != 0 {
		t.Error("without loss, something is lost")
	}
}

func TestParityForIsEnoughAndNotMore(t *testing.T) {
	for _, p := range []float64{0.001, 0.01, 0.02, 0.05} {
		for k := 1; k <= dataShardsMax; k++ {
			m := parityFor(k, p)
			if tail(k+m, m, p) > blockLossMax {
				t.Errorf("%d packets at %v: %d parity packets are too few", k, p, m)
			}
			if m > 1 && tail(k+m-1, m-1, p) <= blockLossMax {
				t.Errorf("%d packets at %v: %d parity packets are too many", k, p, m)
			}
		}
	}
	if parityFor(20, 0.9) != parityShardsMax {
		t.Error("no bound")
	}
}

// Any m losses of a block are repaired byte for byte, m+1 are not.
func TestBlocksSurviveWhatTheyShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, dataShardsMax).Draw(t, "k")
		m := rapid.IntRange(1, parityShardsMax).Draw(t, "m")
		chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var g group
		packets := make([][]byte, k)
		for i := range packets {
			packets[i] = make([]byte, dataBytesMin+chance.IntN(DataBytesMax-dataBytesMin+1))
			for j := range packets[i] {
				packets[i][j] = byte(chance.Uint32())
			}
			packets[i][0] = 0x40 | packets[i][0]&0x3f
			g.add(packets[i])
		}
		coded := make([][]byte, m)
		for i := range coded {
			coded[i] = make([]byte, 0, datagramBytesMax)
		}
		encode(g.block(0, 1, nil), coded, nil)
		b, r := &block{k: k, m: m}, newRing()
		fallen := chance.Perm(k + m)[:rapid.IntRange(0, min(m+1, k+m-1)).Draw(t, "lost")]
		lost := map[int]bool{}
		for _, i := range fallen {
			lost[i] = true
		}
		missing := 0
		for i, packet := range packets {
			b.names[i] = nameOf(packet)
			if lost[i] {
				b.missing |= 1 << i
				missing++
			} else {
				r.add(packet, nameOf(packet))
			}
		}
		for i, c := range coded {
			if !lost[k+i] {
				b.parity[i] = c[k*nameBytes:]
				b.got++
			}
		}
		if got, want := b.solvable(), missing > 0 && len(fallen) <= m; got != want {
			t.Fatalf("%d of %d+%d lost: solvable %v", len(fallen), k, m, got)
		}
		if !b.solvable() {
			return
		}
		var buffers [dataShardsMax][]byte
		for i := range buffers {
			buffers[i] = make([]byte, 0, shardBytesMax)
		}
		rebuilt := b.solve(r, &buffers)
		if len(rebuilt) != missing {
			t.Fatalf("%d of %d rebuilt", len(rebuilt), missing)
		}
		at := 0
		for i, packet := range packets {
			if lost[i] {
				if !bytes.Equal(rebuilt[at], packet) {
					t.Fatalf("packet %d is another", i)
				}
				at++
			}
		}
	})
}

func TestRingForgetsTheOldest(t *testing.T) {
	r := newRing()
	for i := range 3 * ringPackets {
		r.add(bytes.Repeat([]byte{byte(i)}, 30), uint32(i))
		if len(r.index) > ringPackets {
			t.Fatalf("%d names of %d packets", len(r.index), ringPackets)
		}
	}
	if r.has(2*ringPackets-1) || !r.has(2*ringPackets) || !r.has(3*ringPackets-1) {
		t.Error("not the last packets are kept")
	}
	r.add(bytes.Repeat([]byte{9}, 40), 3*ringPackets-1) // of the same name
	if got := r.shard(3*ringPackets - 1); len(got) != 42 {
		t.Errorf("%d bytes, not those of the newer", len(got))
	}
}

// Runs are counted alike in whatever order blocks tell of packets.
func TestRunsAgainstCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]uint32{0, 1 << 20, math.MaxUint32 - 300}).Draw(t, "first")
		fates := rapid.SliceOfN(rapid.Bool(), runsBehind+1, 900).Draw(t, "lost")
		r := runs{cursor: first, newest: first}
		for from := 0; from < len(fates); from += 40 {
			for stride := range 4 {
				for i := from + 3 - stride; i < min(from+40, len(fates)); i += 4 {
					f := arrived
					if fates[i] {
						f = lost
					}
					r.mark(first+uint32(i), f)
				}
			}
		}
		wantRuns, wantLost := uint32(0), uint32(0)
		for i := range len(fates) - 1 - runsBehind {
			if fates[i] {
				wantLost++
				if i == 0 || !fates[i-1] {
					wantRuns++
				}
			}
		}
		if r.runs != wantRuns || r.lost != wantLost {
			t.Fatalf("%d lost in %d runs, counted %d in %d", r.lost, r.runs, wantLost, wantRuns)
		}
	})
}

// sentOver is a delay of packets that are sent every 10 ms, alone or so many at once.
type sentOver struct {
	delay
	apart    time.Duration // the clocks
	together int
	now      time.Duration
	chance   *rand.Rand
}

// feed has packets arrive that were sent n times, and were on their way for so long and up to jitter
// longer.
func (s *sentOver) feed(n int, base, jitter time.Duration) {
	type packet struct{ sent, arrives time.Duration }
	var packets []packet
	for range n {
		s.now += 10 * time.Millisecond
		for range s.together {
			packets = append(packets, packet{s.now, s.now + base + time.Duration(s.chance.Int64N(int64(jitter)+1))})
		}
	}
	slices.SortFunc(packets, func(a, b packet) int { return cmp.Compare(a.arrives, b.arrives) })
	for _, p := range packets {
		s.add(p.arrives, micros(p.sent+s.apart+2*time.Hour), 0)
	}
	s.now = packets[len(packets)-1].arrives
}

// A short queue that fills and is empty again within some packets stands for those that it holds up,
// though packets are late by chance as well.
func TestAShortQueueStandsForAMoment(t *testing.T) {
	d := sentOver{together: 2, chance: rand.New(rand.NewPCG(3, 4))}
	d.feed(jitterShare, 40*time.Millisecond, 2*time.Millisecond) // the jitter is known
	for range 200 {
		d.feed(3, 40*time.Millisecond, 2*time.Millisecond)
		if d.stands(d.now, 80*time.Millisecond) {
			t.Fatal("an empty queue stands")
		}
		d.feed(1, 56*time.Millisecond, 2*time.Millisecond)
		if !d.stands(d.now, 80*time.Millisecond) {
			t.Fatalf("a queue of 16 ms does not stand: %v above the least", d.above(d.last))
		}
		d.now += 50 * time.Millisecond
	}
}

func TestDelayKnowsAQueue(t *testing.T) {
	// Clocks an hour apart, of which one wraps within the test; packets that leave alone, and two at once.
	for _, apart := range []time.Duration{time.Hour, -time.Hour, 71*time.Minute + 34*time.Second} {
		for _, together := range []int{1, 2} {
			d := sentOver{apart: apart, together: together, chance: rand.New(rand.NewPCG(1, 2))}
			d.feed(500, 40*time.Millisecond, 0)
			if q := d.queue(d.now); q != 0 || d.stands(d.now, 80*time.Millisecond) {
				t.Errorf("apart %v, %d at once: a queue of %v on an idle path", apart, together, q)
			}
			d.feed(500, 40*time.Millisecond, 20*time.Millisecond)
			if d.stands(d.now, 80*time.Millisecond) {
				t.Errorf("apart %v, %d at once: jitter is taken for a queue of %v", apart, together, d.queue(d.now))
			}
			d.feed(100, 70*time.Millisecond, time.Millisecond)
			if q := d.queue(d.now); q < 29*time.Millisecond || q > 32*time.Millisecond || !d.stands(d.now, 80*time.Millisecond) {
				t.Errorf("apart %v, %d at once: a queue of 30 ms is taken for %v", apart, together, q)
			}
		}
	}
	var d delay
	d.add(0, 0, 25*time.Millisecond)
	if q := d.queue(0); q != 25*time.Millisecond {
		t.Errorf("a queue that stood from the start is taken for %v", q)
	}
}
