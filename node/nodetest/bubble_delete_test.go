package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// delete deletes a group's machine through any node that lives, until it is done.
func (b *bubble) delete(ctx context.Context, name string, g raft.GroupID) node.Tombstone {
	b.t.Helper()
	for {
		for id := raft.NodeID(1); id <= 3; id++ {
			if b.nodes[id] == nil {
				continue
			}
			try, cancel := context.WithTimeout(ctx, 3*time.Second)
			t, _, err := b.nodes[id].node.Delete(try, node.DeleteRequest{Machine: name, Group: g, By: "ann", At: 5})
			cancel()
			if err == nil {
				return t
			}
			if ctx.Err() != nil {
				b.t.Fatalf("node %v never deleted it: %v", id, err)
			}
		}
	}
}

// expectGone waits until a node has nothing of a group any more.
func (b *bubble) expectGone(ctx context.Context, id raft.NodeID, g raft.GroupID) {
	b.t.Helper()
	n := b.nodes[id]
	b.eventually(ctx, fmt.Sprintf("node %v has nothing of group %d", id, g), func() bool {
		groups, err := n.store.Groups()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, other := range groups {
			if other == g {
				return false
			}
		}
		_, err = n.fs.Stat(fmt.Sprintf("data/snapshots/%d", g))
		return err != nil
	})
}

// TestBubbleDelete deletes a machine while a node is down, and deploys another one of
// its name: the new one begins with nothing, the node that was away removes what it
// has of the old one when it comes back, and nobody brings it to life again.
func TestBubbleDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, hasty)
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		b.work(ctx, 0, 60)
		away := b.follower(2)
		disk := b.crash(away)
		dead := b.delete(ctx, "adder", 0)
		if dead.Name != "adder" || dead.Group != 2 || dead.By != "ann" || dead.Index == 0 || dead.Module != node.DigestOf([]byte("any bytes")) {
			t.Errorf("the tombstone is %+v", dead)
		}
		b.expectDeleted(ctx, dead)
		for id := range b.nodes {
			b.expectGone(ctx, id, 2)
		}
		b.deploy(ctx, b.leader(1), "adder", []byte("any bytes"))
		if again := b.delete(ctx, "adder", 2); again != dead {
			t.Errorf("deleting it again answers %+v", again)
		}
		b.work(ctx, 0, 40)
		b.boot(away, disk)
		b.expectGone(ctx, away, 2)
		for range 2 {
			for id := range b.nodes {
				b.expectSum(ctx, id, 40)
				b.expectGone(ctx, id, 2)
				if m, ok := b.nodes[id].node.Catalogue().Machine("adder"); !ok || m.Group != 3 {
					t.Errorf("node %v knows %+v", id, m)
				}
			}
			for id := raft.NodeID(1); id <= 3; id++ {
				b.boot(id, b.crash(id))
			}
		}
	})
}

// TestBubbleDeleteWhatWasLeft starts a node on a disk on which a deleted machine's log
// and files are still, or again, while its catalogue never shows the machine.
func TestBubbleDeleteWhatWasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, hasty)
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for g := raft.GroupID(2); g <= 4; g++ {
			b.deploy(ctx, 1, "adder", []byte("any bytes"))
			b.work(ctx, 0, 3)
			b.delete(ctx, "adder", g)
		}
		for id := range b.nodes {
			b.eventually(ctx, "a snapshot is taken", func() bool { // Why: another one may be under way
				_, err := b.nodes[id].node.TakeSnapshot(ctx, node.MetaGroup)
				if err != nil && !errors.Is(err, node.ErrSnapshotting) {
					t.Fatal(err)
				}
				return err == nil
			})
			b.expectGone(ctx, id, 2)
			b.expectGone(ctx, id, 3)
		}
		disk := b.crash(2)
		b.leaveGroup(disk, 2, true)
		b.leaveGroup(disk, 3, false)
		b.boot(2, disk)
		b.expectGone(ctx, 2, 2)
		b.expectGone(ctx, 2, 3)
	})
}

// leaveGroup puts files of a group, and its log, on a disk.
func (b *bubble) leaveGroup(disk *vfs.MemFS, g raft.GroupID, log bool) {
	b.t.Helper()
	store, err := storage.Open("data", storage.Options{FS: disk, Fatal: func(err error) { b.t.Error(err) }})
	if err != nil {
		b.t.Fatal(err)
	}
	meta := raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}
	if log {
		err = store.CreateGroup(g, meta)
	}
	meta.Index, meta.Term = 3, 1
	w, created := store.Snapshots().Create(storage.SnapshotHeader{Group: g, Kind: "state/1", Meta: meta})
	if err = errors.Join(err, created); err == nil {
		_, err = w.Finish()
	}
	if err = errors.Join(err, store.Close()); err != nil {
		b.t.Fatal(err)
	}
}

// expectDeleted asks every node in every way.
func (b *bubble) expectDeleted(ctx context.Context, dead node.Tombstone) {
	b.t.Helper()
	for id, n := range b.nodes {
		_, call := n.node.Call(ctx, dead.Name, node.Call{Data: []byte{1}, Forward: true})
		_, ask := n.node.Ask(ctx, dead.Name, node.Ask{Mode: raft.ReadLocal})
		_, session := n.node.OpenSession(ctx, dead.Name)
		_, _, _, upgrade := n.node.Upgrade(ctx, node.UpgradeRequest{Machine: dead.Name, Rollback: true})
		for what, err := range map[string]error{"call": call, "ask": ask, "session": session, "upgrade": upgrade} {
			var gone *node.DeletedError
			if !errors.As(err, &gone) || gone.Tombstone != dead || !errors.Is(err, node.ErrDeleted) {
				b.t.Errorf("node %v: %s: %v", id, what, err)
			}
		}
	}
}

// TestBubbleDeleteWhileLeadersCrash cuts the power of the leader of the machine, or of
// the catalogue, at many moments of a deletion under load. What is acknowledged stays
// deleted, no command is answered behind it, and whoever comes back removes it, too.
func TestBubbleDeleteWhileLeadersCrash(t *testing.T) {
	for i, delay := range []time.Duration{0, 5, 11, 16, 21, 27, 40} {
		t.Run(fmt.Sprint(delay*time.Millisecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := tunedBubble(t, adders{}, hasty)
				defer b.close()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				b.deploy(ctx, 1, "adder", []byte("any bytes"))
				b.work(ctx, 0, 20)
				victim := b.leader(raft.GroupID(1 + i%2))
				asked := b.nodes[victim%3+1].node
				done := make(chan error, 1)
				go func() {
					_, _, err := asked.Delete(ctx, node.DeleteRequest{Machine: "adder"})
					done <- err
				}()
				time.Sleep(delay * time.Millisecond) // virtual
				disk := b.crash(victim)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				for id, n := range b.nodes {
					try, stop := context.WithTimeout(ctx, 5*time.Second)
					r, err := n.node.Call(try, "adder", node.Call{Data: []byte{1}, Forward: true})
					stop()
					if !errors.Is(err, node.ErrDeleted) {
						t.Errorf("node %v answers %+v, %v", id, r, err)
					}
				}
				b.boot(victim, disk)
				for id := range b.nodes {
					b.expectGone(ctx, id, 2)
				}
				b.deploy(ctx, victim, "adder", []byte("other bytes"))
				b.work(ctx, 0, 5)
			})
		})
	}
}

// deletionScript deletes a machine that has snapshots; only that part is recorded.
func deletionScript(t *testing.T, r *crashRecorder) {
	r.off = true
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, hasty)
		b.watch, b.mode = r.watch, r.mode
		b.bootAll()
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		b.work(ctx, 0, 30)
		r.mu.Lock()
		r.off = false
		r.mu.Unlock()
		b.delete(ctx, "adder", 2)
		r.tell(func(s *toldSoFar) { s.deployed = true })
		for id := range b.nodes {
			b.expectGone(ctx, id, 2)
		}
		r.mu.Lock()
		r.off = true
		r.mu.Unlock()
	})
}

// TestDeletionCrashPoints cuts the power of each node before every operation on its
// disk during a deletion. The machine then lives, whole, or can be deleted without a
// trace; a deletion that was acknowledged holds.
func TestDeletionCrashPoints(t *testing.T) { inBothModes(t, deletionCrashPoints) }

func deletionCrashPoints(t *testing.T, mode node.SnapshotMode) {
	stride := 1
	if testing.Short() {
		stride = 8
	}
	r := newCrashRecorder(mode, stride)
	deletionScript(t, r)
	if len(r.points) < 3 {
		t.Fatalf("only %d crash points", len(r.points))
	}
	ends := map[string]int{}
	for i := range r.points {
		p, how := &r.points[i], []string{"lost", "kept", "torn"}[i%3]
		disks, err := p.leave(how, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, hasty)
			defer b.close()
			for id, fs := range disks {
				b.boot(id, fs)
			}
			end, err := b.judgeDeletion(p.told.deployed)
			if err != nil {
				t.Errorf("crash before %s, unsynced data %s: %v", p.op, how, err)
			}
			ends[end]++
		})
	}
	t.Logf("%d crash points: %v", len(r.points), ends)
	if ends["alive"] == 0 || ends["deleted"] == 0 {
		t.Errorf("the crash points are on one side: %v", ends)
	}
}

// judgeDeletion says how the machine is after a restart, and deletes it for good.
func (b *bubble) judgeDeletion(acknowledged bool) (end string, err error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	for end == "" {
		r, err := b.nodes[1].node.Ask(ctx, "adder", node.Ask{Forward: true})
		switch {
		case err == nil && binary.BigEndian.Uint64(r.Data) != 30:
			return "", fmt.Errorf("it lives, and its sum is %d", binary.BigEndian.Uint64(r.Data))
		case err == nil && acknowledged:
			return "", errors.New("it lives although its deletion was acknowledged")
		case err == nil:
			end = "alive"
		case errors.Is(err, node.ErrDeleted):
			end = "deleted"
		case ctx.Err() != nil:
			return "", err
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
	b.delete(ctx, "adder", 2)
	for id := range b.nodes {
		b.expectGone(ctx, id, 2)
	}
	b.deploy(ctx, 2, "adder", []byte("any bytes"))
	b.work(ctx, 0, 3)
	return end, nil
}
