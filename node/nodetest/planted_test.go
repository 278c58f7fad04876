package nodetest

import (
	"testing"
	"time"
)

// forgetful is a world in which disks are lost, among crashes and cut links.
func forgetful(seed uint64) Config {
	return Config{
		Seed: seed, Wipes: 6, Crashes: 8, Partitions: 8, Loss: 0.05, DiskMax: 40 * time.Millisecond, DelayMax: 80 * time.Millisecond,
	}
}

// TestSimCatchesLivesThatAreMixedUp plants bugs in what keeps the lives of a node apart. Each must
// show within a few worlds, in which nothing is wrong without it.
func TestSimCatchesLivesThatAreMixedUp(t *testing.T) {
	for name, bug := range map[string]Bug{"a lost disk's node keeps its life": BugSameLife, "the first life begins again": BugFirstLifeAgain} {
		caught := false
		for seed := uint64(1); seed <= 20 && !caught; seed++ {
			c := forgetful(seed)
			if r := Run(c); len(r.Violations) > 0 || r.Wipes == 0 {
				t.Fatalf("seed %d without a bug: %d disks were lost, %v", seed, r.Wipes, r.Violations)
			}
			c.Plant = bug
			if r := Run(c); len(r.Violations) > 0 {
				caught = true
				t.Logf("%s: caught by seed %d: %s", name, seed, r.Violations[0])
			}
		}
		if !caught {
			t.Errorf("nobody noticed that %s", name)
		}
	}
}
