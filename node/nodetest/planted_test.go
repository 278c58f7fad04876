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

// churned is one in which nodes are replaced.
func churned(seed uint64) Config {
	c := forgetful(seed)
	c.Wipes, c.Churn = 0, 2
	return c
}

// TestSimCatchesLivesThatAreMixedUp plants bugs in what keeps the lives of a node apart. Each must
// show within a few worlds, in which nothing is wrong without it.
func TestSimCatchesLivesThatAreMixedUp(t *testing.T) {
	for name, plant := range map[string]struct {
		bug   Bug
		world func(seed uint64) Config
	}{
		"a lost disk's node keeps its life":             {BugSameLife, forgetful},
		"the first life begins again":                   {BugFirstLifeAgain, forgetful},
		"a new node has the life of the one that left":  {BugSameLife, churned},
		"a new node begins the first life under its ID": {BugFirstLifeAgain, churned},
	} {
		caught := false
		for seed := uint64(1); seed <= 20 && !caught; seed++ {
			c := plant.world(seed)
			if r := Run(c); len(r.Violations) > 0 || r.Wipes+r.Churned == 0 {
				t.Fatalf("seed %d without a bug: %d disks were lost, %d nodes replaced, %v", seed, r.Wipes, r.Churned, r.Violations)
			}
			c.Plant = plant.bug
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
