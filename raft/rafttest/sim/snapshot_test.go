package sim

import (
	"testing"
	"time"
)

// snapshotting draws a scenario of a seed in which all nodes take snapshots all the
// time, keep next to nothing of their logs, and are cut off now and then.
func snapshotting(seed uint64) Scenario {
	s := Draw(seed, 2*time.Minute)
	s.Setup.Snapshots = Snapshots{Take: 300, Time: Span(300 * time.Millisecond), Cut: 200, Silent: 100, Repeat: 100}
	s.Setup.Core.RetainedEntriesMax, s.Setup.Core.PinnedBytesMax = 1, 1
	for i := range s.Faults {
		s.Faults[i].Name = [...]string{"crash", "partition", "pause"}[i%3]
	}
	s.Shrunk = true // how much work was done is not the point
	return s
}

// many are the seeds, of three voters at least, that a test runs.
func many() []uint64 {
	var seeds []uint64
	for seed := uint64(1); len(seeds) < 5; seed++ {
		if s := Draw(seed, time.Minute); !s.Setup.Calm && s.Setup.Voters >= 3 {
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

// TestSnapshotsReplaceLogs: followers that were away come back by snapshots, some of
// which break off or come twice.
func TestSnapshotsReplaceLogs(t *testing.T) {
	counts := map[string]int{}
	for _, seed := range many() {
		s := snapshotting(seed)
		r := Run(Options{Scenario: &s})
		if r.Violation != nil {
			t.Error(r.Violation)
		}
		for name, count := range r.Faults {
			counts[name] += count
		}
	}
	for _, name := range []string{"snapshot taken", "snapshot sent", "snapshot installed", "snapshot broken off", "snapshot repeated"} {
		if counts[name] == 0 {
			t.Errorf("no %s: %v", name, counts)
		}
	}
}

// TestASnapshotWithoutItsSessionsIsSeen: a node that forgets them when it restores
// its machine answers otherwise than the others.
func TestASnapshotWithoutItsSessionsIsSeen(t *testing.T) {
	seen := false
	for _, seed := range many() {
		s := snapshotting(seed)
		r := Run(Options{Scenario: &s, plant: func(w *world) error {
			for _, n := range w.nodes {
				if n.State == nil || n.Core == nil {
					continue
				}
				n.State = nil
				for id := range n.machine.sessions {
					n.machine.dropSession(id)
				}
			}
			return nil
		}})
		seen = seen || r.Violation != nil
	}
	if !seen {
		t.Error("nobody notices")
	}
}

func TestAScenarioWithoutATimeForSnapshotsIsRefused(t *testing.T) {
	s := snapshotting(1)
	s.Setup.Snapshots.Time = 0
	if s.Validate() == nil {
		t.Error("it is not")
	}
}
