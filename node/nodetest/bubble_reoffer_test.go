package nodetest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestANewLeaderDoesNotDisturbATransfer: while a follower is brought a snapshot over a slow
// link, leaders change again and again, some by the end of one, and each has taken newer ones. The first
// one arrives and nothing of another: those who may lead next keep its bytes and the log behind it.
func TestANewLeaderDoesNotDisturbATransfer(t *testing.T) {
	const size, changes, chunk = 2 << 20, 4, 256 << 10
	setUp := func(b *bubble) {
		b.fileRate = 128 << 10 // Why so slow: each change has its part of the way
		b.tune = func(c *node.Config) { steady(c); c.SnapshotsKept = 1 }
	}
	inSteadyBubbles(t, size, setUp, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		s.steps(ctx, 1, 3)
		leader := b.leader(2)
		away, next := others(leader)
		b.bootBehind(ctx, s, away)
		received := func() uint64 { return b.nodes[away].node.SnapshotStats().ReceivedBytes }
		b.eventually(ctx, "some of a snapshot is here", func() bool { return received() > size/16 })
		first := b.nodes[away].parts(t)
		for change := uint64(1); change <= changes; change++ {
			b.eventually(ctx, "the transfer goes on", func() bool { return received() >= change*size/(2*changes) })
			b.newSnapshots(ctx, s, away)
			if change == 1 || change == changes {
				b.lead(ctx, next)
			} else { // each of them once: what it was sending has to be opened anew
				disk := b.nodes[leader].fs
				b.stop(leader) // Why not a crash: what was removed, but not yet on disk, would be back
				b.eventually(ctx, "the other one leads", func() bool { return b.status(ctx, next, 2).Role == raft.Leader })
				b.boot(leader, disk)
			}
			leader, next = next, leader
		}
		b.eventually(ctx, "the transfer goes on", func() bool { return received() >= size*5/8 })
		if now := b.nodes[away].parts(t); len(first) != 1 || !slices.Equal(now, first) {
			t.Errorf("%v is being received, before it was %v", now, first)
		}
		if got := b.nodes[away].node.SnapshotStats(); got.Installed != 0 || got.ReceivedBytes > size*9/10 {
			t.Fatalf("%+v of snapshots of %d bytes: this shows nothing", got, size)
		}
		b.expectAlike(ctx, s.sum())
		if got := b.nodes[away].node.SnapshotStats(); got.Installed != 1 || got.ReceivedBytes < size || got.ReceivedBytes > size*105/100+changes*chunk {
			t.Errorf("%+v of snapshots of %d bytes", got, size)
		}
		b.cutBehind(ctx, s, leader, b.status(ctx, leader, 2).LastIndex) // nobody keeps it any more
		b.expectAlike(ctx, s.sum())
	})
}

// TestARestartedReceiverGoesOn: a follower is stopped while it is brought a snapshot, the others
// take newer ones, and it is started again: it is brought the rest of the first one.
func TestARestartedReceiverGoesOn(t *testing.T) {
	const size, chunk = 2 << 20, 256 << 10
	inSteadyBubbles(t, size, func(b *bubble) { b.fileRate = 256 << 10 }, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		s.steps(ctx, 1, 3)
		away, _ := others(b.leader(2))
		b.bootBehind(ctx, s, away)
		n := b.nodes[away]
		b.eventually(ctx, "half of a snapshot is here", func() bool { return n.node.SnapshotStats().ReceivedBytes > size/2 })
		first := n.parts(t)
		b.stop(away)
		before := n.node.SnapshotStats().ReceivedBytes // Why behind its end: until then more may come
		for range 2 {
			b.newSnapshots(ctx, s, away)
		}
		b.boot(away, n.fs)
		b.eventually(ctx, "the transfer goes on", func() bool { return b.nodes[away].node.SnapshotStats().ReceivedBytes > 0 })
		if now := b.nodes[away].parts(t); len(first) != 1 || !slices.Equal(now, first) {
			t.Errorf("%v is being received, before it was %v", now, first)
		}
		b.expectAlike(ctx, s.sum())
		got := b.nodes[away].node.SnapshotStats()
		if sum := before + got.ReceivedBytes; got.Installed != 1 || sum < size || sum > size*105/100+chunk {
			t.Errorf("%d bytes came of snapshots of %d, %+v", sum, size, got)
		}
	})
}

// TestANewLeaderOffersWhatItHas: a follower is brought a snapshot that only the leader has taken, and
// the leader ends. The next one has an older one with the log behind it, or a newer one: that one
// arrives, and none is taken anew, which would be whole where those share what they rest on.
func TestANewLeaderOffersWhatItHas(t *testing.T) {
	for _, which := range []string{"an older one", "a newer one"} {
		t.Run(which, func(t *testing.T) {
			inSteadyBubbles(t, reofferBytes, func(b *bubble) { b.fileRate = 256 << 10 }, func(ctx context.Context, t *testing.T, b *bubble) {
				b.leaderEndsSending(ctx, t, which == "a newer one")
			})
		})
	}
}

const reofferBytes = 2 << 20

// leaderEndsSending is the test with a snapshot of the next leader's that is newer than the one under
// way, or older.
func (b *bubble) leaderEndsSending(ctx context.Context, t *testing.T, newer bool) {
	s := b.newStepper(ctx)
	s.steps(ctx, 1, 3)
	leader := b.leader(2)
	away, next := others(leader)
	disk := b.crash(away)
	before := b.status(ctx, leader, 2).LastIndex
	b.awayForLong()
	b.cutBehind(ctx, s, leader, before)
	s.steps(ctx, leader, 1)
	own := b.status(ctx, next, 2).SnapshotIndex
	file, err := b.nodes[leader].node.TakeSnapshot(ctx, 2)
	if err != nil || file.Index <= own || b.status(ctx, next, 2).SnapshotIndex != own {
		t.Fatalf("the leader's snapshot is at %d, the other one's at %d (%v)", file.Index, own, err)
	}
	b.boot(away, disk)
	n := b.nodes[away].node
	b.eventually(ctx, "some of the leader's snapshot is here", func() bool { return n.SnapshotStats().ReceivedBytes > reofferBytes/4 })
	if newer {
		s.steps(ctx, leader, 1)
		b.eventually(ctx, "the next leader has gone on", func() bool { return b.status(ctx, next, 2).Applied > file.Index })
		f, err := b.nodes[next].node.TakeSnapshot(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
		own = f.Index
	}
	taken := b.nodes[next].node.SnapshotStats().Taken
	left := b.nodes[leader].fs
	b.stop(leader)
	b.eventually(ctx, "the follower has a snapshot", func() bool { return n.SnapshotStats().Installed > 0 })
	if now := b.nodes[next].node.SnapshotStats().Taken; now != taken {
		t.Errorf("the next leader has taken %d snapshots for the follower", now-taken)
	}
	if at := b.status(ctx, away, 2).SnapshotIndex; at != own {
		t.Errorf("the follower has a snapshot at %d, want the next leader's at %d", at, own)
	}
	b.boot(leader, left)
	s.steps(ctx, next, 3)
	b.expectAlike(ctx, s.sum())
}

// parts names the snapshots of the machine that a node is receiving.
func (n *bubbleNode) parts(t *testing.T) []string {
	t.Helper()
	names, err := n.fs.List("data/snapshots/2")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".part") })
}

// newSnapshots has commands done until all nodes but one have a newer snapshot.
func (b *bubble) newSnapshots(ctx context.Context, s *stepper, but raft.NodeID) {
	b.t.Helper()
	had := map[raft.NodeID]raft.Index{}
	for id := range b.nodes {
		had[id] = b.status(ctx, id, 2).SnapshotIndex
	}
	for missing := len(had); missing > 1; {
		s.steps(ctx, b.leader(2), 1)
		missing = 1
		for id, index := range had {
			if id != but && b.status(ctx, id, 2).SnapshotIndex == index {
				missing++
			}
		}
	}
}
