package nodetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// hasty takes a snapshot every few entries and keeps next to nothing of the log.
func hasty(c *node.Config) {
	c.SnapshotLogBytes, c.LogTailEntries, c.LogTailBytes, c.LogPinnedBytes = 1500, 2, 100, 1
}

// work has n commands done and checks their answers: the sum before was before.
func (b *bubble) work(ctx context.Context, before, n int) {
	b.t.Helper()
	answers := make(chan uint64, n)
	if err := b.client(ctx, n, answers); err != nil {
		b.t.Fatal(err)
	}
	close(answers)
	want := uint64(before)
	for got := range answers {
		if want++; got != want {
			b.t.Fatalf("an answer is %d, want %d: a command was lost or doubled", got, want)
		}
	}
}

// eventually waits in virtual time.
func (b *bubble) eventually(ctx context.Context, what string, holds func() bool) {
	b.t.Helper()
	for !holds() {
		if ctx.Err() != nil {
			b.t.Fatalf("never: %s", what)
		}
		time.Sleep(50 * time.Millisecond) // virtual
	}
}

func (b *bubble) status(ctx context.Context, id raft.NodeID, g raft.GroupID) raft.Status {
	b.t.Helper()
	info, err := b.nodes[id].node.Group(ctx, g, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return info.Status
}

// follower is a node that does not lead a group.
func (b *bubble) follower(g raft.GroupID) raft.NodeID { return b.leader(g)%3 + 1 }

// spoil flips a bit in every snapshot of a group on a disk.
func spoil(t *testing.T, fs *vfs.MemFS, folder string) (spoiled int) {
	t.Helper()
	names, err := fs.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".snap") {
			continue
		}
		f, err := fs.OpenReadWrite(fs.PathJoin(folder, name), "test")
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		var bit [1]byte
		_, err = f.ReadAt(bit[:], info.Size()/2)
		bit[0] ^= 8
		_, wrote := f.WriteAt(bit[:], info.Size()/2)
		if err := errors.Join(err, wrote, f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		spoiled++
	}
	return spoiled
}

// TestBubbleSnapshots runs a production cluster whose logs are cut all the time. A
// follower that was away gets a snapshot; nodes restart from theirs; one whose
// snapshots have all rotted gets one from a peer. Nothing is lost or doubled.
func TestBubbleSnapshots(t *testing.T) { inBothModes(t, bubbleSnapshots) }

func bubbleSnapshots(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{ballast: 600 << 10}, hasty)
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		b.work(ctx, 0, 60)

		away := b.follower(2)
		disk := b.crash(away)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		b.work(ctx, 60, 60)
		b.boot(away, disk)
		b.expectSum(ctx, away, 120)
		b.eventually(ctx, "it has installed a snapshot", func() bool { return b.nodes[away].node.SnapshotStats().Installed > 0 })
		b.work(ctx, 120, 30)

		for id := raft.NodeID(1); id <= 3; id++ {
			b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex > 0 })
			b.boot(id, b.crash(id))
			b.expectSum(ctx, id, 150)
		}

		rotten := b.follower(2)
		disk = b.crash(rotten)
		if spoil(t, disk, "data/snapshots/2") == 0 {
			t.Fatal("there was no snapshot to spoil")
		}
		b.boot(rotten, disk)
		b.expectSum(ctx, rotten, 150)
		if s := b.nodes[rotten].node.SnapshotStats(); s.Damaged == 0 || s.ReceivedBytes == 0 {
			t.Errorf("%+v: damage was not found, or not mended by a peer", s)
		}
		if exported := b.nodes[away].node.SnapshotStats().Exports > 0; exported != (mode == node.SnapshotExport) {
			t.Errorf("exported %v, the mode is %v", exported, mode)
		}
		b.work(ctx, 150, 30)
	})
}

// TestBubbleTransferIsCut brings a snapshot to a follower over a link that is cut, with
// a restart of the receiver in the middle and the end of the sender later on: the rest
// comes from the other node. Next to nothing is sent twice, and commands flow.
func TestBubbleTransferIsCut(t *testing.T) { inBothModes(t, bubbleTransferIsCut) }

func bubbleTransferIsCut(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		const size = 12 << 20
		b := tunedBubble(t, adders{ballast: size}, hasty)
		b.mode = mode
		b.fileRate = 1 << 20
		for id := raft.NodeID(1); id <= 3; id++ { // Why again: with the rate
			b.stop(id)
			b.boot(id, vfs.NewCrashableMem())
		}
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		away := b.follower(2)
		disk := b.crash(away)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		b.work(ctx, 0, 60)
		for id := range b.nodes {
			b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex > 0 })
		}
		b.boot(away, disk)

		before := uint64(0)
		received := func() uint64 { return before + b.nodes[away].node.SnapshotStats().ReceivedBytes }
		upTo := func(part uint64) {
			b.eventually(ctx, "the transfer goes on", func() bool { return received() >= size*part/8 })
		}
		for part := uint64(1); part <= 3; part++ {
			upTo(part)
			b.router.lose(1)
			time.Sleep(800 * time.Millisecond) // virtual
			b.router.lose(0)
		}
		upTo(4)
		halfway := b.nodes[away]
		b.stop(away)
		before = halfway.node.SnapshotStats().ReceivedBytes // Why behind its end: until then more may come
		b.boot(away, halfway.fs)
		upTo(6)
		b.stop(b.leader(2))
		b.expectSum(ctx, away, 60)
		s := b.nodes[away].node.SnapshotStats()
		t.Logf("%d bytes came for %d", received(), size)
		if s.Installed == 0 || received() < size || received() > size*110/100 {
			t.Errorf("%d bytes came for %d, installed %d", received(), size, s.Installed)
		}
		b.work(ctx, 60, 3)
	})
}

// TestBubbleSenderRots spoils all snapshots of the nodes that run while a follower is
// away, which then needs one: what cannot be sent is taken anew, also when nobody writes.
func TestBubbleSenderRots(t *testing.T) { inBothModes(t, bubbleSenderRots) }

func bubbleSenderRots(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{ballast: 600 << 10}, hasty)
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		away := b.follower(2)
		disk := b.crash(away)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		b.work(ctx, 0, 60)
		for id, n := range b.nodes {
			b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex > 0 })
			if spoil(t, n.fs, "data/snapshots/2") == 0 {
				t.Fatalf("node %v has no snapshot to spoil", id)
			}
		}
		b.boot(away, disk)
		b.expectSum(ctx, away, 60)
		b.work(ctx, 60, 3)
	})
}
