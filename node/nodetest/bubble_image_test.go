package nodetest_test

import (
	"context"
	"fmt"
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
// export the same, and the replicas that compare their memory agree.
func TestBubbleImages(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles Go guests")
	}
	first, second := wasmtest.Counter(t), wasmtest.Counter2(t)
	engine := sharedEngine(t)
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, node.NewWASM(engine), hasty)
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
				if err != nil || string(r.Data) != fmt.Sprintf(format, value) {
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
		const after = `{"value":%d,"version":2,"from":0}`
		add(300, after) // Why so many: states are compared behind every 256th entry
		b.boot(away, disk)
		b.expectCounter(ctx, away, fmt.Sprintf(after, value))
		b.expectRunning(ctx, away, u.To.Module, u.Index)
		if s := b.nodes[away].node.SnapshotStats(); s.Installed == 0 {
			t.Errorf("%+v: it has installed nothing", s)
		}
		add(300, after)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, b.crash(id))
			b.expectCounter(ctx, id, fmt.Sprintf(after, value))
		}
		rotten := b.follower(2)
		disk = b.crash(rotten)
		spoil(t, disk, "data/snapshots/2")
		b.boot(rotten, disk)
		add(300, after)
		digests := map[string]bool{}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectCounter(ctx, id, fmt.Sprintf(after, value))
			b.expectRunning(ctx, id, u.To.Module, u.Index)
			d, _, err := b.nodes[id].node.Digest(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			digests[fmt.Sprintf("%x", d)] = true
			if info, err := b.nodes[id].node.Group(ctx, 2, "counter"); err != nil || info.Rebuilt != 0 {
				t.Errorf("node %v made its machine anew %d times: states differ, %v", id, info.Rebuilt, err)
			}
			t.Logf("node %v: %+v", id, b.nodes[id].node.SnapshotStats())
		}
		if len(digests) != 1 {
			t.Errorf("the nodes export %d different states", len(digests))
		}
	})
}
