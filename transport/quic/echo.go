package quic

import "time"

// Bundles that no other follows soon are sent once more, in streams of their own, while losses
// are repaired and a peer is away. Whoever comes first delivers them.
//
// Why several: what a leader proposes at once goes in a few bundles, one right behind the other,
// and a burst takes all of them. Why few bytes: they are sent up to six times within a round trip.
//
// Why only then: with a peer away, commits may hang on a single path. While all are there, one
// that is late is made up for by another, and repair alone has to do. Why not parity: its
// packets are those of a block, which on a path with few packets closes too late, and falls
// with what it is for when losses come in a row. And QUIC's congestion control has its say
// about streams.
const (
	// echoPerRTT parts of a round trip are the unit of echoChance and echoBursts, echoMin the
	// least that it is.
	echoPerRTT = 8
	echoMin    = 3 * time.Millisecond
	// echoBytes is what the bundles may take that are sent again together.
	echoBytes = 4 << 10
)

var (
	// echoChance is how long after a bundle it is sent again where packets fall one by one.
	echoChance = []time.Duration{1}
	// echoBursts is the same where several fall in a row: how long each time after the time
	// before, until an answer would be here.
	echoBursts = []time.Duration{1, 1, 1, 1, 2, 2}
)

// echoes are a lane's last bundles, and when they are sent once more.
type echoes struct {
	timer *time.Timer  // nil until the first bundle
	last  []sentBundle // oldest first
	sent  int          // how often they were since the newest came
}

// sentBundle is one as it was sent, with the numbers of the first that it repeats, and its own.
type sentBundle struct {
	first, number uint64
	at            time.Time
	bytes         []byte
}

// add notes a bundle that was sent. It drops those that are not needed with it, as others bring
// all that they do, that are older than a while, or that take too many bytes.
func (e *echoes) add(b sentBundle, old time.Duration) {
	for n := len(e.last); n > 0; n-- {
		from := e.last[n-1].first
		if n > 1 {
			from = e.last[n-2].number + 1
		}
		if from < b.first {
			break // nobody else brings this one
		}
		e.last = e.last[:n-1]
	}
	e.last = append(e.last, b)
	first, size := len(e.last), 0
	for first > 0 && size+len(e.last[first-1].bytes) <= echoBytes && b.at.Sub(e.last[first-1].at) <= old {
		first--
		size += len(e.last[first].bytes)
	}
	e.last = append(e.last[:0], e.last[first:]...)
	e.sent = 0
}

// due gives a token when echo should be called.
func (e *echoes) due() <-chan time.Time {
	if e.timer == nil {
		return nil
	}
	return e.timer.C
}

// stop ends the timer.
func (e *echoes) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// after has the token come after a while.
func (e *echoes) after(d time.Duration) {
	if e.timer == nil {
		e.timer = time.NewTimer(d)
		return
	}
	e.timer.Reset(d)
}

// remember notes the bundle that was sent just now, to be sent once more.
func (b *bundler) remember(now time.Time) {
	if len(b.buf) > echoBytes || !b.l.p.n.anyAway() {
		b.echoes.last = nil
		return
	}
	old := b.l.conn.ConnectionStats().SmoothedRTT / 2 // Why: what is older came by now, or comes later than it is of use
	b.echoes.add(sentBundle{
		first: b.number - uint64(len(b.past)), number: b.number, at: now, bytes: append([]byte(nil), b.buf...),
	}, old)
}

// await begins to wait for the next time the last bundles are to be sent, if there are any.
func (b *bundler) await() {
	b.echoes.stop()
	repair := b.l.repair.Load()
	if repair == nil {
		return
	}
	times := echoBursts
	if _, oneByOne := repair.Loses(); oneByOne {
		times = echoChance
	}
	if b.echoes.sent >= len(times) || len(b.echoes.last) == 0 || !b.l.p.n.anyAway() {
		return
	}
	unit := max(b.l.conn.ConnectionStats().SmoothedRTT/echoPerRTT, echoMin)
	b.echoes.after(times[b.echoes.sent] * unit)
}

// echo sends the last bundles once more.
func (b *bundler) echo() {
	if !b.l.bundles() {
		return
	}
	for _, again := range b.echoes.last {
		b.l.sendBundle(again.bytes)
	}
	b.echoes.sent++
	b.await()
}
