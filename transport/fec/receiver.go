package fec

import (
	"time"
)

const (
	blocksMax   = 256 // the release before keeps 64
	blockAgeMax = 500 * time.Millisecond
	rebuiltMax  = 256
	reportEvery = 100 * time.Millisecond
	// The receiver looks at data packets for so long after the last packet of ours.
	listenAfter = 2 * time.Second
)

// rebuilt is a packet that the network lost.
type rebuilt struct {
	packet    []byte
	ecn       ECN
	congested bool // it fell while a queue stood
}

// receiver is the repairing half of one direction: it is told of each data packet
// and each packet of the sender's, and hands out what it rebuilt.
type receiver struct {
	out   *direction // for reports
	rtt   time.Duration
	grown time.Duration // round trips, above their least

	any       bool
	epoch     uint8
	heard     time.Duration // when the sender was last heard
	sent      uint32        // by the sender, at its last packet
	received  uint32
	congested uint32
	repaired  uint32
	missed    int64  // sent and not received, when last looked
	misses    misses // what of it may only be late
	lost      int64  // what is not
	delay     delay
	blame     blame
	runs      runs

	ring    *ring // nil until the first packet of the sender's
	blocks  map[uint32]*block
	order   []*block          // of blocks, oldest first
	dropped bool              // a block was given up
	last    uint32            // the greatest number of one
	waiting map[uint32]*block // by the names of missing packets
	spare   []*block
	free    [][]byte // buffers for parity
	buffers [dataShardsMax][]byte
	rebuilt []rebuilt

	reports    uint32
	reportAt   time.Duration
	reportDue  bool
	lastReport time.Duration
	stats      receiverStats
}

// receiverStats counts since the link came up.
type receiverStats struct {
	parity, surplus, repaired, withheld, garbled uint64
}

func newReceiver(out *direction) *receiver {
	return &receiver{out: out, blame: newBlame(), blocks: map[uint32]*block{}, waiting: map[uint32]*block{}, lastReport: -reportEvery}
}

// listening reports whether data packets matter.
func (r *receiver) listening(now time.Duration) bool { return r.any && now-r.heard < listenAfter }

// onData takes in a data packet that arrived.
func (r *receiver) onData(now time.Duration, packet []byte) {
	if !r.listening(now) {
		return
	}
	r.received++
	if len(packet) > DataBytesMax {
		return
	}
	name := nameOf(packet)
	r.ring.add(packet, name)
	b := r.waiting[name]
	if b == nil {
		return
	}
	if i, ok := b.find(name); ok {
		b.missing &^= 1 << i
		b.gone &^= 1 << i // it was late, if it was rebuilt
		delete(r.waiting, name)
		r.settle(now, b)
	}
}

// onBeacon takes in a beacon.
func (r *receiver) onBeacon(now time.Duration, p beacon) {
	r.hear(now, p.header, p.sent)
}

// onParity takes in a parity packet.
func (r *receiver) onParity(now time.Duration, p parity) {
	if !r.hear(now, p.header, p.sent) {
		return
	}
	r.stats.parity++
	b := r.blocks[p.number]
	if b == nil {
		if r.dropped && !after(p.number, r.last) {
			r.stats.surplus++ // its block is gone
			return
		}
		b = r.open(now, p)
	} else if b.done || !b.fits(p) {
		r.stats.surplus++
		return
	}
	b.parity[p.pos] = append(r.shard(), p.shard...)
	b.got++
	r.settle(now, b)
}

// hear notes what every packet of the sender's tells, and reports whether it is of
// the present phase.
func (r *receiver) hear(now time.Duration, h header, sent uint32) bool {
	if !r.any || (h.epoch-r.epoch)&63 != 0 && (h.epoch-r.epoch)&63 < 32 || now-r.heard >= listenAfter {
		r.restart(now, h.epoch, sent)
	}
	if h.epoch != r.epoch {
		return false // late, of a phase before
	}
	if sent == r.sent || after(sent, r.sent) { // not overtaken by a later one
		r.delay.add(now, h.time+micros(h.waited), r.grown)
		r.count(now, sent)
	}
	r.heard = now
	if !r.reportDue {
		r.reportDue, r.reportAt = true, max(now, r.lastReport+reportEvery)
	}
	return true
}

// count compares what was sent with what came.
func (r *receiver) count(now time.Duration, sent uint32) {
	missed := int64(int32(sent - r.received))
	m := miss{at: now, sent: sent - r.sent, fell: missed - r.missed}
	switch {
	case now-r.heard >= silence && 2*m.fell > int64(m.sent):
		m.why = bySilence
	case r.delay.stands(now, r.rtt):
		m.why = byQueue
	}
	r.misses.add(m)
	r.sent, r.missed = sent, missed
	r.judge(now)
}

// judge counts what has been missed for so long that it is lost.
func (r *receiver) judge(now time.Duration) {
	for m, ok := r.misses.settled(now); ok; m, ok = r.misses.settled(now) {
		r.lost += m.fell
		blamed := int64(0)
		switch m.why {
		case bySilence:
			blamed = m.fell
		case byQueue:
			blamed = r.blame.queue(now, m.sent, m.fell)
		default:
			r.blame.chance(now, m.sent, m.fell)
		}
		r.congested = uint32(max(0, int64(r.congested)+blamed))
	}
}

// restart begins to count anew, with a new phase of the sender's or after it was
// not heard for long.
func (r *receiver) restart(now time.Duration, epoch uint8, sent uint32) {
	if r.ring == nil {
		r.ring = newRing()
	}
	for len(r.order) > 0 {
		r.drop()
	}
	if !r.any || epoch != r.epoch {
		r.congested, r.lost = 0, 0
	}
	r.any, r.epoch, r.heard = true, epoch, now
	r.delay = delay{}
	r.runs = runs{cursor: sent, newest: sent, runs: r.runs.runs, lost: r.runs.lost}
	// Why what was lost stays: the sender compares with the report before. What
	// fell while nothing was heard is no loss to repair, so it does not count.
	r.misses, r.missed = misses{}, r.lost
	r.sent, r.received = sent, sent-uint32(int32(r.lost))
}

// open begins a block with its first parity packet.
func (r *receiver) open(now time.Duration, p parity) *block {
	for len(r.order) >= blocksMax || len(r.order) > 0 && now-r.order[0].at > blockAgeMax {
		r.drop()
	}
	b := r.take()
	*b = block{
		number: p.number, at: now, first: p.sent - uint32(p.back), k: len(p.names) / nameBytes, m: int(p.m),
		stride: uint32(p.stride), ecn: p.ecn,
	}
	for i := range b.k {
		b.names[i] = readName(p.names[i*nameBytes:])
		if !r.ring.has(b.names[i]) {
			b.missing |= 1 << i
			r.waiting[b.names[i]] = b
		}
	}
	r.blocks[b.number] = b
	r.order = append(r.order, b)
	return b
}

// settle finishes a block that is whole or can be made so.
func (r *receiver) settle(now time.Duration, b *block) {
	switch {
	case b.done:
		return
	case b.missing == 0:
	case b.solvable():
		r.rebuild(now, b)
	default:
		return
	}
	r.finish(b)
}

// rebuild hands out what a block lacks.
func (r *receiver) rebuild(now time.Duration, b *block) {
	for i := range r.buffers {
		if b.missing&(1<<i) != 0 && r.buffers[i] == nil {
			r.buffers[i] = make([]byte, 0, shardBytesMax)
		}
	}
	packets := b.solve(r.ring, &r.buffers)
	congested := r.delay.stands(now, r.rtt) && r.blame.full()
	r.stats.garbled += uint64(b.lacks() - len(packets))
	for _, packet := range packets {
		if len(r.rebuilt) == rebuiltMax {
			r.stats.withheld++
			continue
		}
		r.repaired++
		r.stats.repaired++
		r.rebuilt = append(r.rebuilt, rebuilt{packet: append([]byte(nil), packet...), ecn: b.ecn, congested: congested})
	}
}

// finish notes what became of a block's packets; its parity is of no more use.
func (r *receiver) finish(b *block) {
	b.done, b.gone = true, b.missing
	for i := range b.m {
		if b.parity[i] != nil {
			r.free = append(r.free, b.parity[i])
			b.parity[i] = nil
		}
	}
}

// shard returns a buffer for parity.
func (r *receiver) shard() []byte {
	if n := len(r.free); n > 0 {
		b := r.free[n-1]
		r.free = r.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, shardBytesMax)
}

func (r *receiver) forget(name uint32, b *block) {
	if r.waiting[name] == b {
		delete(r.waiting, name)
	}
}

// drop gives up the oldest block.
func (r *receiver) drop() {
	b := r.order[0]
	r.order = r.order[1:]
	delete(r.blocks, b.number)
	if !r.dropped || after(b.number, r.last) {
		r.dropped, r.last = true, b.number
	}
	if !b.done {
		r.finish(b)
	}
	for i := range b.k {
		f := arrived
		if b.gone&(1<<i) != 0 {
			f = lost
			r.forget(b.names[i], b)
		}
		r.runs.mark(b.first+uint32(i)*b.stride, f)
	}
	r.spare = append(r.spare, b)
}

func (r *receiver) take() *block {
	if n := len(r.spare); n > 0 {
		b := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return b
	}
	return new(block)
}

// due says when next has something to do.
func (r *receiver) due() (time.Duration, bool) { return r.reportAt, r.reportDue }

// next appends the report, if it is due, or returns nil.
func (r *receiver) next(now time.Duration, buf []byte) []byte {
	if !r.reportDue || now < r.reportAt {
		return nil
	}
	for len(r.order) > 0 && now-r.order[0].at > blockAgeMax {
		r.drop()
	}
	r.judge(now)
	r.reportDue, r.lastReport = false, now
	r.reports++
	h := header{kind: kindReport, id: r.out.id, number: r.reports, time: micros(now)}
	return r.out.seal(report{
		header: h, sent: r.sent, received: r.sent - uint32(int32(r.lost)), congested: r.congested, repaired: r.repaired,
		runs: r.runs.runs, runLost: r.runs.lost, about: r.epoch, queue: uint32(max(0, r.delay.queue(now)/time.Microsecond)),
	}.append(buf))
}
