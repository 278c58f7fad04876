package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wraft/wraft/raft"
)

// Shrunk is the smallest failing run that Shrink found.
type Shrunk struct {
	Result
	Runs int // how many runs it took
}

// ErrNothingToShrink: the scenario breaks no promise, or fails because it does too
// little, which less of it cannot show.
var ErrNothingToShrink = errors.New("sim: nothing to shrink")

// Shrink leaves out of a failing scenario what its violation does not need: time,
// faults, operations, nodes. It goes on until nothing can be left out or more says
// no; a violation of the same kind counts as the same.
func Shrink(o Options, more func() bool) (Shrunk, error) {
	first := Run(o)
	if first.Violation == nil || errors.Is(first.Violation, errIdle) {
		return Shrunk{Result: first}, ErrNothingToShrink
	}
	s := shrinker{o: o, more: more, kind: kindOfViolation(first.Violation), best: first}
	s.o.Trace = nil
	s.cutTime()
	for before := -1; s.size() != before && more(); {
		before = s.size()
		s.reduceFaults()
		s.reduceOperations()
		s.reduceNodes()
	}
	return Shrunk{s.best, s.runs}, nil
}

// shrinker holds the smallest failing run so far.
type shrinker struct {
	o    Options
	more func() bool
	kind string
	best Result
	runs int
}

// size is what shrinking lowers.
func (s *shrinker) size() int {
	sc := &s.best.Scenario
	return len(sc.Faults) + len(sc.Operations) - len(sc.Setup.Absent)
}

// try runs a candidate and keeps it if it fails in the same way.
func (s *shrinker) try(candidate Scenario) bool {
	candidate.Shrunk = true
	s.o.Scenario = &candidate
	s.runs++
	r := Run(s.o)
	if r.Violation == nil || kindOfViolation(r.Violation) != s.kind {
		return false
	}
	s.best = r
	return true
}

// cutTime ends the run right behind its violation.
func (s *shrinker) cutTime() {
	end := Span(s.best.Virtual + time.Millisecond)
	c := s.best.Scenario
	if end >= c.Duration {
		return
	}
	c.Duration = end
	c.Faults = slices.DeleteFunc(slices.Clone(c.Faults), func(f Fault) bool { return f.At > end })
	c.Operations = slices.DeleteFunc(slices.Clone(c.Operations), func(o Operation) bool { return o.At > end })
	s.try(c)
}

func (s *shrinker) reduceFaults() {
	reduce(s.best.Scenario.Faults, s.more, func(rest []Fault) bool {
		c := s.best.Scenario
		c.Faults = rest
		return s.try(c)
	})
	s.cutTime()
}

func (s *shrinker) reduceOperations() {
	reduce(s.best.Scenario.Operations, s.more, func(rest []Operation) bool {
		c := s.best.Scenario
		c.Operations = rest
		return s.try(c)
	})
	s.cutTime()
}

// reduceNodes leaves nodes out, the highest first.
func (s *shrinker) reduceNodes() {
	for id := raft.NodeID(len(s.best.Scenario.Setup.Rates)); id > 0 && s.more(); id-- {
		c := s.best.Scenario
		voters := raft.NodeID(c.Setup.Voters)
		present := func(n raft.NodeID) bool { return n != id && !slices.Contains(c.Setup.Absent, n) }
		left := 0
		for n := raft.NodeID(1); n <= voters; n++ {
			if present(n) {
				left++
			}
		}
		if left == 0 || slices.Contains(c.Setup.Absent, id) {
			continue
		}
		c.Setup.Absent = append(slices.Clone(c.Setup.Absent), id)
		s.try(c)
	}
}

// reduce is ddmin (Zeller and Hildebrandt, "Simplifying and isolating
// failure-inducing input", 2002): it leaves out ever smaller stretches as long as
// the rest still fails.
func reduce[T any](items []T, more func() bool, fails func([]T) bool) []T {
	if len(items) > 0 && more() && fails(nil) {
		return nil
	}
	for parts := 2; len(items) > 1 && more(); {
		size := (len(items) + parts - 1) / parts
		rest, found := without(items, size, more, fails)
		switch {
		case found:
			items, parts = rest, max(parts-1, 2)
		case size == 1:
			return items
		default:
			parts = min(2*parts, len(items))
		}
	}
	return items
}

// without looks for a stretch of size items that is not needed.
func without[T any](items []T, size int, more func() bool, fails func([]T) bool) ([]T, bool) {
	for start := 0; start < len(items) && more(); start += size {
		rest := append(slices.Clone(items[:start]), items[min(start+size, len(items)):]...)
		if fails(rest) {
			return rest, true
		}
	}
	return items, false
}

// kindOfViolation is the first line without the seed, the moment and numbers.
func kindOfViolation(err error) string {
	if u := errors.Unwrap(err); u != nil {
		err = u
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, line)
}

// String says how large the run is.
func (s *Scenario) String() string {
	return fmt.Sprintf("%d faults, %d operations, %d nodes, %v", len(s.Faults), len(s.Operations),
		s.Setup.Voters+s.Setup.Spares-len(s.Setup.Absent), time.Duration(s.Duration))
}
