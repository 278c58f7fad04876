package nodetest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

const (
	smallDiskBytes = 16 << 20
	smallMinFree   = 6 << 20
	smallBallast   = 2 << 20
)

// inSmallBubble runs a cluster of three whose nodes have disks of smallDiskBytes, with a
// machine that adds and of which they take snapshots, in either mode.
func inSmallBubble(t *testing.T, test func(ctx context.Context, t *testing.T, b *bubble, disks map[raft.NodeID]*smallDisk)) {
	inBothModes(t, func(t *testing.T, mode node.SnapshotMode) { inSmallBubbleOf(t, mode, test) })
}

func inSmallBubbleOf(t *testing.T, mode node.SnapshotMode, test func(ctx context.Context, t *testing.T, b *bubble, disks map[raft.NodeID]*smallDisk)) {
	synctest.Test(t, func(t *testing.T) {
		disks := map[raft.NodeID]*smallDisk{}
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{ballast: 20 << 10} }, func(c *node.Config) {
			c.SnapshotLogBytes, c.LogTailEntries, c.LogTailBytes = 128<<10, 10, 64<<10
		})
		b.mode = mode
		b.watch = func(id raft.NodeID, mem *vfs.MemFS) vfs.FS {
			if old := disks[id]; old == nil || old.MemFS != mem {
				disks[id] = &smallDisk{MemFS: mem, size: smallDiskBytes}
				if old != nil {
					disks[id].others = old.others
				}
			}
			return disks[id]
		}
		b.options = func(_ raft.NodeID, o *storage.Options) {
			o.MinFreeBytes, o.BallastBytes, o.MemTableBytes = smallMinFree, smallBallast, 256<<10
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, vfs.NewCrashableMem())
		}
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		test(ctx, t, b, disks)
		for id, d := range disks {
			if n := d.deniedWrites(); n > 0 {
				t.Errorf("%d writes of %v found no room", n, id)
			}
		}
	})
}

// loader adds in a session for as long as it is wanted, and knows what was acknowledged.
type loader struct {
	acked   uint64 // bytes, each of which adds one
	refused int    // because a disk is full
}

// write adds bytes once, and repeats that until it is done or refused for want of room.
func (l *loader) write(ctx context.Context, b *bubble, session node.SessionID, seq uint64, bytes int) error {
	for ctx.Err() == nil {
		for id := raft.NodeID(1); id <= 3; id++ {
			n := b.nodes[id]
			if n == nil {
				continue
			}
			try, cancel := context.WithTimeout(ctx, 2*time.Second)
			r, err := n.node.Call(try, "adder", node.Call{Data: make([]byte, bytes), Session: session, Sequence: seq, AckBelow: seq, Forward: true})
			cancel()
			switch {
			case err == nil && r.Status == 0:
				l.acked += uint64(bytes)
				if got := binary.BigEndian.Uint64(r.Data); got != l.acked {
					return errors.New("a command was lost or doubled")
				}
				return nil
			case errors.Is(err, node.ErrDiskFull):
				l.refused++
				return err
			}
		}
	}
	return ctx.Err()
}

// TestFullDisks fills disks under load: one follower's, the leader's, all. Nobody's write
// fails, commands go on or are refused in plain words, nothing acknowledged is lost, and
// all of it ends by itself when there is room again.
func TestFullDisks(t *testing.T) {
	for name, test := range map[string]struct {
		full   func(leader raft.NodeID) []raft.NodeID
		refuse bool // commands are refused meanwhile
	}{
		"a follower's": {func(l raft.NodeID) []raft.NodeID { return []raft.NodeID{l%3 + 1} }, false},
		"the leader's": {func(l raft.NodeID) []raft.NodeID { return []raft.NodeID{l} }, false},
		"two":          {func(l raft.NodeID) []raft.NodeID { return []raft.NodeID{l, l%3 + 1} }, true},
		"all":          {func(raft.NodeID) []raft.NodeID { return []raft.NodeID{1, 2, 3} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inSmallBubble(t, func(ctx context.Context, t *testing.T, b *bubble, disks map[raft.NodeID]*smallDisk) {
				l := &loader{}
				session, err := b.nodes[1].node.OpenSession(ctx, "adder")
				if err != nil {
					t.Fatal(err)
				}
				seq := uint64(0)
				load := func() (failed error) {
					for until := time.Now().Add(4 * time.Second); time.Now().Before(until); { // virtual
						// Why the same again: an attempt before the refused one may have been taken.
						if err := l.write(ctx, b, session, seq+1, 4<<10); err != nil {
							failed = err
							time.Sleep(50 * time.Millisecond) // virtual
							continue
						}
						seq++
					}
					return failed
				}
				if err := load(); err != nil {
					t.Fatal(err)
				}
				leader := b.leader(2)
				full := test.full(leader)
				for _, id := range full {
					disks[id].fill(smallMinFree - 100)
				}
				err = load()
				if test.refuse != errors.Is(err, node.ErrDiskFull) || !test.refuse && err != nil {
					t.Fatalf("with full disks: %v", err)
				}
				b.expectFull(ctx, full)
				for _, id := range full {
					disks[id].clear()
				}
				time.Sleep(3 * time.Second) // virtual: they look
				if err := load(); err != nil {
					t.Fatalf("with room again: %v", err)
				}
				t.Logf("%d commands done, %d times refused", seq, l.refused)
				for id := raft.NodeID(1); id <= 3; id++ {
					b.expectSum(ctx, id, l.acked)
					if s := b.nodes[id].node.SnapshotStats(); s.Taken == 0 || (s.Exports > 0) != (b.mode == node.SnapshotExport) {
						t.Errorf("%v: %+v", id, s)
					}
				}
			})
		})
	}
}

// expectFull checks that the nodes with full disks, and only they, say so, that the leader
// names them, and that it is none of them unless there is no other.
func (b *bubble) expectFull(ctx context.Context, full []raft.NodeID) {
	b.t.Helper()
	want := map[raft.NodeID]bool{}
	for _, id := range full {
		want[id] = true
	}
	leader := b.leader(2)
	if want[leader] && len(full) < 2 {
		b.t.Errorf("%v leads, whose disk is full", leader)
	}
	for id, n := range b.nodes {
		info, err := n.node.Group(ctx, 2, "adder")
		if err != nil || info.Status.DiskFull != want[id] || n.node.Room().Low != want[id] {
			b.t.Errorf("%v: %+v, %v", id, info.Status, err)
		}
		for _, f := range info.Status.Followers {
			if f.DiskFull != want[f.ID] {
				b.t.Errorf("the leader says of %v: full is %v", f.ID, f.DiskFull)
			}
		}
	}
}

// TestRestartOnFullDisks: with all disks full to the last byte the nodes crash and come
// back, thanks to their ballast, elect a leader and answer reads; a module is refused.
func TestRestartOnFullDisks(t *testing.T) {
	inSmallBubble(t, func(ctx context.Context, t *testing.T, b *bubble, disks map[raft.NodeID]*smallDisk) {
		l := &loader{}
		session, err := b.nodes[1].node.OpenSession(ctx, "adder")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.write(ctx, b, session, 1, 4<<10); err != nil {
			t.Fatal(err)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			disks[id].fill(smallMinFree - 100)
		}
		time.Sleep(3 * time.Second) // virtual: they look
		for id := raft.NodeID(1); id <= 3; id++ {
			disks[id].fill(0)
			disk := b.crash(id)
			b.boot(id, disk)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, l.acked)
		}
		if err := l.write(ctx, b, session, 2, 1); !errors.Is(err, node.ErrDiskFull) {
			t.Fatal(err)
		}
		module := []byte("another module")
		if _, _, err := b.nodes[1].node.PutModule(ctx, node.DigestOf(module), bytes.NewReader(module)); !errors.Is(err, node.ErrDiskFull) {
			t.Fatal(err)
		}
		// The ballast is gone: another start says what to do, and is possible later.
		b.stop(1)
		disks[1].fill(0)
		if err := b.tryBoot(1, disks[1].MemFS); !errors.Is(err, storage.ErrDiskFull) {
			t.Fatal(err)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			disks[id].clear()
		}
		b.boot(1, disks[1].MemFS)
		time.Sleep(3 * time.Second) // virtual: they look
		if err := l.write(ctx, b, session, 2, 1); err != nil {
			t.Fatal(err)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, l.acked)
			if r := b.nodes[id].node.Room(); r.Ballast != smallBallast {
				t.Errorf("%v: %+v", id, r)
			}
		}
	})
}
