package tracker

import (
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

// State says how entries travel to a follower.
type State uint8

const (
	// Probe: where the logs agree is not known; one append at a time.
	Probe State = iota
	// Replicate: the follower keeps up; appends are pipelined.
	Replicate
)

// String returns probe or replicate.
func (s State) String() string {
	return [...]string{"probe", "replicate", "invalid"}[min(s, 2)]
}

// Limits bounds what may be on its way to one follower.
type Limits struct {
	Appends int
	Bytes   uint64
}

// Progress is what a leader knows of one follower.
//
// Invariant: Match < Next.
type Progress struct {
	ID    quorum.NodeID
	Match quorum.Index // durable at the follower, of the leader's log
	Next  quorum.Index // the next entry to send
	State State

	// Round is the newest round the follower echoed and Heard when it last
	// answered, on the core's clock.
	Round uint64
	Heard time.Duration
	// CommitTold is the newest commit index that was sent to it.
	CommitTold quorum.Index

	// Fetching: older entries were asked of storage and have not come yet. Only
	// the answer ends it, so that no second question is asked meanwhile.
	Fetching bool

	inflight Window
	paused   bool // in Probe: a probe is on its way, or sending was refused
	moved    bool // acknowledged something since the last Beat
}

// New returns the progress of a follower about which nothing is known, at a
// leader whose log ends at last.
func New(id quorum.NodeID, last quorum.Index, now time.Duration) *Progress {
	return &Progress{ID: id, Next: last + 1, Heard: now}
}

// Ready reports whether an append may be sent now.
func (p *Progress) Ready(l Limits) bool {
	if p.State == Probe {
		return !p.paused
	}
	return p.inflight.Len() < l.Appends && p.inflight.Bytes() < l.Bytes
}

// SentEntries notes an append of entries [Next, last].
func (p *Progress) SentEntries(last quorum.Index, bytes uint64) {
	if p.State == Probe {
		p.paused = true
		return
	}
	p.inflight.Add(last, bytes)
	p.Next = last + 1
}

// SentProbe notes an append without entries while probing.
func (p *Progress) SentProbe() { p.paused = true }

// Accepted notes that the follower holds everything up to match durably. A
// probe that was answered opens the window. It reports whether match is news.
func (p *Progress) Accepted(match quorum.Index) bool {
	news := match > p.Match
	p.Match = max(p.Match, match)
	if p.State == Probe {
		p.State = Replicate
		p.paused = false
		p.Next = p.Match + 1
		p.inflight.Reset()
	}
	p.Next = max(p.Next, p.Match+1)
	p.inflight.Free(p.Match)
	p.moved = p.moved || news
	return news
}

// Rejected notes that the append behind prev did not fit and that the logs agree
// at agree at the latest. It reports false for the answer to an append that
// nobody waits for any more.
func (p *Progress) Rejected(prev, agree quorum.Index) bool {
	if prev <= p.Match || p.State == Probe && prev != p.Next-1 {
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
	p.inflight.Reset()
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

// Beat is called once per heartbeat. It lets a silent probe be repeated, and
// reports whether the tail of the window should be asked after, because nothing
// was acknowledged since the last Beat though something is on its way.
func (p *Progress) Beat() (askTail bool) {
	askTail = p.State == Replicate && p.inflight.Len() > 0 && !p.moved
	p.moved = false
	if p.State == Probe {
		p.paused = false
	}
	return askTail
}

// Inflight returns how many appends and bytes are on their way.
func (p *Progress) Inflight() (appends int, bytes uint64) {
	return p.inflight.Len(), p.inflight.Bytes()
}

// Idle reports whether nothing is on its way to a follower that keeps up.
func (p *Progress) Idle() bool { return p.State == Replicate && p.inflight.Len() == 0 }
