package nodetest_test

import (
	"context"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// scrubbed runs three nodes that read over their disks once a minute, with snapshots in either
// mode and sixty commands done.
func scrubbed(t *testing.T, logs func(raft.NodeID, node.LogStore) node.LogStore, scenario func(ctx context.Context, b *bubble)) {
	inBothModes(t, func(t *testing.T, mode node.SnapshotMode) { scrubbedIn(t, mode, logs, scenario) })
}

func scrubbedIn(t *testing.T, mode node.SnapshotMode, logs func(raft.NodeID, node.LogStore) node.LogStore, scenario func(ctx context.Context, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{ballast: 600 << 10} }, func(c *node.Config) {
			hasty(c)
			c.ScrubInterval, c.ScrubBytesPerSecond = time.Minute, 1<<20
		})
		b.logs, b.mode = logs, mode
		b.bootAll()
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		b.work(ctx, 0, 60)
		scenario(ctx, b)
	})
}

// passes waits until a node has read over its disk from beginning to end, since now.
func (b *bubble) passes(ctx context.Context, id raft.NodeID) node.ScrubStats {
	n := b.nodes[id].node
	before := n.ScrubStats().Passes
	b.eventually(ctx, "the disk is read over", func() bool { return n.ScrubStats().Passes >= before+2 })
	return n.ScrubStats()
}

// TestScrubFindsNothingOnSoundDisks and takes its time: a mebibyte a second.
func TestScrubFindsNothingOnSoundDisks(t *testing.T) {
	scrubbed(t, nil, func(ctx context.Context, b *bubble) {
		for id := range b.nodes {
			began := time.Now()
			before := b.nodes[id].node.ScrubStats()
			s := b.passes(ctx, id)
			read := time.Duration(float64(s.Bytes-before.Bytes) / (1 << 20) * float64(time.Second))
			if s.Damaged != 0 || s.Bytes < 600<<10 || time.Since(began) < read {
				b.t.Errorf("%v: %+v within %v", id, s, time.Since(began))
			}
		}
	})
}

// TestScrubReplacesASnapshotThatRotted: nothing is written meanwhile, and afterwards the
// node can begin from a snapshot again without asking anybody.
func TestScrubReplacesASnapshotThatRotted(t *testing.T) {
	scrubbed(t, nil, func(ctx context.Context, b *bubble) {
		victim := b.follower(2)
		n := b.nodes[victim]
		if spoil(b.t, n.fs, "data/snapshots/2") == 0 {
			b.t.Fatal("there are no snapshots")
		}
		found := b.passes(ctx, victim).Damaged
		if found == 0 {
			b.t.Fatal("nothing is found")
		}
		files, err := n.store.Snapshots().List(2)
		if err != nil || len(files) == 0 {
			b.t.Fatalf("%v, %v", files, err)
		}
		newest := files[len(files)-1]
		if _, err := n.store.Snapshots().Verify(newest); err != nil || newest.Index < b.status(ctx, victim, 2).PurgedIndex {
			b.t.Fatalf("the newest is at %d, the log begins behind %d: %v", newest.Index, b.status(ctx, victim, 2).PurgedIndex, err)
		}
		if again := b.passes(ctx, victim).Damaged; again != found {
			b.t.Errorf("%d are found and then %d", found, again)
		}
		received := b.nodes[victim].node.SnapshotStats().ReceivedBytes
		disk := b.crash(victim)
		b.boot(victim, disk)
		b.expectSum(ctx, victim, 60)
		if got := b.nodes[victim].node.SnapshotStats(); received != 0 || got.ReceivedBytes != 0 || got.Damaged != 0 {
			b.t.Errorf("it could not begin from its own: %+v", got)
		}
		b.work(ctx, 60, 60)
	})
}

// TestScrubFetchesAModuleThatRotted from another node.
func TestScrubFetchesAModuleThatRotted(t *testing.T) {
	scrubbed(t, nil, func(ctx context.Context, b *bubble) {
		n := b.nodes[2]
		d := node.DigestOf([]byte("any bytes"))
		if err := flipBit(n.fs, "data/modules/"+hex.EncodeToString(d[:])+".wasm", 9); err != nil {
			b.t.Fatal(err)
		}
		if s := b.passes(ctx, 2); s.Damaged != 1 {
			b.t.Errorf("%+v", s)
		}
		if got, err := n.store.Modules().Read(storage.Digest(d)); err != nil || string(got) != "any bytes" {
			b.t.Errorf("%q, %v", got, err)
		}
	})
}

// rottenLog is a log in which an entry cannot be read any more.
type rottenLog struct {
	node.LogStore
	rotten *atomic.Bool
}

func (l rottenLog) Entries(g raft.GroupID, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error) {
	if l.rotten.Load() && g == 2 {
		return nil, &storage.DamagedError{Group: g, Index: lo, Why: "entry"}
	}
	return l.LogStore.Entries(g, lo, hi, bytesMax)
}

// TestScrubEndsANodeWhoseLogRotted: the cluster goes on, and the next start of the node
// knows what to do.
func TestScrubEndsANodeWhoseLogRotted(t *testing.T) {
	var rotten atomic.Bool
	logs := func(id raft.NodeID, s node.LogStore) node.LogStore {
		if id == 3 {
			return rottenLog{s, &rotten}
		}
		return s
	}
	scrubbed(t, logs, func(ctx context.Context, b *bubble) {
		defer rotten.Store(false)
		rotten.Store(true)
		select {
		case <-b.nodes[3].node.Failed():
		case <-ctx.Done():
			b.t.Fatal("it goes on")
		}
		if err := b.nodes[3].node.Cause(); !errors.Is(err, storage.ErrDamaged) || b.nodes[3].node.ScrubStats().Damaged != 1 {
			b.t.Errorf("the cause is %v", err)
		}
		disk := b.crash(3)
		b.work(ctx, 60, 10)
		rotten.Store(false)
		b.boot(3, disk)
		b.expectSum(ctx, 3, 70)
	})
}
