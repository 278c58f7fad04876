package node

import "time"

const (
	// steadyMin is how long something has to have held before a leader is moved for it; each
	// time that it broke off doubles that, up to steadyBreaksMax times.
	steadyMin       = 30 * time.Second
	steadyBreaksMax = 6
	// steadyForget is for how long it has to hold for earlier breaks to be forgotten.
	steadyForget = time.Hour
)

// steadiness says how well something holds: for how long now, and how often it broke off
// before. Its zero value has never held.
type steadiness struct {
	holds  bool
	since  time.Duration
	breaks int
}

// see takes in whether it holds now.
func (s *steadiness) see(holds bool, now time.Duration) {
	switch {
	case holds && !s.holds:
		s.holds, s.since = true, now
	case !holds && s.holds:
		if now-s.since >= steadyForget {
			s.breaks = 0
		}
		s.holds, s.breaks = false, min(s.breaks+1, steadyBreaksMax)
	}
}

// proven reports whether it has held for long enough to be trusted.
func (s *steadiness) proven(now time.Duration) bool {
	return s.holds && now-s.since >= steadyMin<<s.breaks
}
