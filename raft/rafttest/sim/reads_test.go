package sim

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// TestLeasesBreakBeyondTheDriftBound shows the limit of lease reads (R4): leaders
// are cut off that do not know of their successors, and clocks drift further than
// the bound. The check of reads finds stale ones; with clocks inside the bound the
// same runs keep all promises.
func TestLeasesBreakBeyondTheDriftBound(t *testing.T) {
	stale := 0
	for seed := uint64(1); seed <= 12 && stale == 0; seed++ {
		s := Draw(seed, 90*time.Second)
		s.Setup.Calm, s.Setup.Skew, s.Shrunk = false, true, true
		s.Setup.Core.LeaseReads, s.Setup.Core.ClockDriftPerMilleMax = true, 100
		s.Faults = nil
		for at := 5 * time.Second; at < 85*time.Second; at += 8 * time.Second {
			// Why: of its own accord a node with a slow clock rarely leads.
			number, later := uint64(len(s.Faults)), at+1500*time.Millisecond
			s.Faults = append(s.Faults,
				Fault{Number: number, Name: "transfer", At: Span(at), Until: Span(later)},
				Fault{Number: number + 1, Name: "leader isolated", At: Span(later), Until: Span(at + 6*time.Second)})
		}
		for i := range s.Setup.Rates {
			s.Setup.Rates[i] = 1000 - 100*uint64(i%2)
		}
		if r := Run(Options{Scenario: &s}); r.Violation != nil {
			t.Fatalf("inside the bound: %v", r.Violation)
		}
		for i := range s.Setup.Rates {
			s.Setup.Rates[i] = [...]uint64{300, 2000}[(seed+uint64(i))%2]
		}
		switch r := Run(Options{Scenario: &s}); {
		case r.Violation == nil, errors.Is(r.Violation, errIdle):
		case strings.Contains(r.Violation.Error(), "of mode 1 sees"):
			stale++
		default:
			t.Fatal(r.Violation)
		}
	}
	if stale == 0 {
		t.Error("no stale read was seen: either leases rest on nothing, or nobody looks")
	}
}

func TestEveryModeIsRead(t *testing.T) {
	var all [raft.ReadLocal + 1]int
	for seed := uint64(1); seed <= 10; seed++ {
		for mode, n := range Run(Options{Seed: seed, Duration: 20 * time.Second}).Reads {
			all[mode] += n
		}
	}
	for mode, n := range all {
		if n == 0 {
			t.Errorf("nothing was read in mode %d: %v", mode, all)
		}
	}
}

// TestCheckReadSeesWhatIsMissing plants reads that see too little for their mode.
func TestCheckReadSeesWhatIsMissing(t *testing.T) {
	w := newWorld(Options{Seed: 1})
	w.now = 3 * time.Second
	steady, jumpy := &node{}, &node{jumped: true}
	for _, c := range []struct {
		name  string
		index raft.Index
		call  call
		fine  bool
	}{
		{"all of it", 0, call{}, true},
		{"less than was known", 0, call{known: 1}, false},
		{"less by a lease", 0, call{known: 1, mode: raft.ReadLease}, false},
		{"less, locally", 0, call{known: 1, mode: raft.ReadLocal}, true},
		{"less, but old enough", 0, call{known: 1, mode: raft.ReadBounded, maxAge: time.Second, node: steady}, true},
		{"more than there is", 1, call{}, false},
	} {
		if err := w.checkRead(1, c.index, &c.call); (err == nil) != c.fine {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	w.marks = []mark{{at: time.Second, index: 4}, {at: 2 * time.Second, index: 7}}
	for at, want := range map[time.Duration]raft.Index{0: 0, time.Second: 0, 1500 * time.Millisecond: 4, 2 * time.Second: 4, time.Hour: 7} {
		if got := w.committedAt(at); got != want {
			t.Errorf("before %v %d was committed, not %d", at, want, got)
		}
	}
	old := call{mode: raft.ReadBounded, maxAge: 500 * time.Millisecond, node: steady}
	if err := w.checkRead(1, 0, &old); err == nil {
		t.Error("a read that is too old is fine")
	}
	if old.node = jumpy; w.checkRead(1, 0, &old) != nil {
		t.Error("a clock that jumped measures an age")
	}
}
