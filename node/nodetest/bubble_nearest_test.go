package nodetest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestSnapshotsComeFromNearby has a follower that was away get a snapshot while the leader
// is far and another follower near: it comes from the latter. When all that the latter has
// rots, what is missing comes from the leader in the end.
func TestSnapshotsComeFromNearby(t *testing.T) {
	for _, rotten := range []bool{false, true} {
		t.Run(map[bool]string{false: "sound", true: "rotten"}[rotten], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { snapshotFromNearby(t, rotten) })
		})
	}
}

func snapshotFromNearby(t *testing.T, rotten bool) {
	const size = 600 << 10
	const away, near, far = raft.NodeID(1), raft.NodeID(2), raft.NodeID(3) // the lowest ID dials the others at once
	b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{ballast: size} }, hasty)
	b.router.stretch(bubbleAddr(away), bubbleAddr(far), 100*time.Millisecond)
	b.router.stretch(bubbleAddr(near), bubbleAddr(far), 100*time.Millisecond)
	b.bootAll()
	defer b.close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	b.deploy(ctx, far, "adder", []byte("any bytes"))
	g := b.awaitMachine(ctx, far, "adder").Group
	if _, err := b.nodes[far].node.TransferLeadership(ctx, g, far); err != nil {
		t.Fatal(err)
	}
	b.work(ctx, 0, 10)
	disk := b.crash(away)
	time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
	b.work(ctx, 10, 50)
	for _, id := range []raft.NodeID{near, far} {
		b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, g).PurgedIndex > 0 })
	}
	if rotten && spoil(t, b.nodes[near].fs, "data/snapshots/2") == 0 {
		t.Fatal("there was no snapshot to spoil")
	}
	b.expectNear(ctx, disk, rotten, size)
}

// expectNear boots the node that was away and looks whence its snapshot comes.
func (b *bubble) expectNear(ctx context.Context, disk *vfs.MemFS, rotten bool, size uint64) {
	b.t.Helper()
	b.boot(1, disk)
	b.expectSum(ctx, 1, 60)
	if s := b.nodes[1].node.SnapshotStats(); s.Installed == 0 {
		b.t.Fatalf("%+v: it needed no snapshot", s)
	}
	links := b.networks[1].Links()
	if near, far := links[0].RecvBytes, links[1].RecvBytes; !rotten && (near < size || far > size/2) || rotten && far < size/4 {
		b.t.Errorf("%d bytes came from nearby and %d from the leader for a snapshot of %d", near, far, size)
	}
}
