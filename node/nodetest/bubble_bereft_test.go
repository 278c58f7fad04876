package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/raft"
)

// beyondUse are damages after which nobody knows what a node promised.
var beyondUse = map[string][]string{
	"store and votes are lost":      {"data/store", "data/votes"},
	"store and identity are lost":   {"data/store", "data/identity"},
	"formats and votes are lost":    {"data/FORMAT", "data/votes"},
	"everything in the folder rots": nil,
}

// ruin damages a disk beyond use.
func ruin(fs *vfs.MemFS, lost []string) error {
	if lost == nil {
		return errors.Join(flipBit(fs, "data/votes", 70), flipBit(fs, "data/identity", 70), fs.RemoveAll("data/store"))
	}
	var err error
	for _, path := range lost {
		err = errors.Join(err, fs.RemoveAll(path))
	}
	return err
}

// TestANodeWhoseDirectoryIsBeyondUseComesBack: what is left is set aside, and the node
// gets another life.
func TestANodeWhoseDirectoryIsBeyondUseComesBack(t *testing.T) {
	for name, lost := range beyondUse {
		t.Run(name, func(t *testing.T) {
			inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
				answers := make(chan uint64, 40)
				if err := b.client(ctx, 20, answers); err != nil {
					t.Fatal(err)
				}
				victim := b.leader(2)
				disk := b.crash(victim)
				if err := ruin(disk, lost); err != nil {
					t.Fatal(err)
				}
				b.boot(victim, disk)
				if err := b.client(ctx, 20, answers); err != nil {
					t.Fatal(err)
				}
				b.expectLife(ctx, victim, 2)
				b.expectSum(ctx, victim, 40)
				// Why not always: with the identity gone the rest is no damage, but proof of a past.
				if _, err := disk.Stat("data/damaged-1"); err != nil && name != "store and identity are lost" {
					t.Errorf("nothing was kept: %v", err)
				}
			})
		})
	}
}

// TestThreeBereftNodesDoNotBeginAnew: each of them knows that there was a cluster.
func TestThreeBereftNodesDoNotBeginAnew(t *testing.T) {
	inEachBubble(t, func(_ context.Context, t *testing.T, b *bubble) {
		for id := raft.NodeID(1); id <= 3; id++ {
			disk := b.crash(id)
			lost := [][]string{nil, {"data/store", "data/identity"}}[id%2]
			if id == 3 { // a bereft node and one with an empty disk do not, either
				disk = vfs.NewCrashableMem()
			} else if err := ruin(disk, lost); err != nil {
				t.Fatal(err)
			}
			b.boot(id, disk)
		}
		time.Sleep(2 * time.Minute) // virtual
		synctest.Wait()
		for id := raft.NodeID(1); id <= 3; id++ {
			if _, ok := b.nodes[id].store.Identity(); ok || b.nodes[id].node.Leader(1) != 0 {
				t.Errorf("%v has begun a cluster", id)
			}
		}
	})
}
