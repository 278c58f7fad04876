package tracker

import (
	"time"

	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/quorum"
)

// State says how entries travel to a follower.
type State uint8

const (
	// Probe: where the logs agree is not known; one append at a time.
	Probe State = iota
	// Replicate: the follower keeps up; appends are pipelined.
	Replicate
	// Snapshot: the log does not go back far enough; a snapshot is offered or on its
	// way, and nothing is appended.
	Snapshot
)

// String returns probe, replicate or snapshot.
func (s State) String() string {
	return [...]string{"probe", "replicate", "snapshot", "invalid"}[min(s, 3)]
}

// Progress is what a leader knows of one follower.
//
// Invariant: Match < Next.
type Progress struct {
	ID    quorum.NodeID
	Match quorum.Index // durable at the follower, of the leader's log
	Next  quorum.Index // the next entry to send
	State State

	// Round is the newest round the follower echoed, Promised the newest one in an
	// answer that promised to refuse votes, and Heard when it last answered, on the
	// core's clock.
	Round    uint64
	Promised uint64
	Heard    time.Duration
	// CommitTold is the newest commit index that was sent to it.
	CommitTold quorum.Index

	// Fetching: older entries were asked of storage and have not come yet. Only
	// the answer ends it, so that no second question is asked meanwhile.
	Fetching bool

	// DiskSlow: the follower said of its disk that it has stalled.
	DiskSlow bool
	// DiskFull: the follower said that its disk takes no more commands.
	DiskFull bool
	// Damaged: the follower said that it lacks entries which it acknowledged.
	Damaged bool

	// Snapshot is the index of the snapshot that was offered last, Failures counts the
	// transfers of snapshots that failed one after the other, and Broken is the index of
	// the last one that could not be had.
	Snapshot quorum.Index
	Failures int
	Broken   quorum.Index

	most     Limits // whatever is measured
	window   Limits // in force
	path     PathStats
	meter    meter
	inflight Window
	paused   bool          // in Probe: a probe is on its way, or sending was refused
	stalled  bool          // found so by a Beat, and moved nothing since
	moved    bool          // acknowledged something since the last Beat
	movedAt  time.Duration // when it last did
	wait     int           // in Snapshot: heartbeats until the next offer
}

// New returns the progress of a follower about which nothing is known, at a
// leader whose log ends at last. most bounds what may be on its way to it.
func New(id quorum.NodeID, last quorum.Index, now time.Duration, most Limits) *Progress {
	return &Progress{ID: id, Next: last + 1, Heard: now, most: most, window: Size(PathStats{}, Flow{}, most)}
}

// SetPath notes what is known of the way to the follower. When its connection fell,
// what was on its way is gone.
func (p *Progress) SetPath(path PathStats) {
	if p.path.Up && !path.Up {
		p.Lost()
	}
	p.path = path
	p.window = Size(p.path, p.meter.flow, p.most)
}

// Window returns the limits in force, and Flow what was measured.
func (p *Progress) Window() (Limits, Flow) { return p.window, p.meter.flow }

// Ready reports whether an append may be sent now.
func (p *Progress) Ready() bool {
	switch p.State {
	case Probe:
		return !p.paused
	case Snapshot:
		return false
	}
	if (p.meter.calibrating || p.stalled) && p.inflight.Len() > 0 {
		return false
	}
	return p.inflight.Len() < p.window.Appends && p.inflight.Bytes() < p.window.Bytes
}

// SentEntries notes that an append of entries [Next, last] leaves now.
func (p *Progress) SentEntries(last quorum.Index, bytes uint64, now time.Duration) {
	if p.State == Probe {
		p.paused = true
		return
	}
	if p.inflight.Len() == 0 {
		p.meter.begin(now)
	}
	p.inflight.Add(last, bytes, now)
	p.Next = last + 1
}

// Waits notes that there are entries for which the window has no room.
func (p *Progress) Waits(now time.Duration) {
	if p.State == Replicate && p.path.Known() {
		p.meter.wait(now)
	}
}

// SentProbe notes an append without entries while probing.
func (p *Progress) SentProbe() { p.paused = true }

// Accepted notes that the follower holds everything up to match durably. A
// probe that was answered opens the window. It reports whether match is news.
func (p *Progress) Accepted(match quorum.Index, now time.Duration) bool {
	news := match > p.Match
	p.Match = max(p.Match, match)
	if p.State == Probe || p.State == Snapshot && p.Match >= p.Snapshot {
		p.State = Replicate
		p.paused = false
		p.Failures = 0
		p.Next = p.Match + 1
		p.inflight.Reset()
	}
	p.Next = max(p.Next, p.Match+1)
	f := p.inflight.Free(p.Match)
	if f.appends > 0 && p.path.Known() && p.meter.acknowledged(f, p.path, p.inflight.Len() == 0, now) {
		p.window = Size(p.path, p.meter.flow, p.most)
	}
	if news {
		p.moved, p.movedAt, p.stalled = true, now, false
	}
	return news
}

// Rejected notes that the append behind prev did not fit and that the logs agree
// at agree at the latest. It reports false for the answer to an append that
// nobody waits for any more.
func (p *Progress) Rejected(prev, agree quorum.Index) bool {
	if prev <= p.Match || p.State == Snapshot || p.State == Probe && prev != p.Next-1 {
		return false
	}
	p.BackTo(agree)
	return true
}

// BackTo starts probing behind agree, or behind Match when that is later.
func (p *Progress) BackTo(agree quorum.Index) {
	p.State = Probe
	p.Next = max(p.Match, agree) + 1
	p.paused = false
	p.meter.calibrating = false
	p.inflight.Reset()
}

// Forget begins to find out anew where the logs agree: the follower lost what it had
// acknowledged. One that is to get a snapshot gets that first.
func (p *Progress) Forget() {
	if p.State == Snapshot {
		p.Match = 0
		return
	}
	agree := p.Match
	p.Match = 0
	p.BackTo(agree)
}

// Lost notes that what was on its way is gone: it is probed for from where the
// logs are known to agree, and a probe is repeated where it was, at the next
// Beat and not before, so that a dead link causes no busy loop.
func (p *Progress) Lost() {
	if p.State == Replicate {
		p.BackTo(p.Match)
	}
	p.paused = true
}

// Verdict is what a Beat finds.
type Verdict uint8

const (
	// Fine: nothing is to be done.
	Fine Verdict = iota
	// AskTail: ask after the tail of the window, some of which may be lost.
	AskTail
	// Stalled: the follower answers and takes nothing; it is being probed again.
	Stalled
)

// Beat is called once per heartbeat. It lets a silent probe be repeated. It asks
// after the tail of the window when nothing was acknowledged since the last Beat
// though something is on its way, or when that takes longer than path and disk
// explain. A follower that answers, but acknowledges nothing for stallAfter, is
// probed again, and until it moves gets one append at a time: asking after the tail
// did not help, and what was sent once must not be sent all over again.
func (p *Progress) Beat(now, stallAfter time.Duration) Verdict {
	moved := p.moved
	p.moved = false
	switch p.State {
	case Probe:
		p.paused = p.paused && mutant.On(mutant.LostProbeStalls)
		return Fine
	case Snapshot:
		p.paused = p.wait > 0
		p.wait = max(p.wait-1, 0)
		return Fine
	}
	oldest, waiting := p.inflight.Oldest()
	if !waiting {
		return Fine
	}
	patience := 2 * (p.path.RTT + 2*p.path.Variance + p.meter.flow.Lag)
	quiet := now - max(oldest, p.movedAt)
	switch {
	case quiet >= max(stallAfter, 2*patience) && now < p.Heard+stallAfter:
		p.BackTo(p.Match)
		if p.stalled {
			return Fine // it is known
		}
		p.stalled = true
		return Stalled
	case !moved || p.path.Known() && now-oldest > patience:
		return AskTail
	}
	return Fine
}

// Inflight returns how many appends and bytes are on their way.
func (p *Progress) Inflight() (appends int, bytes uint64) {
	return p.inflight.Len(), p.inflight.Bytes()
}

// Idle reports whether nothing is on its way to a follower that keeps up.
func (p *Progress) Idle() bool { return p.State == Replicate && p.inflight.Len() == 0 }
