package relay

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// pendingBytesMax bounds what is on its way over one direction.
const pendingBytesMax = 64 << 20

// Counters say what became of the datagrams of one direction.
type Counters struct {
	Received   uint64 // taken in
	Delivered  uint64 // given out, repetitions included
	Lost       uint64 // by Loss
	Cut        uint64 // by Cut, those on their way included
	TooLarge   uint64 // by MTUBytes
	Overflowed uint64 // no room left to wait
	Duplicated uint64
	Corrupted  uint64
	Reordered  uint64
}

// Plus returns the sums of both.
func (c Counters) Plus(o Counters) Counters {
	return Counters{
		Received: c.Received + o.Received, Delivered: c.Delivered + o.Delivered,
		Lost: c.Lost + o.Lost, Cut: c.Cut + o.Cut, TooLarge: c.TooLarge + o.TooLarge, Overflowed: c.Overflowed + o.Overflowed,
		Duplicated: c.Duplicated + o.Duplicated, Corrupted: c.Corrupted + o.Corrupted, Reordered: c.Reordered + o.Reordered,
	}
}

// datagram is one on its way.
type datagram struct {
	flow  *flow
	data  []byte
	at    time.Duration
	order uint64 // settles ties
}

// link is one direction as a step machine: accept takes datagrams in, due gives
// them out.
type link struct {
	c       Conditions
	rng     *rand.Rand
	pending pending
	bytes   uint64        // of pending
	orders  uint64        // counts datagrams
	lastAt  time.Duration // when the latest one that keeps its place arrives
	freeAt  time.Duration // when the rate lets the next one go
	losing  bool          // in a run of losses
	turnAt  time.Duration // when losing changes, where bursts have a time
	counts  Counters
}

func newLink(c Conditions, seed, direction uint64) *link {
	return &link{c: c.withDefaults(), rng: rand.New(rand.NewPCG(seed, direction))}
}

// set changes the conditions from now on. What is on its way stays, but for a
// cut.
func (l *link) set(c Conditions) {
	l.c = c.withDefaults()
	l.losing, l.turnAt = false, 0
	if l.c.Cut {
		l.counts.Cut += uint64(len(l.pending))
		l.pending, l.bytes = nil, 0
	}
}

// accept takes a datagram in at now; data is kept.
func (l *link) accept(now time.Duration, f *flow, data []byte) {
	l.counts.Received++
	switch {
	case l.c.Cut:
		l.counts.Cut++
		return
	case l.c.MTUBytes > 0 && len(data) > l.c.MTUBytes:
		l.counts.TooLarge++
		return
	case l.loses(now):
		l.counts.Lost++
		return
	}
	if l.hits(l.c.Corrupt) && len(data) > 0 {
		l.counts.Corrupted++
		bit := l.rng.IntN(8 * len(data))
		data[bit/8] ^= 1 << (bit % 8)
	}
	l.forward(now, f, data)
	if l.hits(l.c.Duplicate) {
		l.counts.Duplicated++
		l.forward(now, f, data)
	}
}

// forward puts a datagram on its way.
func (l *link) forward(now time.Duration, f *flow, data []byte) {
	size := uint64(len(data))
	leaves := now
	if rate := l.c.BytesPerSecond; rate > 0 {
		l.freeAt = max(l.freeAt, now)
		if waiting := l.freeAt - now; waiting > duration(l.c.QueueBytes, rate) {
			l.counts.Overflowed++
			return
		}
		l.freeAt += duration(size, rate)
		leaves = l.freeAt
	}
	if l.bytes+size > pendingBytesMax {
		l.counts.Overflowed++
		return
	}
	at := leaves + l.c.Delay + l.upTo(l.c.Jitter)
	if l.hits(l.c.Reorder) {
		l.counts.Reordered++
		at += l.upTo(l.c.ReorderDelay)
	} else {
		l.lastAt = max(l.lastAt, at)
		at = l.lastAt
	}
	l.orders++
	l.bytes += size
	heap.Push(&l.pending, datagram{flow: f, data: data, at: at, order: l.orders})
}

// loses decides about one datagram. Runs end with a probability that gives them
// their mean length, and begin with one that keeps the share.
func (l *link) loses(now time.Duration) bool {
	burst := max(l.c.LossBurst, 1)
	switch {
	case l.c.LossBurstTime > 0 && l.c.Loss > 0 && l.c.Loss < 1:
		l.turn(now)
	case burst == 1 || l.c.Loss == 0 || l.c.Loss == 1:
		l.losing = l.hits(l.c.Loss)
	case l.losing:
		l.losing = !l.hits(1 / burst)
	default:
		l.losing = l.hits(l.c.Loss / (burst * (1 - l.c.Loss)))
	}
	return l.losing
}

// turn begins and ends bursts up to now. Their lengths and those of the pauses
// between them have no memory, so that the share of time is kept by their means.
func (l *link) turn(now time.Duration) {
	burst := float64(l.c.LossBurstTime)
	pause := burst * (1 - l.c.Loss) / l.c.Loss
	if l.turnAt == 0 {
		l.turnAt = now + time.Duration(pause*l.rng.ExpFloat64())
	}
	for l.turnAt <= now {
		l.losing = !l.losing
		mean := pause
		if l.losing {
			mean = burst
		}
		l.turnAt += max(1, time.Duration(mean*l.rng.ExpFloat64()))
	}
}

// due appends to out what has arrived by now.
func (l *link) due(now time.Duration, out []datagram) []datagram {
	for len(l.pending) > 0 && l.pending[0].at <= now {
		d := heap.Pop(&l.pending).(datagram)
		l.bytes -= uint64(len(d.data))
		l.counts.Delivered++
		out = append(out, d)
	}
	return out
}

// next returns when the next datagram arrives; false when none is on its way.
func (l *link) next() (time.Duration, bool) {
	if len(l.pending) == 0 {
		return 0, false
	}
	return l.pending[0].at, true
}

func (l *link) hits(share float64) bool { return share > 0 && l.rng.Float64() < share }

func (l *link) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(l.rng.Int64N(int64(d)))
}

// duration is how long size bytes take at rate bytes per second.
func duration(size, rate uint64) time.Duration {
	return time.Duration(float64(size) / float64(rate) * float64(time.Second))
}

// pending is a heap by arrival.
type pending []datagram

func (p pending) Len() int { return len(p) }
func (p pending) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].order < p[j].order
}
func (p pending) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push implements heap.Interface.
func (p *pending) Push(d any) { *p = append(*p, d.(datagram)) }

// Pop implements heap.Interface.
func (p *pending) Pop() any {
	last := len(*p) - 1
	d := (*p)[last]
	(*p)[last] = datagram{}
	*p = (*p)[:last]
	return d
}
