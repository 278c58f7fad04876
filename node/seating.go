package node

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// Seating has the groups follow the list of nodes in the catalogue. Every node has one;
// whoever leads a group changes its configuration step by step, one change at a time and
// a bounded number of groups at once, and reports to the meta group what it came to.
// When leadership moves the next leader looks at the configuration and goes on from
// there: nothing is remembered between steps, so a crash loses nothing. It is a step
// machine; Next says what to do, the other methods say what came of it.
type Seating struct {
	self      raft.NodeID
	catalogue *Catalogue
	groups    map[raft.GroupID]*seatingTask // of groups that this node leads
	now       time.Duration
	open      int // actions under way
}

// seatingTask is a group that this node leads.
type seatingTask struct {
	config   raft.ConfigAt
	busy     bool
	passed   int // changes of the plan that cannot be had at the moment
	reported raft.Index
	retry
}

// SeatingAction is one thing to do; exactly one of Change, StepAside and Report is set.
type SeatingAction struct {
	Group raft.GroupID
	// Change asks the group's core for a change of the configuration at Expected; answer
	// with Changed.
	Change   *raft.Change
	Expected raft.Index
	// StepAside hands leadership over, because the leader itself is to go; answer with
	// Changed.
	StepAside bool
	// Report tells the meta group, once the configuration is committed; answer with
	// Reported.
	Report *Seats
}

const (
	// seatingsMax bounds the groups whose configuration this node changes at a time: new
	// members get their state over the same links that commands take.
	seatingsMax = 4
	// seatingRetryMin and seatingRetryMax bound the pause between tries.
	seatingRetryMin = 50 * time.Millisecond
	seatingRetryMax = time.Second
)

// NewSeating returns the seating of the node self at time now.
func NewSeating(self raft.NodeID, now time.Duration) *Seating {
	return &Seating{self: self, now: now, catalogue: &Catalogue{}, groups: map[raft.GroupID]*seatingTask{}}
}

// Observe takes in a newer catalogue.
func (s *Seating) Observe(c *Catalogue) {
	s.catalogue = c
	for g, t := range s.groups {
		if c.Deleted(g) {
			s.Lead(g, raft.Status{})
			continue
		}
		t.start()
	}
}

// Lead takes a replica's new status.
func (s *Seating) Lead(g raft.GroupID, status raft.Status) {
	t := s.groups[g]
	switch {
	case status.Role != raft.Leader && t != nil:
		if t.busy {
			s.open--
		}
		delete(s.groups, g)
	case status.Role != raft.Leader:
	case t == nil:
		s.groups[g] = &seatingTask{config: status.Configuration}
	case t.config.Index != status.Configuration.Index:
		t.config = status.Configuration
		t.start()
	}
}

// start looks at everything anew, at once.
func (t *seatingTask) start() { t.passed, t.retry = 0, retry{} }

// Tick moves time, for retries.
func (s *Seating) Tick(now time.Duration) { s.now = max(s.now, now) }

// NextDeadline is when Tick next matters.
func (s *Seating) NextDeadline() (at time.Duration, ok bool) {
	for _, t := range s.groups {
		if t.at > 0 && (!ok || t.at < at) {
			at, ok = t.at, true
		}
	}
	return at, ok
}

// Changed says what came of Change or StepAside.
func (s *Seating) Changed(g raft.GroupID, err error) {
	t := s.ended(g)
	switch {
	case t == nil || err == nil:
	case errors.Is(err, raft.ErrLearnerBehind), errors.Is(err, ErrUnsafeChange):
		t.passed++ // the next change of the plan may be possible
		t.at = s.now
	default:
		t.later(s.now)
	}
}

// Reported says what came of Report.
func (s *Seating) Reported(g raft.GroupID, index raft.Index, err error) {
	if t := s.ended(g); t != nil {
		if err == nil {
			t.reported = max(t.reported, index)
			return
		}
		t.later(s.now)
	}
}

// ended finishes a group's action.
func (s *Seating) ended(g raft.GroupID) *seatingTask {
	t := s.groups[g]
	if t == nil || !t.busy {
		return nil
	}
	t.busy = false
	s.open--
	return t
}

// later plans another try of everything.
func (t *seatingTask) later(now time.Duration) {
	t.passed = 0
	t.tries++
	t.at = now + min(seatingRetryMin<<min(t.tries, 10), seatingRetryMax)
}

// Next returns what to do now, ascending by group.
func (s *Seating) Next() []SeatingAction {
	var out []SeatingAction
	for _, g := range slices.Sorted(maps.Keys(s.groups)) {
		t := s.groups[g]
		if s.open >= seatingsMax {
			break
		}
		if t.busy || t.at > s.now || t.config.Configuration.Joint() {
			continue
		}
		t.at = 0
		if a, ok := s.next(g, t); ok {
			t.busy = true
			s.open++
			out = append(out, a)
		}
	}
	return out
}

// next is what a group needs most: first that others learn how it is.
func (s *Seating) next(g raft.GroupID, t *seatingTask) (SeatingAction, bool) {
	known, ok := s.catalogue.SeatsOf(g)
	if !ok {
		return SeatingAction{}, false // the catalogue is behind, or the machine is deleted
	}
	if t.config.Index > max(known.Index, t.reported) {
		seats := seatsOf(t.config)
		return SeatingAction{Group: g, Report: &seats}, true
	}
	plan := planSeats(t.config.Configuration, s.catalogue.wantedSeats(g))
	if len(plan) == 0 {
		return SeatingAction{}, false
	}
	if t.passed >= len(plan) {
		t.later(s.now)
		return SeatingAction{}, false
	}
	change := plan[t.passed]
	if change.Node == s.self {
		return SeatingAction{Group: g, StepAside: true}, true
	}
	return SeatingAction{Group: g, Change: &change, Expected: t.config.Index}, true
}
