package fec

import (
	"encoding/binary"
	"slices"
	"time"
)

const (
	beaconEvery     = 50 * time.Millisecond
	beaconIdleEvery = 500 * time.Millisecond
	// beaconsAfter is how many beacons follow the one that told of the last packet as soon as
	// others: what falls last in a burst is otherwise known so late that the burst looks long.
	beaconsAfter = 4
	// A phase of activity ends after so long without losses to repair.
	quietAfter = 10 * time.Second
	// tellAfter is how long parity must be sent before blocks tell of all losses.
	tellAfter = 2 * time.Second
	// priorPackets is what QUIC's losses before a phase weigh against reports, and priorFor
	// how long they wait for one that tells of a loss.
	priorPackets = 200
	priorFor     = 3 * time.Second
	// trialLoss is what a path of which nothing is known is taken to lose while much is begun to
	// be sent over it, until reports have told of trialPackets, or trialFor is over.
	trialLoss    = 0.02
	trialPackets = 1000
	trialFor     = 3 * time.Second
	// rttWorth is the round trip below which QUIC repeats a packet sooner than a block
	// closes, and what falls falls from a socket's buffer.
	rttWorth = 5 * time.Millisecond
	// lossesToStart is how many packets QUIC must have lost, lately.
	lossesToStart = 1

	// pendingMax is all copies of as many packets as a receiver keeps blocks for.
	pendingMax = 6 * blocksMax
	creditsMax = 2 * parityShardsMax
	// debtMax is how much parity is lent: the last packets before a pause need it most.
	debtMax = 2
	// freePerSecond is the parity that is allowed without data to earn it.
	freePerSecond = 2
	burstTokens   = 64 << 10
)

// pending is a parity packet that waits for its time. Its fields that depend on the
// time, and its MAC, are still missing.
type pending struct {
	due    time.Duration
	first  uint32 // number of its block's first packet
	copy   bool
	packet []byte
}

// sender is the coding half of one direction: it is told of each data packet sent,
// and says which packets of ours follow.
type sender struct {
	cfg    Config
	out    *direction
	path   Path
	quic   window // what QUIC lost lately
	losses losses
	plan   plan

	active bool
	epoch  uint8
	began  time.Duration // the phase
	prior  sample        // what QUIC took for lost before it, until the peer misses some too
	useful time.Duration // when there were last losses
	coding time.Duration // since when parity is sent

	sent       uint32 // data packets of this phase
	group      group
	pending    []pending
	free       [][]byte
	blocks     uint32 // numbers of blocks
	beacons    uint32 // numbers of beacons
	beaconAt   time.Duration
	beaconSent uint32 // sent in the last packet of ours
	idle       int    // packets of ours since then that told nothing new
	last       report
	trial      int64         // packets that reports have yet to tell of
	trialEnd   time.Duration // when it is over all the same
	credits    float64       // parity packets that may be sent
	tokens     float64       // bytes of parity that may be sent
	copyTokens float64       // and of copies
	flow       flow
	paidAt     time.Duration
	stats      senderStats
}

// senderStats counts since the link came up.
type senderStats struct {
	data, parity, parityBytes, beacons, skipped uint64
	copies, copyBytes                           uint64
	reported, lost, repaired                    uint64 // by the peer's reports
}

func newSender(cfg Config, out *direction, now time.Duration) *sender {
	s := &sender{cfg: cfg, out: out, quic: window{tau: slowTau, at: now}, paidAt: now, tokens: burstTokens}
	if cfg.Mode == ModeOn {
		s.begin(now)
	}
	return s
}

// begin starts a phase of activity: packets are counted and reported about. Why no parity
// yet: QUIC takes packets for lost that were only late or overtaken.
func (s *sender) begin(now time.Duration) {
	s.active, s.began, s.useful, s.coding = true, now, now, now
	s.epoch = (s.epoch + 1) & 63
	s.sent, s.beaconSent, s.group.count, s.last = 0, 0, 0, report{}
	s.beaconAt = now
	s.losses = newLosses(now)
	weight := min(1, priorPackets/max(1, s.quic.sent))
	s.prior = sample{sent: weight * s.quic.sent, lost: weight * s.quic.lost}
	s.choose(now)
}

// expect has the first packets of what is about to be sent repaired though nothing is known of
// the path.
//
// Why: a congestion controller's slow start ends with the first packet that is lost, and from
// then on its window grows by one packet in a round trip. What the path loses would be known some
// hundred packets later.
func (s *sender) expect(now time.Duration) {
	if s.cfg.Mode != ModeAuto || s.path.RTTMin < rttWorth || s.active && s.losses.calm.sent >= trialPackets {
		return
	}
	if !s.active {
		s.begin(now)
	}
	s.trial, s.trialEnd = trialPackets, now+trialFor
	s.choose(now)
}

// choose plans for what is known.
func (s *sender) choose(now time.Duration) {
	least := 0.0
	if s.trial > 0 && now < s.trialEnd {
		least = trialLoss
	}
	s.plan = makePlan(&s.losses, now, s.path.RTT, least, s.cfg)
}

// end stops it; QUIC's packets are no longer looked at.
func (s *sender) end(now time.Duration) {
	s.active, s.trial = false, 0
	s.recycle()
	s.quic = window{tau: slowTau, at: now}
}

func (s *sender) recycle() {
	for _, p := range s.pending {
		s.free = append(s.free, p.packet)
	}
	s.pending = s.pending[:0]
	s.group.count = 0
}

// onPath takes in what QUIC knows. In quiet, its losses begin a phase.
func (s *sender) onPath(now time.Duration, p Path) {
	sent, lost := int64(p.Sent-s.path.Sent), int64(p.Lost-s.path.Lost)
	s.path = p
	s.quic.add(now, sample{sent: float64(sent), lost: float64(lost)})
	switch {
	case s.active:
		s.replan(now)
	case s.cfg.Mode == ModeAuto && p.RTTMin >= rttWorth && s.quic.lost >= lossesToStart && s.quic.lost >= lossMin*s.quic.sent:
		s.begin(now)
	}
}

// onReport takes in what the receiver counted.
func (s *sender) onReport(now time.Duration, r report) {
	if !s.active || r.about != s.epoch || !after(r.sent, s.last.sent) || after(r.sent, s.sent) {
		return
	}
	sent := int64(r.sent - s.last.sent)
	lost := sent - int64(int32(r.received-s.last.received))
	d := func(now, before uint32) float64 { return max(0, float64(int32(now-before))) }
	counted := sample{
		sent: float64(sent), lost: float64(lost), congested: d(r.congested, s.last.congested),
		runs: d(r.runs, s.last.runs), runLost: d(r.runLost, s.last.runLost),
	}
	if s.plan.loss > 0 && now-s.coding >= tellAfter {
		counted.told = counted.lost - counted.congested
	}
	if counted.lost-counted.congested >= 1 && now-s.began <= priorFor {
		s.losses.seed(now, s.prior)
		s.prior = sample{}
	}
	s.losses.add(now, counted)
	if s.trial -= sent; counted.congested >= 1 {
		s.trial = 0
	}
	s.stats.reported += uint64(sent)
	s.stats.lost = uint64(max(0, int64(s.stats.lost)+lost))
	s.stats.repaired += uint64(d(r.repaired, s.last.repaired))
	s.last = r
	s.replan(now)
}

// replan chooses anew, and ends the phase when there is nothing to repair.
func (s *sender) replan(now time.Duration) {
	s.losses.fade(now)
	if s.plan.loss == 0 {
		s.coding = now
	}
	s.choose(now)
	if s.plan.loss > 0 || !s.losses.over(now) {
		s.useful = now
	}
	if s.cfg.Mode == ModeAuto && now-s.useful >= quietAfter {
		s.end(now)
	}
}

// onData is told of a data packet that was sent.
func (s *sender) onData(now time.Duration, packet []byte, ecn ECN) {
	if !s.active {
		return
	}
	if s.group.count > 0 && (s.group.ecn != ecn || s.plan.loss == 0) {
		s.close(now)
	}
	number := s.sent
	s.sent++
	s.stats.data++
	s.flow.add(now, len(packet))
	switch {
	case len(packet) > DataBytesMax:
	case s.copies(now):
		s.again(now, packet, ecn, number)
	case s.plan.loss > 0:
		s.gather(now, packet, ecn, number)
	}
}

// gather adds a packet to the group whose parity is computed next.
func (s *sender) gather(now time.Duration, packet []byte, ecn ECN, number uint32) {
	s.credits = min(creditsMax, s.credits+s.plan.ratio)
	g := &s.group
	if g.count == 0 {
		g.opened, g.extended, g.ecn, g.first = now, false, ecn, number
	}
	if number != g.first+uint32(g.count) {
		s.close(now) // a packet too large for us came between
		g.opened, g.extended, g.ecn, g.first = now, false, ecn, number
	}
	g.add(packet)
	if g.count >= s.plan.size*s.plan.width {
		s.close(now)
	}
}

// pay brings credits and tokens to the present.
func (s *sender) pay(now time.Duration) {
	passed := (now - s.paidAt).Seconds()
	s.paidAt = now
	s.credits = min(creditsMax, s.credits+freePerSecond*passed)
	s.tokens = min(burstTokens+float64(s.cfg.ParityBytesPerSecond)/16, s.tokens+passed*float64(s.cfg.ParityBytesPerSecond))
	s.copyTokens = min(copyTokensMax, s.copyTokens+passed*copyBytesPerSecond)
}

// expire closes the group whose time is over. When no parity may be sent for it, it
// gets the same time once more.
func (s *sender) expire(now time.Duration) {
	s.pay(now)
	if s.credits+debtMax < 1 && !s.group.extended {
		s.group.extended = true
		return
	}
	s.close(now)
}

// close computes the group's parity and puts it in line.
func (s *sender) close(now time.Duration) {
	s.pay(now)
	g := &s.group
	if g.count == 0 {
		return
	}
	blocks := g.width(s.plan.size)
	want := s.plan.parity((g.count+blocks-1)/blocks, blocks)
	for i := range blocks {
		m := min(want, int(s.credits+debtMax), pendingMax-len(s.pending))
		if m <= 0 {
			s.stats.skipped++
			continue
		}
		s.code(g, i, blocks, m, false, func(int) time.Duration { return now + s.plan.lag })
		s.credits -= float64(m)
	}
	g.count = 0
}

// code computes m parity packets of block i of a group's blocks, and puts each in line for its
// time. Those of a packet that is sent again count as copies.
func (s *sender) code(g *group, i, blocks, m int, copies bool, due func(int) time.Duration) {
	var shards, scratch [dataShardsMax + parityShardsMax][]byte
	var packets [parityShardsMax][]byte
	block := g.block(i, blocks, shards[:0])
	for j := range m {
		packets[j] = s.start(g, len(block), m, j, blocks)
	}
	encode(block, packets[:m], scratch[:0])
	for j, p := range packets[:m] {
		s.enqueue(pending{due: due(j), first: g.first + uint32(i), copy: copies, packet: p})
	}
	s.blocks++
}

// start writes the header of a parity packet into a buffer.
func (s *sender) start(g *group, k, m, pos, stride int) []byte {
	buf := s.buffer()
	h := header{kind: kindParity, id: s.out.id, epoch: s.epoch, ecn: g.ecn, number: s.blocks}
	b := parity{header: h, stride: uint8(stride), m: uint8(m), pos: uint8(pos)}.append(buf)
	b[parityCountAt] = uint8(k)
	return b
}

func (s *sender) buffer() []byte {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, datagramBytesMax)
}

// enqueue puts a parity packet in line, by its time.
func (s *sender) enqueue(p pending) {
	at := len(s.pending)
	for at > 0 && s.pending[at-1].due > p.due {
		at--
	}
	s.pending = slices.Insert(s.pending, at, p)
}

// due says when next has something to do.
func (s *sender) due() (time.Duration, bool) {
	if !s.active {
		return 0, false
	}
	at := s.beaconAt
	if len(s.pending) > 0 {
		at = min(at, s.pending[0].due)
	}
	if s.group.count > 0 {
		at = min(at, s.deadline())
	}
	return at, true
}

func (s *sender) deadline() time.Duration {
	if s.group.extended {
		return s.group.opened + 2*s.plan.hold
	}
	return s.group.opened + s.plan.hold
}

// next appends the next packet that is due, or returns nil.
func (s *sender) next(now time.Duration, buf []byte) []byte {
	if !s.active {
		return nil
	}
	if s.group.count > 0 && now >= s.deadline() {
		s.expire(now)
	}
	for len(s.pending) > 0 && s.pending[0].due <= now {
		p := s.pending[0]
		s.pending = slices.Delete(s.pending, 0, 1)
		s.free = append(s.free, p.packet)
		if out, ok := s.finish(now, p, buf); ok {
			return out
		}
	}
	if now >= s.beaconAt {
		return s.beacon(now, buf)
	}
	return nil
}

// finish fills in what a parity packet says about the present. It fails when the
// rate is used up.
func (s *sender) finish(now time.Duration, p pending, buf []byte) ([]byte, bool) {
	s.pay(now)
	size := len(p.packet) + macBytes
	back := s.sent - p.first
	if s.tokens < float64(size) || back > 1<<16-1 {
		s.stats.skipped++
		return nil, false
	}
	s.tokens -= float64(size)
	at := len(buf)
	buf = append(buf, p.packet...)
	binary.BigEndian.PutUint32(buf[at+timeAt:], micros(now))
	binary.BigEndian.PutUint32(buf[at+commonHeaderBytes:], s.sent)
	binary.BigEndian.PutUint16(buf[at+commonHeaderBytes+4:], uint16(back))
	if p.copy {
		s.stats.copies++
		s.stats.copyBytes += uint64(size)
	} else {
		s.stats.parity++
		s.stats.parityBytes += uint64(size)
	}
	s.tell(now)
	return s.out.seal(buf[at:]), true
}

// tell notes that a packet of ours says how much was sent.
func (s *sender) tell(now time.Duration) {
	s.idle++
	if s.sent != s.beaconSent {
		s.idle = 0
	}
	s.beaconSent, s.beaconAt = s.sent, now+beaconEvery
}

// beacon tells the receiver how much was sent, often while data flows.
func (s *sender) beacon(now time.Duration, buf []byte) []byte {
	s.tell(now)
	if s.idle >= beaconsAfter {
		s.beaconAt = now + beaconIdleEvery
	}
	s.beacons++
	s.stats.beacons++
	h := header{kind: kindBeacon, id: s.out.id, epoch: s.epoch, number: s.beacons, time: micros(now)}
	return s.out.seal(beacon{header: h, sent: s.sent}.append(buf))
}
