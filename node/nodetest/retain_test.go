package nodetest

import (
	"testing"
	"time"

	"github.com/wraft/wraft/node"
)

// shortLived is a world in which modules are removed all the time: logs are short, upgrades
// and rollbacks many, and nodes crash, some of them losing modules that others had then.
func shortLived(seed uint64) Config {
	return Config{
		Seed: seed, Upgrades: 5, Rollbacks: 3, Crashes: 6, Partitions: 4, Deletes: 1, LoseModules: true,
		SnapshotBytes: 300, TailEntries: 4, PinnedBytes: 100, ModuleGrace: 4 * time.Second,
	}
}

// TestSimOfShortLivedModules plays worlds in which nodes remove modules that others replay
// their logs with, or have lost.
func TestSimOfShortLivedModules(t *testing.T) {
	var removed, overtaken, asked int
	for seed := uint64(1); seed <= 20; seed++ {
		r := Run(shortLived(seed))
		for _, v := range r.Violations {
			t.Errorf("seed %d: %s", seed, v)
		}
		removed, overtaken, asked = removed+r.Removed, overtaken+r.Overtaken, asked+r.Asked
	}
	t.Logf("removed=%d overtaken=%d asked=%d", removed, overtaken, asked)
	if removed < 20 {
		t.Errorf("%d modules were removed: nothing was tried", removed)
	}
}

// TestSimCatchesForgottenNames plants bugs: names that do not count. Each must show within a
// few worlds as a machine that cannot go on, or back.
func TestSimCatchesForgottenNames(t *testing.T) {
	for name, forget := range map[string][]node.NamedBy{
		"what a rollback goes to": {node.NamedPrevious},
		"what runs":               {node.NamedActive, node.NamedReplica, node.NamedBeginning, node.NamedUpgrade},
	} {
		caught := false
		for seed := uint64(1); seed <= 20 && !caught; seed++ {
			c := shortLived(seed)
			c.Forget = forget
			if r := Run(c); len(r.Violations) > 0 {
				caught = true
				t.Logf("%s: caught by seed %d: %s", name, seed, r.Violations[0])
			}
		}
		if !caught {
			t.Errorf("nobody noticed that %s is forgotten", name)
		}
	}
}

// TestSimBehindLostModules: where nodes forget what their logs lead through, and so come to
// entries whose modules nobody has any more, they begin behind those from a peer's snapshot.
func TestSimBehindLostModules(t *testing.T) {
	var overtaken, asked int
	for seed := uint64(1); seed <= 30; seed++ {
		c := shortLived(seed)
		c.SnapshotBytes, c.TailEntries, c.Crashes = 2000, 60, 12
		c.Forget = []node.NamedBy{node.NamedBeginning, node.NamedUpgrade}
		r := Run(c)
		for _, v := range r.Violations {
			t.Errorf("seed %d: %s", seed, v)
		}
		overtaken, asked = overtaken+r.Overtaken, asked+r.Asked
	}
	t.Logf("overtaken=%d asked=%d", overtaken, asked)
	if overtaken == 0 || asked == overtaken {
		t.Errorf("%d replicas waited for a lost module and %d snapshots were asked for: nothing was tried", overtaken, asked)
	}
}
