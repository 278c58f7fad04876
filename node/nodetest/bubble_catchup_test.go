package nodetest_test

import (
	"context"
	"testing"

	"github.com/wraft/wraft/raft"
)

// cutPair cuts two nodes off from each other, or no longer.
func (b *bubble) cutPair(x, y raft.NodeID, cut bool) {
	b.router.cutOff(bubbleAddr(x), bubbleAddr(y), cut)
	b.router.cutOff(bubbleAddr(y), bubbleAddr(x), cut)
}

// bootBehind kills a follower and starts it again when the others' logs do not reach back to
// it any more. All have a snapshot of what the machine has then.
func (b *bubble) bootBehind(ctx context.Context, s *stepper, away raft.NodeID) {
	b.t.Helper()
	disk := b.crash(away)
	before := b.status(ctx, b.leader(2), 2).LastIndex
	b.awayForLong()
	at, _ := others(away)
	b.cutBehind(ctx, s, at, before)
	b.boot(away, disk)
}

// cutBehind has commands done by a node until those that run have cut their logs behind an index.
func (b *bubble) cutBehind(ctx context.Context, s *stepper, at raft.NodeID, index raft.Index) {
	b.t.Helper()
	for cut := 0; cut < len(b.nodes); {
		s.steps(ctx, at, 1)
		cut = 0
		for id := range b.nodes {
			if b.status(ctx, id, 2).PurgedIndex > index {
				cut++
			}
		}
	}
}

// TestANewerSnapshotDoesNotDisturbATransfer is S3 and S4: while a follower is brought a
// snapshot, commands go on and newer ones are taken. The first one arrives, and nothing of
// another; the leader keeps what the follower needs of the log behind it, and no more after.
func TestANewerSnapshotDoesNotDisturbATransfer(t *testing.T) {
	const size, newer = 2 << 20, 3
	inSteadyBubbles(t, size, func(b *bubble) { b.fileRate = 256 << 10 }, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		s.steps(ctx, 1, 3)
		leader := b.leader(2)
		away, _ := others(leader)
		b.bootBehind(ctx, s, away)
		received := func() uint64 { return b.nodes[away].node.SnapshotStats().ReceivedBytes }
		b.eventually(ctx, "some of a snapshot is here", func() bool { return received() > size/4 })
		offered := b.status(ctx, leader, 2).SnapshotIndex

		taken := map[raft.Index]bool{}
		for len(taken) < newer {
			s.steps(ctx, leader, 1)
			at := b.status(ctx, leader, 2)
			if at.PurgedIndex > offered {
				t.Fatalf("the log is cut up to %d, the snapshot being sent is at %d", at.PurgedIndex, offered)
			}
			if at.SnapshotIndex > offered {
				taken[at.SnapshotIndex] = true
			}
		}
		if got := received(); got > size*3/4 {
			t.Fatalf("%d of %d bytes have come: this shows nothing", got, size)
		}
		b.expectAlike(ctx, s.sum())
		if got := b.nodes[away].node.SnapshotStats(); got.Installed != 1 || got.ReceivedBytes < size || got.ReceivedBytes > size*105/100 {
			t.Errorf("%+v of snapshots of %d bytes", got, size)
		}
		b.cutBehind(ctx, s, leader, offered) // and it is pinned no longer
		b.expectAlike(ctx, s.sum())
	})
}
