package fec

import (
	"math"
	"time"
)

// Where nothing makes up for what comes late over a path, and packets come few, each is sent
// again until an answer would be here: as a block of its own, whose parity is the packet itself
// and leaves at several times.
//
// Why not blocks of more: on a path with few packets they close too late, and their parity falls
// with what it is for when losses come in a row. Why not above QUIC: its window is small on a
// path with losses, and copies would take the room of what comes next.
const (
	// copiesPerRTT parts of a round trip are the unit of copiesChance and copiesBursts,
	// copiesMin the least that it is.
	copiesPerRTT = 16
	copiesMin    = time.Millisecond
	// copyBytesPerSecond is what copies may take, but for the first of each packet, and
	// copyDataMax how much may be sent for packets to be few: a file's are not.
	copyBytesPerSecond = 1 << 20
	copyDataMax        = 512 << 10
	copyTokensMax      = 64 << 10 // and the most that may be owed
	// copyOver is what a copy is larger than its packet.
	copyOver = parityHeaderBytes + nameBytes + lengthBytes + macBytes
)

var (
	// copiesChance is how long after a packet it is sent again where packets fall one by one.
	copiesChance = []time.Duration{1, 3}
	// copiesBursts is the same where several fall in a row, or may.
	copiesBursts = []time.Duration{1, 3, 5, 8, 12, 16}
)

// copies reports whether packets are sent again.
//
// Why not more packets in a round trip than blocks that a receiver keeps: it would give up the
// first before the last of their copies come, and a block of many closes soon.
func (s *sender) copies(now time.Duration) bool {
	return s.active && s.path.Alone && s.path.RTTMin >= rttWorth &&
		(s.plan.loss > 0 || s.losses.atTimes(now)) &&
		s.losses.rate()*s.path.RTT.Seconds() <= blocksMax && s.flow.perSecond() <= copyDataMax
}

// flow is how many bytes are sent lately.
type flow struct {
	at    time.Duration
	bytes float64 // fading
}

func (f *flow) add(now time.Duration, bytes int) {
	f.bytes = f.bytes*math.Exp(-float64(now-f.at)/float64(fastTau)) + float64(bytes)
	f.at = now
}

// perSecond is what the last packet showed.
func (f *flow) perSecond() float64 { return f.bytes / fastTau.Seconds() }

// persists reports whether packets are sent again until an answer would be here.
func (s *sender) persists(now time.Duration) bool { return s.copies(now) && !s.losses.oneByOne() }

// again puts a packet's copies in line, as many as may be sent, at least one.
func (s *sender) again(now time.Duration, packet []byte, ecn ECN, number uint32) {
	s.close(now)
	times := copiesBursts
	if s.losses.oneByOne() {
		times = copiesChance
	}
	size := len(packet) + copyOver
	m := min(len(times), max(1, int(s.copyTokens)/size))
	if m = min(m, pendingMax-len(s.pending)); m <= 0 {
		s.stats.skipped++
		return
	}
	s.copyTokens = max(-copyTokensMax, s.copyTokens-float64(m*size))
	g := &s.group
	g.ecn, g.first = ecn, number
	g.add(packet)
	unit := max(s.path.RTT/copiesPerRTT, copiesMin)
	s.code(g, 0, 1, m, true, func(i int) time.Duration { return now + times[i]*unit })
	g.count = 0
}
