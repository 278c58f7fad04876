package quic

import "time"

// A bundle that no other follows soon is sent once more, in a stream of its own, while losses
// are repaired and a peer is away. Whoever comes first delivers it.
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
)

var (
	// echoChance is how long after a bundle it is sent again where packets fall one by one.
	echoChance = []time.Duration{1}
	// echoBursts is the same where several fall in a row: how long each time after the time
	// before, until an answer would be here.
	echoBursts = []time.Duration{1, 1, 1, 1, 2, 2}
)

// echoes says when a lane's last bundle is sent once more.
type echoes struct {
	timer *time.Timer // nil until the first bundle
	sent  int         // of the last bundle
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

// await begins to wait for the next time the last bundle is to be sent, if there is one.
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
	if b.echoes.sent >= len(times) || len(b.past) == 0 || !b.l.p.n.anyAway() {
		return
	}
	unit := max(b.l.conn.ConnectionStats().SmoothedRTT/echoPerRTT, echoMin)
	b.echoes.after(times[b.echoes.sent] * unit)
}

// echo sends the last bundle once more.
func (b *bundler) echo() {
	if !b.l.bundles() || len(b.past) == 0 {
		return
	}
	b.send()
	b.echoes.sent++
	b.await()
}
