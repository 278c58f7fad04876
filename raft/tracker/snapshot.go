package tracker

import "github.com/wraft/wraft/raft/quorum"

// pauseBeatsMax bounds how long a snapshot that failed again and again is not
// offered, in heartbeats.
const pauseBeatsMax = 64

// NeedSnapshot notes that the log does not go back to what the follower lacks.
func (p *Progress) NeedSnapshot() {
	p.State = Snapshot
	p.paused, p.wait = false, 0
	p.meter.calibrating = false
	p.inflight.Reset()
}

// MayOffer reports whether a snapshot may be offered now.
func (p *Progress) MayOffer() bool { return p.State == Snapshot && !p.paused }

// Offered notes that the snapshot at index was offered; the offer is repeated
// after a Beat.
func (p *Progress) Offered(index quorum.Index) {
	p.Snapshot = index
	p.Next = max(index, p.Match) + 1
	p.paused = true
}

// SnapshotSent notes that all of the snapshot reached the follower: it is probed
// behind it, after a Beat, unless it says before that it is there.
func (p *Progress) SnapshotSent() {
	p.BackTo(p.Snapshot)
	p.paused = true
}

// SnapshotFailed notes that it did not: it is offered again after a pause, which
// grows with each failure.
func (p *Progress) SnapshotFailed() {
	p.paused = true
	p.wait = min(1<<min(p.Failures, 16)-1, pauseBeatsMax)
	p.Failures++
}

// Catching reports that a snapshot was offered that the follower has not
// acknowledged yet.
func (p *Progress) Catching() bool { return p.Match < p.Snapshot }
