package nodetest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// inExportBubble runs a scenario on a cluster whose machine makes snapshots of exports all
// the time.
func inExportBubble(t *testing.T, module string, scenario func(ctx context.Context, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, heirs{adders{ballast: 200 << 10}}, hasty)
		b.mode = node.SnapshotExport
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte(module))
		scenario(ctx, b)
	})
}

// settled waits until all nodes have applied what is committed, and returns the outcome
// of the newest export, which they must agree on.
func (b *bubble) settled(ctx context.Context) (last node.ExportOutcome) {
	b.t.Helper()
	b.eventually(ctx, "all nodes are at one index", func() bool {
		seen := map[raft.Index]bool{}
		for id := range b.nodes {
			info := b.info(ctx, id)
			seen[info.Applied], seen[info.Status.LastIndex] = true, true
		}
		return len(seen) == 1
	})
	outcomes := map[node.ExportOutcome]bool{}
	for id, n := range b.nodes {
		last = n.node.LastExport(2)
		outcomes[last] = true
		if info := b.info(ctx, id); info.Rebuilt != 0 {
			b.t.Errorf("node %v made its machine anew %d times: states differ", id, info.Rebuilt)
		}
	}
	if len(outcomes) != 1 {
		b.t.Errorf("the nodes know different outcomes: %v", outcomes)
	}
	return last
}

// files are a node's snapshots of the machine.
func (b *bubble) files(id raft.NodeID) map[raft.Index]storage.SnapshotFile {
	b.t.Helper()
	list, err := b.nodes[id].store.Snapshots().List(2)
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[raft.Index]storage.SnapshotFile{}
	for _, f := range list {
		out[f.Index] = f
	}
	return out
}

// kindOf reads a snapshot to its end.
func (b *bubble) kindOf(id raft.NodeID, f storage.SnapshotFile) string {
	b.t.Helper()
	h, err := b.nodes[id].store.Snapshots().Verify(f)
	if err != nil {
		b.t.Error(err)
	}
	return h.Kind
}

// TestBubbleExports runs commands without a pause while machines export again and again:
// every command takes effect once, all nodes export behind the same entries and record
// the same bytes there. One that restarts from its export, and one that was away for
// long, have the state of the others; all that is compared behind every 256th entry.
func TestBubbleExports(t *testing.T) {
	inExportBubble(t, "any bytes", func(ctx context.Context, b *bubble) {
		b.work(ctx, 0, 300)
		first := b.settled(ctx)
		if first.Index == 0 || first.Status != 0 {
			t.Fatalf("the newest export is %+v", first)
		}
		b.eventually(ctx, "it is written down everywhere", func() bool {
			for id := range b.nodes {
				if b.files(id)[first.Index].Index == 0 {
					return false
				}
			}
			return true
		})
		want := b.files(1)[first.Index]
		for id := range b.nodes {
			if got := b.files(id)[first.Index]; got != want || b.kindOf(id, got) != "export/1" {
				t.Errorf("node %v has %+v, node 1 %+v", id, got, want)
			}
		}
		away := b.follower(2)
		disk := b.crash(away)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		b.work(ctx, 300, 60)
		b.boot(away, disk)
		b.expectSum(ctx, away, 360)
		if s := b.nodes[away].node.SnapshotStats(); s.Installed == 0 {
			t.Errorf("%+v: it has installed nothing", s)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, b.crash(id))
			b.expectSum(ctx, id, 360)
		}
		b.work(ctx, 360, 2*node.CheckEvery)
		if last := b.settled(ctx); last.Status != 0 || last.Index <= first.Index {
			t.Errorf("the newest export is %+v", last)
		}
	})
}

// TestBubbleRefusedExports: a machine whose module does not take its state back goes on,
// on all nodes alike; images are recorded, logs are cut and nodes restart. An upgrade
// that mends it ends that.
func TestBubbleRefusedExports(t *testing.T) {
	inExportBubble(t, "traps", func(ctx context.Context, b *bubble) {
		b.work(ctx, 0, 2*node.CheckEvery)
		last := b.settled(ctx)
		if last.Status != node.StatusExportRefused || !strings.Contains(last.Reason, "does not take its state back: wraft_restore: unreachable") {
			t.Fatalf("the newest export is %+v", last)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex > 2*node.CheckEvery-60 })
			for _, f := range b.files(id) {
				if k := b.kindOf(id, f); k != "state/1" {
					t.Errorf("node %v has a file of kind %s", id, k)
				}
			}
			if s := b.nodes[id].node.SnapshotStats(); s.Exports != 0 || s.ExportsRefused == 0 {
				t.Errorf("node %v: %+v", id, s)
			}
			b.boot(id, b.crash(id))
			b.expectSum(ctx, id, 2*node.CheckEvery)
		}
		_, u, _, err := b.nodes[1].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, 1, []byte("mended"))})
		if err != nil {
			t.Fatal(err)
		}
		b.work(ctx, 2*node.CheckEvery, 60)
		if last := b.settled(ctx); last.Status != 0 || last.Index <= u.Index {
			t.Errorf("the newest export is %+v, the upgrade at %d", last, u.Index)
		}
	})
}

// TestBubbleModeChanges: a deploy changes of what snapshots are made, and back. A node
// that was away meanwhile learns of it, and exports with the others.
func TestBubbleModeChanges(t *testing.T) {
	inExportBubble(t, "any bytes", func(ctx context.Context, b *bubble) {
		deploy := func(via raft.NodeID, mode node.SnapshotMode) {
			t.Helper()
			m, created, err := b.nodes[via].node.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: node.DigestOf([]byte("any bytes")), Snapshot: mode})
			if err != nil || created || m.Snapshot != mode {
				t.Fatalf("%+v, created %v, %v", m, created, err)
			}
		}
		b.work(ctx, 0, 40)
		first := b.settled(ctx)
		deploy(2, node.SnapshotImage)
		b.work(ctx, 40, 80)
		second := b.settled(ctx)
		if first.Index == 0 || second.Index > first.Index+20 { // one may have been on its way
			t.Errorf("the newest exports are %+v and, with images, %+v", first, second)
		}
		away := b.follower(2)
		disk := b.crash(away)
		deploy(b.leader(2), node.SnapshotExport)
		b.work(ctx, 120, 10)
		b.boot(away, disk)
		b.expectSum(ctx, away, 130)
		b.work(ctx, 130, node.CheckEvery)
		if last := b.settled(ctx); last.Index <= second.Index || last.Status != 0 {
			t.Errorf("the newest export is %+v", last)
		}
	})
}

// TestBubbleUpgradeBetweenExports: a machine whose snapshots are exports is upgraded, a
// node that missed it gets an export of the new module, and a rollback exports the old one.
func TestBubbleUpgradeBetweenExports(t *testing.T) {
	inExportBubble(t, "first", func(ctx context.Context, b *bubble) {
		b.work(ctx, 0, 40)
		away := b.follower(2)
		disk := b.crash(away)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		via := b.leader(2)
		_, u, _, err := b.nodes[via].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, via, []byte("second"))})
		if err != nil {
			t.Fatal(err)
		}
		b.work(ctx, 40, 60)
		b.boot(away, disk)
		b.expectRunning(ctx, away, u.To.Module, u.Index)
		b.expectSum(ctx, away, 100)
		if s := b.nodes[away].node.SnapshotStats(); s.Installed == 0 {
			t.Errorf("%+v: it has installed nothing", s)
		}
		_, back, _, err := b.nodes[away].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Rollback: true})
		if err != nil {
			t.Fatal(err)
		}
		b.work(ctx, 100, node.CheckEvery)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, b.crash(id))
			b.expectRunning(ctx, id, u.From.Module, back.Index)
			b.expectSum(ctx, id, 100+node.CheckEvery)
		}
		if last := b.settled(ctx); last.Index <= back.Index {
			t.Errorf("the newest export is %+v, the rollback at %d", last, back.Index)
		}
	})
}
