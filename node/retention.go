package node

import (
	"bytes"
	"slices"
	"time"
)

// Retention decides which modules and artefacts a node removes: those that nothing of its
// own names, when nobody has wanted them for a while. It is a step machine; Next says what
// to do, the other methods say what came of it, or that somebody is about to need a module.
//
// Why a while: who deploys uploads first, and for that time nothing names the module. It is
// counted anew whenever somebody stores or asks for the module, and from each start.
type Retention struct {
	grace   time.Duration
	now     time.Duration
	lookAt  time.Duration
	looking bool
	began   time.Duration // of the look that is under way, or was the last
	// unnamed says since when nothing has named or wanted a module.
	unnamed map[Digest]time.Duration
	due     []Digest      // to be removed, ascending
	held    time.Duration // until then nothing is removed
}

// RetentionAction is one thing to do; exactly one field is set.
type RetentionAction struct {
	Look   bool    // find out what is here and what is named; answer with Looked
	Remove *Digest // at once: before anything else is told to the machine; answer with Removed
}

// ModuleView is what a node found when it looked: everything that was named at any moment
// since the look began.
type ModuleView struct {
	Stored []Digest
	Named  map[Digest]bool
}

const (
	// retentionLooks is how often a node looks within the time for which a module stays.
	retentionLooks = 4
	// retentionRetry is the longest pause behind a look that failed.
	retentionRetry = 10 * time.Second
	// retentionWantsMax bounds the modules whose turn is noted one by one; when more are
	// wanted, all stay for a while.
	retentionWantsMax = 1 << 16
)

// NewRetention returns a retention at time now under which a module that nothing names stays
// for grace.
func NewRetention(grace, now time.Duration) *Retention {
	return &Retention{grace: grace, now: now, lookAt: now, unnamed: map[Digest]time.Duration{}}
}

// Tick moves time.
func (r *Retention) Tick(now time.Duration) { r.now = max(r.now, now) }

// NextDeadline is when Tick next matters.
func (r *Retention) NextDeadline() (at time.Duration, ok bool) { return r.lookAt, !r.looking }

// Want says that somebody stores a module, or asks for it: it stays for a while, whether it
// is here already or not.
func (r *Retention) Want(d Digest) {
	if _, known := r.unnamed[d]; !known && len(r.unnamed) >= retentionWantsMax {
		r.held, r.due = r.now+r.grace, nil
		return
	}
	r.unnamed[d] = r.now
	r.due = slices.DeleteFunc(r.due, func(other Digest) bool { return other == d })
}

// Looked says what came of Look.
func (r *Retention) Looked(v ModuleView, err error) {
	r.looking = false
	pause := max(r.grace/retentionLooks, time.Millisecond)
	if err != nil {
		r.lookAt = r.now + min(pause, retentionRetry)
		return
	}
	r.lookAt, r.due = r.now+pause, nil
	idle := map[Digest]time.Duration{}
	for d, since := range r.unnamed {
		if since+r.grace > r.began { // it may be stored at this moment
			idle[d] = since
		}
	}
	for _, d := range v.Stored {
		since, known := r.unnamed[d]
		switch {
		case v.Named[d]:
			delete(idle, d)
		case !known:
			idle[d] = r.now
		case since+r.grace <= r.began:
			idle[d] = since
			if r.held <= r.began {
				r.due = append(r.due, d)
			}
		}
	}
	r.unnamed = idle
	slices.SortFunc(r.due, func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
}

// Removed says what came of Remove. What could not be removed is tried again a while later.
func (r *Retention) Removed(d Digest, err error) {
	delete(r.unnamed, d)
	if err != nil {
		r.unnamed[d] = r.now
	}
}

// Next returns what to do now; done is true when that is nothing.
func (r *Retention) Next() (a RetentionAction, done bool) {
	switch {
	case len(r.due) > 0:
		d := r.due[0]
		r.due = r.due[1:]
		return RetentionAction{Remove: &d}, false
	case !r.looking && r.lookAt <= r.now:
		r.looking, r.began = true, r.now
		return RetentionAction{Look: true}, false
	}
	return RetentionAction{}, true
}
