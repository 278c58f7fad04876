package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/internal/offline"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// fiveNodes makes a cluster of five.
func fiveNodes(c *node.Config) {
	for id := raft.NodeID(4); id <= 5; id++ {
		c.Nodes = append(c.Nodes, node.NodeRecord{ID: id, Incarnation: 1, PeerAddress: bubbleAddr(id).String()})
	}
}

// source is a disk that nobody uses.
func (b *bubble) source(id raft.NodeID, fs *vfs.MemFS) offline.Source {
	return offline.Source{Dir: "data", Options: storage.Options{FS: fs, Fatal: func(err error) { b.t.Errorf("disk of %v: %v", id, err) }}}
}

// goesOn recovers a node's disk with those of others, as the only voter.
func (b *bubble) goesOn(self raft.NodeID, disks map[raft.NodeID]*vfs.MemFS, also ...raft.NodeID) *offline.Plan {
	b.t.Helper()
	var others []offline.Source
	for _, id := range also {
		others = append(others, b.source(id, disks[id]))
	}
	plan, err := offline.PlanRecovery(b.source(self, disks[self]), others...)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := plan.Recover(time.Now()); err != nil {
		b.t.Fatal(err)
	}
	return plan
}

// count has some commands acknowledged by one node, each once.
func (b *bubble) count(ctx context.Context, via raft.NodeID, n int) (last uint64) {
	b.t.Helper()
	var session node.SessionID
	b.eventually(ctx, "there is a session", func() (ok bool) {
		var err error
		session, err = b.nodes[via].node.OpenSession(ctx, "adder")
		return err == nil
	})
	for seq := uint64(1); seq <= uint64(n); seq++ {
		b.eventually(ctx, "it is acknowledged", func() bool {
			r, err := b.nodes[via].node.Call(ctx, "adder", node.Call{Data: []byte{1}, Session: session, Sequence: seq, AckBelow: seq, Forward: true})
			if err == nil {
				last = binary.BigEndian.Uint64(r.Data)
			}
			return err == nil && r.Status == 0
		})
	}
	return last
}

// TestBubbleRecover loses three of five nodes for ever. Of the two that are left the one
// with the shorter logs goes on, with what the other one has further: nothing is missing
// that was acknowledged. Nodes that come back with their disks are nobody's peers; the
// other survivor comes back with an empty one, and votes.
func TestBubbleRecover(t *testing.T) { inBothModes(t, bubbleRecover) }

func bubbleRecover(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, func(c *node.Config) {
			fiveNodes(c)
			c.SnapshotLogBytes = 1500
		})
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		for id := raft.NodeID(1); id <= 5; id++ {
			b.boot(id, vfs.NewCrashableMem())
		}
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		b.count(ctx, 5, 20)
		disks := map[raft.NodeID]*vfs.MemFS{4: b.crash(4)}
		acknowledged := b.count(ctx, 5, 20)
		b.deploy(ctx, 2, "later", []byte("other bytes")) // of which node 4 has nothing, nor the module
		b.expectSum(ctx, 5, acknowledged)
		b.awaitMachine(ctx, 5, "later") // Why: three of five are enough for a deploy
		for _, id := range []raft.NodeID{1, 2, 3, 5} {
			disks[id] = b.crash(id)
		}
		plan := b.goesOn(4, disks, 5)
		if plan.Life != 2 || plan.Groups[1].Entries == 0 {
			t.Errorf("%+v", plan)
		}
		b.boot(4, disks[4])
		b.expectSum(ctx, 4, acknowledged)
		b.eventually(ctx, "the catalogue tells of it", func() bool { return len(b.nodes[4].node.Catalogue().Recoveries) == 1 })
		c := b.nodes[4].node.Catalogue()
		if c.Recoveries[0].Node != 4 || len(c.Recoveries[0].Lost) != 4 || len(c.Recoveries[0].Taken) == 0 {
			t.Errorf("%+v", c.Recoveries)
		}
		if _, err := b.nodes[4].node.Call(ctx, "later", node.Call{Data: []byte{1}, Forward: true}); err != nil {
			t.Errorf("a machine of which this node had nothing: %v", err)
		}
		b.oldNodesAreRefused(ctx, disks, acknowledged)
		b.stop(1)
		b.stop(2)
		// The other survivor, with an empty disk.
		if err := b.nodes[4].node.AddNode(ctx, joiner(5)); err != nil {
			t.Fatal(err)
		}
		b.boot(5, vfs.NewCrashableMem())
		b.expectSum(ctx, 5, acknowledged)
		if err := b.nodes[4].node.MoveNode(ctx, 5, node.NodeVoter); err != nil {
			t.Fatal(err)
		}
		b.expectLife(ctx, 5, 3)
		b.expectSum(ctx, 5, b.count(ctx, 4, 5))
		b.boot(4, b.crash(4))
		b.expectSum(ctx, 4, acknowledged+5)
	})
}

// TestBubbleRecoverWithCutLogs recovers on the survivor that was away for so long that the
// other one's log does not go back to where its own ends: it goes on from that one's snapshot,
// with everything that was acknowledged.
func TestBubbleRecoverWithCutLogs(t *testing.T) { inBothModes(t, bubbleRecoverWithCutLogs) }

func bubbleRecoverWithCutLogs(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, func(c *node.Config) {
			fiveNodes(c)
			hasty(c)
		})
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		for id := raft.NodeID(1); id <= 5; id++ {
			b.boot(id, vfs.NewCrashableMem())
		}
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		b.expectSum(ctx, 4, b.count(ctx, 5, 5))
		ends := b.status(ctx, 4, 2).LastIndex
		disks := map[raft.NodeID]*vfs.MemFS{4: b.crash(4)}
		acknowledged := uint64(0)
		for acknowledged == 0 || b.status(ctx, 5, 2).PurgedIndex <= ends {
			acknowledged = b.count(ctx, 5, 10)
		}
		b.expectSum(ctx, 5, acknowledged)
		for _, id := range []raft.NodeID{1, 2, 3, 5} {
			disks[id] = b.crash(id)
		}
		if plan := b.goesOn(4, disks, 5); plan.Groups[1].Snapshot == 0 {
			t.Errorf("no snapshot was taken, this shows nothing: %+v", plan.Groups)
		}
		b.boot(4, disks[4])
		b.expectSum(ctx, 4, acknowledged)
		b.expectSum(ctx, 4, b.count(ctx, 4, 5))
	})
}

// TestBubbleRecoverCutsDamage: of three nodes one is left, whose newest log rotted near its end. A
// new directory is made of what is in front of that, and the node goes on with it.
func TestBubbleRecoverCutsDamage(t *testing.T) { inBothModes(t, bubbleRecoverCutsDamage) }

func bubbleRecoverCutsDamage(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, hasty)
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		acknowledged := b.count(ctx, 3, 40)
		b.expectSum(ctx, 3, acknowledged)
		for _, id := range []raft.NodeID{1, 2} {
			b.crash(id)
		}
		disk := b.crash(3)
		err := eachFile(disk, "data/store", ".log", func(path string, size int64) error { return flipBit(disk, path, 8*size-800) })
		if err != nil {
			t.Fatal(err)
		}
		rotten, made := b.source(3, disk), b.source(3, disk)
		rotten.CutDamage, made.Dir = true, "new"
		plan, err := offline.PlanRecovery(made, rotten)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Lost) == 0 || plan.Life != 2 {
			t.Errorf("%+v", plan)
		}
		if err := errors.Join(plan.Recover(time.Now()), disk.Rename("data", "damaged"), disk.Rename("new", "data")); err != nil {
			t.Fatal(err)
		}
		b.boot(3, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})) // Why: else a crash undoes the renaming
		before := uint64(0)
		b.eventually(ctx, "it answers", func() bool {
			r, err := b.nodes[3].node.Ask(ctx, "adder", node.Ask{Forward: true})
			if err == nil {
				before = binary.BigEndian.Uint64(r.Data)
			}
			return err == nil
		})
		if before == 0 || before > acknowledged {
			t.Errorf("the sum is %d, it was %d", before, acknowledged)
		}
		if last := b.count(ctx, 3, 5); last != before+5 {
			t.Errorf("the sum is %d after five more, it was %d", last, before)
		}
		b.boot(3, b.crash(3))
		b.expectSum(ctx, 3, before+5)
	})
}

// oldNodesAreRefused lets two of the lost nodes come back as they were: they lead nothing,
// and change nothing of the node that went on.
func (b *bubble) oldNodesAreRefused(ctx context.Context, disks map[raft.NodeID]*vfs.MemFS, sum uint64) {
	b.t.Helper()
	term := b.status(ctx, 4, 2).Term
	b.boot(1, disks[1])
	b.boot(2, disks[2])
	time.Sleep(time.Minute) // virtual
	for _, id := range []raft.NodeID{1, 2} {
		if s := b.status(ctx, id, 2); s.Role == raft.Leader || s.Leader != 0 {
			b.t.Errorf("old node %v: %+v", id, s)
		}
		for _, l := range b.nodes[id].node.Links() {
			if l.Peer == 4 && l.Up {
				b.t.Errorf("old node %v is connected to the one that went on", id)
			}
		}
	}
	if now := b.status(ctx, 4, 2); now.Term != term || now.Role != raft.Leader {
		b.t.Errorf("the node that went on was disturbed: %+v", now)
	}
	b.expectSum(ctx, 4, sum)
}
