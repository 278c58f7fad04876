package nodetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestBubbleImages: a node misses an upgrade and the log that held it. It gets an image
// of a machine whose module it has never seen, and the module. Then all nodes restart
// from images and increments, and one whose files have rotted from a peer's. All
// export the same, and the replicas that compare their memory agree. With exports in
// place of images it is the same story.
func TestBubbleImages(t *testing.T) { inBothModes(t, bubbleImages) }

func bubbleImages(t *testing.T, mode node.SnapshotMode) {
	if testing.Short() {
		t.Skip("compiles Go guests")
	}
	first, second := wasmtest.Counter(t), wasmtest.Counter2(t)
	engine := sharedEngine(t)
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, node.NewWASM(engine), hasty)
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 3, "counter", first)
		value := 0
		add := func(n int, format string) {
			t.Helper()
			for range n {
				value++
				r, err := b.nodes[b.leader(2)].node.Call(ctx, "counter", node.Call{Data: []byte("incr"), Forward: true})
				if err != nil || !strings.HasPrefix(string(r.Data), fmt.Sprintf(format, value)) {
					t.Fatalf("%q, %v; want %d", r.Data, err, value)
				}
			}
		}
		add(40, `{"value":%d}`)
		away := b.follower(2)
		disk := b.crash(away)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		via := b.leader(2)
		_, u, _, err := b.nodes[via].node.Upgrade(ctx, node.UpgradeRequest{Machine: "counter", Module: b.upload(ctx, via, second)})
		if err != nil {
			t.Fatal(err)
		}
		const during = `{"value":%d,"version":2,`
		after := during + `"from":0}`
		if mode == node.SnapshotExport {
			after = during + `"from":2}` // since the first export
		}
		add(300, during) // Why so many: states are compared behind every 256th entry
		b.boot(away, disk)
		b.expectCounter(ctx, away, fmt.Sprintf(after, value))
		b.expectRunning(ctx, away, u.To.Module, u.Index)
		if s := b.nodes[away].node.SnapshotStats(); s.Installed == 0 {
			t.Errorf("%+v: it has installed nothing", s)
		}
		add(300, during)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, b.crash(id))
			b.expectCounter(ctx, id, fmt.Sprintf(after, value))
		}
		rotten := b.follower(2)
		disk = b.crash(rotten)
		spoil(t, disk, "data/snapshots/2")
		b.boot(rotten, disk)
		add(300, during)
		b.agreeOnImages(ctx, mode, fmt.Sprintf(after, value), u)
	})
}

// agreeOnImages looks at all nodes: they answer and export the same, and had neither to
// make their machine anew nor another kind of snapshots than the mode asks for.
func (b *bubble) agreeOnImages(ctx context.Context, mode node.SnapshotMode, counter string, u node.UpgradeRecord) {
	b.t.Helper()
	digests := map[string]bool{}
	for id := raft.NodeID(1); id <= 3; id++ {
		b.expectCounter(ctx, id, counter)
		b.expectRunning(ctx, id, u.To.Module, u.Index)
		d, _, err := b.nodes[id].node.Digest(ctx, 2)
		if err != nil {
			b.t.Fatal(err)
		}
		digests[fmt.Sprintf("%x", d)] = true
		if info, err := b.nodes[id].node.Group(ctx, 2, "counter"); err != nil || info.Rebuilt != 0 {
			b.t.Errorf("node %v made its machine anew %d times: states differ, %v", id, info.Rebuilt, err)
		}
		s := b.nodes[id].node.SnapshotStats()
		b.t.Logf("node %v: %+v", id, s)
		if exported := s.Exports > 0; exported != (mode == node.SnapshotExport) || s.ExportsRefused > 0 {
			b.t.Errorf("node %v: exported %v, refused %d, the mode is %v", id, exported, s.ExportsRefused, mode)
		}
	}
	if len(digests) != 1 {
		b.t.Errorf("the nodes export %d different states", len(digests))
	}
}
