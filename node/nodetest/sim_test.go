package nodetest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/wraft/wraft/node"
)

var (
	seeds = flag.Int("seeds", seedsByDefault(), "how many seeds TestSim plays; WRAFT_SIM_SEEDS sets the default")
	first = flag.Uint64("first", 1, "the first seed")
)

func seedsByDefault() int {
	if n, err := strconv.Atoi(os.Getenv("WRAFT_SIM_SEEDS")); err == nil && n > 0 {
		return n
	}
	return 60
}

// swarm picks a world by its seed: a tenth of them have no faults.
func swarm(seed uint64) Config {
	r := chance{seed}.at("swarm")
	c := Config{Seed: seed}
	if r.IntN(10) == 0 {
		return c
	}
	pick := func(f func()) {
		if r.IntN(2) == 0 {
			f()
		}
	}
	pick(func() { c.Loss = r.Float64() * 0.15 })
	pick(func() { c.Duplicate = r.Float64() * 0.1 })
	pick(func() { c.Crashes = 1 + r.IntN(8) })
	pick(func() { c.Partitions = 1 + r.IntN(8) })
	pick(func() { c.DelayMax = between(r, 5*time.Millisecond, 150*time.Millisecond) })
	pick(func() { c.DiskMax = between(r, 3*time.Millisecond, 80*time.Millisecond) })
	pick(func() { c.CacheBytesMax = 200 })
	pick(func() { c.ApplyBytesMax = 300 })
	pick(func() { c.Nodes = 5 })
	pick(func() { c.Upgrades = 1 + r.IntN(6) })
	pick(func() { c.LoseModules = true })
	pick(func() { c.Wipes = 1 + r.IntN(5) })
	pick(func() {
		c.SnapshotBytes, c.Crashes = 200+r.Uint64N(1000), c.Crashes+2 // Why: who is never away needs no snapshot
		pick(func() { c.TailEntries, c.PinnedBytes = 1+r.IntN(5), 1+r.Uint64N(300) })
		pick(func() { c.Damage = true })
		pick(func() { c.Snapshot = node.SnapshotExport })
		pick(func() { c.ModeChanges = 1 + r.IntN(4) })
	})
	pick(func() { c.Deletes = 1 + r.IntN(3) })
	pick(func() { c.ModuleGrace = between(r, 4*time.Second, 12*time.Second) })
	pick(func() { c.LeaseReads = true })
	pick(func() { c.Keys = true })
	if c.Upgrades > 0 {
		pick(func() { c.Rollbacks = 1 + r.IntN(3) })
	}
	pick(func() { c.Churn = 1 + r.IntN(3) })
	return c
}

// TestSim plays seeds; each must finish its work and break nothing. A failing one
// is printed with the command that plays it again.
func TestSim(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n = min(n, 15)
	}
	var total Result
	defer func() {
		t.Logf("upgrades=%d refused=%d orders=%d waits=%d", total.Upgrades, total.Refused, total.Orders, total.Waits)
		t.Logf("wipes=%d changes=%d churned=%d", total.Wipes, total.Changes, total.Churned)
		t.Logf("exports=%d refusals=%d from-exports=%d mode-changes=%d", total.Exports, total.Refusals, total.FromExports, total.ModeChanges)
		t.Logf("deleted=%d", total.Deleted)
		t.Logf("removed=%d overtaken=%d", total.Removed, total.Overtaken)
		t.Logf("snapshots=%d installs=%d restores=%d damaged=%d asked=%d", total.Snapshots, total.Installs, total.Restores, total.Damaged, total.Asked)
	}()
	for i := range n {
		seed := *first + uint64(i)
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			c := swarm(seed)
			r := Run(c)
			for _, v := range r.Violations {
				t.Errorf("%s", v)
			}
			if want := c.withDefaults().Clients * c.withDefaults().Operations; r.Acknowledged != want {
				t.Errorf("%d commands were acknowledged, want %d", r.Acknowledged, want)
			}
			total.Upgrades, total.Refused = total.Upgrades+r.Upgrades, total.Refused+r.Refused
			total.Orders, total.Waits = total.Orders+r.Orders, total.Waits+r.Waits
			total.Snapshots, total.Installs, total.Restores = total.Snapshots+r.Snapshots, total.Installs+r.Installs, total.Restores+r.Restores
			total.Wipes, total.Changes = total.Wipes+r.Wipes, total.Changes+r.Changes
			total.Deleted, total.Churned = total.Deleted+r.Deleted, total.Churned+r.Churned
			total.Removed, total.Overtaken = total.Removed+r.Removed, total.Overtaken+r.Overtaken
			if r.Deleted != c.Deletes {
				t.Errorf("%d machines were deleted, want %d", r.Deleted, c.Deletes)
			}
			if r.Churned != c.Churn {
				t.Errorf("%d nodes were replaced, want %d", r.Churned, c.Churn)
			}
			total.Damaged, total.Asked = total.Damaged+r.Damaged, total.Asked+r.Asked
			total.Exports, total.Refusals = total.Exports+r.Exports, total.Refusals+r.Refusals
			total.FromExports, total.ModeChanges = total.FromExports+r.FromExports, total.ModeChanges+r.ModeChanges
			if r.Reads == 0 {
				t.Error("no read was answered")
			}
			if t.Failed() {
				t.Logf("play it again: go test ./node/nodetest -run TestSim -first %d -seeds 1 -v; world: %+v", seed, c)
			}
		})
	}
}

// TestSimIsReplayable plays seeds twice: everything must be the same.
func TestSimIsReplayable(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		a, b := Run(swarm(seed)), Run(swarm(seed))
		if a.Hash != b.Hash {
			t.Errorf("seed %d: two runs differ: %x and %x", seed, a.Hash, b.Hash)
		}
	}
}

// TestQuietWorldKeepsItsLeader: without faults nobody starts a second election.
func TestQuietWorldKeepsItsLeader(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		r := Run(Config{Seed: seed})
		if len(r.Violations) > 0 {
			t.Errorf("seed %d: %v", seed, r.Violations)
		}
		if r.Terms > 3 { // Why not 1: first elections may be split votes
			t.Errorf("seed %d: reached term %d without a fault", seed, r.Terms)
		}
	}
}
