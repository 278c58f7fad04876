package tracker

import "time"

const (
	// calibrateEvery is how long a follower may be kept busy before the lag of its
	// disk is measured anew: entries wait for one append to be acknowledged alone.
	calibrateEvery = 10 * time.Second
	// stretchMin is the shortest stretch that rates are measured over.
	stretchMin = time.Millisecond
)

// meter measures a follower's Flow from what is sent to it and acknowledged.
//
// Why it does without a running average of all acknowledgements: under load each of
// them waits behind others, so the average would measure the window that it is to
// size. The lag comes only from appends that were alone on their way.
type meter struct {
	flow  Flow
	lagAt time.Duration // when the lag was last measured
	known bool          // the lag was measured at all

	// The stretch being measured.
	since   time.Duration
	bytes   uint64
	appends uint64
	limited bool // entries waited for the window during it

	calibrating bool // one append at a time, until one was acknowledged alone
}

// begin starts a stretch, when something is sent while nothing is on its way.
func (m *meter) begin(now time.Duration) {
	m.since, m.bytes, m.appends, m.limited = now, 0, 0, false
}

// wait notes that entries wait for the window.
func (m *meter) wait(now time.Duration) {
	m.limited = true
	if !m.known || now-m.lagAt >= calibrateEvery {
		m.calibrating = true
	}
}

// acknowledged notes what an acknowledgement took out of the window, and reports
// whether the flow is news. empty says that nothing is left on its way.
func (m *meter) acknowledged(f freed, path PathStats, empty bool, now time.Duration) bool {
	news := f.appends == 1 && f.newest.alone
	if news {
		m.measureLag(max(now-f.newest.at-path.RTT, 0), now)
	}
	m.bytes += f.bytes
	m.appends += uint64(f.appends)
	stretch := now - m.since
	if !empty && stretch < (path.RTT+m.flow.Lag)/2 {
		return news
	}
	stretch = max(stretch, path.RTT, stretchMin)
	m.flow.Bytes = settle(m.flow.Bytes, perSecond(m.bytes, stretch), m.limited)
	m.flow.Appends = settle(m.flow.Appends, perSecond(m.appends, stretch), m.limited)
	m.begin(now)
	return true
}

// measureLag takes in the time an append alone took beyond the round trip.
func (m *meter) measureLag(lag, now time.Duration) {
	if m.known {
		lag = (3*m.flow.Lag + lag) / 4
	}
	m.flow.Lag, m.known, m.lagAt, m.calibrating = lag, true, now, false
}

// settle returns a rate after one more stretch. A follower that was given too
// little to show its rate does not lower it.
func settle(rate, measured uint64, limited bool) uint64 {
	switch {
	case measured >= rate:
		return measured
	case limited:
		return rate - (rate-measured)/4
	}
	return rate
}
