package fec

import "time"

const (
	// lateMax is how long a packet must be missed to count as lost. Until then it may be
	// late, or what told of it may have overtaken it; beacons tell four times meanwhile.
	lateMax = 200 * time.Millisecond
	// missesStep is within which what is missed is noted together, missesMax how many notes
	// there are at most.
	missesStep = lateMax / 16
	missesMax  = 64
)

// cause is why packets fell, as far as the receiver can tell when it misses them.
type cause uint8

const (
	byChance  cause = iota
	byQueue         // one stood
	bySilence       // that lasted too long for a burst: no parity would have met it
)

// miss is how many packets were sent and how many of them did not come; fewer than none when
// more came than were sent, which are early.
type miss struct {
	at   time.Duration
	sent uint32
	fell int64
	why  cause
}

// misses holds back what is missed until it is too late to come: what comes after all is
// taken back. It does the same for packets that are early.
type misses struct{ waiting []miss }

// add notes what is missed of late.
func (m *misses) add(now miss) {
	for i := len(m.waiting) - 1; i >= 0 && now.fell != 0; i-- {
		w := &m.waiting[i]
		back := max(min(0, -now.fell), min(w.fell, max(0, -now.fell))) // what the two have of opposite signs
		w.fell -= back
		now.fell += back
	}
	if n := len(m.waiting); n > 0 && (n == missesMax || m.waiting[n-1].why == now.why && now.at-m.waiting[n-1].at < missesStep) {
		m.waiting[n-1].sent += now.sent
		m.waiting[n-1].fell += now.fell
		return
	}
	m.waiting = append(m.waiting, now)
}

// settled hands out the oldest note that nothing changes any more.
func (m *misses) settled(now time.Duration) (miss, bool) {
	if len(m.waiting) == 0 || now-m.waiting[0].at < lateMax {
		return miss{}, false
	}
	out := m.waiting[0]
	m.waiting = append(m.waiting[:0], m.waiting[1:]...)
	return out, true
}
