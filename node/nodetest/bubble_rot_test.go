package nodetest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/raft"
)

// rots are what may happen to the disk of a node that lost power.
var rots = map[string]func(fs *vfs.MemFS) error{
	"the newest write rots": func(fs *vfs.MemFS) error {
		return eachFile(fs, "data/store", ".log", func(path string, size int64) error { return flipBit(fs, path, 8*(size-20)) })
	},
	"a write in the middle rots": func(fs *vfs.MemFS) error {
		return eachFile(fs, "data/store", ".log", func(path string, size int64) error { return flipBit(fs, path, 4*size) })
	},
	"the manifest rots": func(fs *vfs.MemFS) error {
		return eachFile(fs, "data/store", "", func(path string, size int64) error {
			if !strings.Contains(path, "MANIFEST") {
				return nil
			}
			return flipBit(fs, path, 4*size)
		})
	},
	"the store is lost":      func(fs *vfs.MemFS) error { return fs.RemoveAll("data/store") },
	"the mark rots":          func(fs *vfs.MemFS) error { return flipBit(fs, "data/mark", 70) },
	"the votes rot":          func(fs *vfs.MemFS) error { return flipBit(fs, "data/votes", 70) },
	"the identity file rots": func(fs *vfs.MemFS) error { return flipBit(fs, "data/identity", 70) },
	"the mark is lost":       func(fs *vfs.MemFS) error { return fs.Remove("data/mark") },
	"the votes are lost":     func(fs *vfs.MemFS) error { return fs.Remove("data/votes") },
}

// eachFile calls f for the files of a folder with a suffix that are not empty.
func eachFile(fs *vfs.MemFS, folder, suffix string, f func(path string, size int64) error) error {
	names, err := fs.List(folder)
	for _, name := range names {
		path := fs.PathJoin(folder, name)
		info, statErr := fs.Stat(path)
		switch {
		case statErr != nil:
			err = errors.Join(err, statErr)
		case strings.HasSuffix(name, suffix) && info.Size() > 100:
			err = errors.Join(err, f(path, info.Size()))
		}
	}
	return err
}

// flipBit inverts one bit of a file, counted from its start.
func flipBit(fs *vfs.MemFS, path string, bit int64) error {
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err = f.ReadAt(b[:], bit/8); err == nil || errors.Is(err, io.EOF) {
		b[0] ^= 1 << (bit % 8)
		_, err = f.WriteAt(b[:], bit/8)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// TestADamagedNodeHealsByItself: whatever rots on one of three nodes, it comes back
// without help, has everything again, and the cluster can then do without another one,
// which it could not if the damaged one did not vote.
func TestADamagedNodeHealsByItself(t *testing.T) {
	for name, rot := range rots {
		t.Run(name, func(t *testing.T) {
			inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
				answers := make(chan uint64, 60)
				if err := b.client(ctx, 20, answers); err != nil {
					t.Fatal(err)
				}
				for _, victim := range []raft.NodeID{b.leader(2), b.leader(2)%3 + 1} {
					time.Sleep(20 * time.Millisecond) // virtual: the mark is synced
					disk := b.crash(victim)
					if err := rot(disk); err != nil {
						t.Fatal(err)
					}
					b.boot(victim, disk)
					b.expectWhole(ctx, victim)
				}
				if err := b.client(ctx, 20, answers); err != nil {
					t.Fatal(err)
				}
				away := b.leader(2)
				disk := b.crash(away)
				if err := b.client(ctx, 20, answers); err != nil {
					t.Fatalf("without %v: %v", away, err)
				}
				b.boot(away, disk)
				for id := raft.NodeID(1); id <= 3; id++ {
					b.expectSum(ctx, id, 60)
				}
			})
		})
	}
}

// expectWhole waits until no replica of a node is damaged.
func (b *bubble) expectWhole(ctx context.Context, id raft.NodeID) {
	b.t.Helper()
	for g := raft.GroupID(1); g <= 2; {
		info, err := b.nodes[id].node.Group(ctx, g, "")
		if err == nil && info.Status.Term > 0 && !info.Status.Damaged && info.Status.Leader != 0 && info.Applied > 0 {
			g++
			continue
		}
		if ctx.Err() != nil {
			b.t.Fatalf("group %d of %v is not whole: %+v, %v", g, id, info, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the leader refill it
	}
}

// TestADamagedNodeDoesNotVote: with the leader gone, the damaged one of the two that are
// left must not elect the other, which lacks what the damaged one has lost.
func TestADamagedNodeDoesNotVote(t *testing.T) {
	inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		leader := b.leader(2)
		damaged, behind := leader%3+1, (leader+1)%3+1
		late := b.crash(behind)
		answers := make(chan uint64, 10)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // virtual: the mark is synced
		disk, alive := b.crash(damaged), b.crash(leader)
		if err := rots["the store is lost"](disk); err != nil {
			t.Fatal(err)
		}
		b.boot(damaged, disk)
		b.boot(behind, late)
		time.Sleep(30 * time.Second) // virtual
		synctest.Wait()
		if l := b.leader(1); l != 0 {
			t.Fatalf("%v leads without what was acknowledged", l)
		}
		b.boot(leader, alive)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, 10)
		}
	})
}
