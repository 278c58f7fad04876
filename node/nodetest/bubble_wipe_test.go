package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// expectLife waits until a node votes in all groups, in a life.
func (b *bubble) expectLife(ctx context.Context, id raft.NodeID, life raft.Incarnation) {
	b.t.Helper()
	want := raft.Member{Node: id, Incarnation: life}
	for g := raft.GroupID(1); g <= 2; {
		info, err := b.nodes[id].node.Group(ctx, g, "")
		c := info.Status.Configuration.Configuration
		if err == nil && !c.Joint() && c.VotesAs(want) && info.Applied >= info.Status.Configuration.Index && info.Status.Leader != 0 {
			g++
			continue
		}
		if ctx.Err() != nil {
			b.t.Fatalf("%v does not vote in group %d in its life %d: %+v, %v", id, g, life, info, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the groups take it in
	}
}

// TestAWipedNodeComesBack: the disk of a follower, and then that of a leader, is empty
// after a crash. It comes back by itself as a learner in its next life, and the cluster
// can then do without another node.
func TestAWipedNodeComesBack(t *testing.T) {
	inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		answers := make(chan uint64, 80)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		leader := b.leader(2)
		for i, victim := range []raft.NodeID{leader%3 + 1, leader} {
			b.crash(victim)
			b.boot(victim, vfs.NewCrashableMem())
			if err := b.client(ctx, 20, answers); err != nil {
				t.Fatalf("after wipe %d: %v", i, err)
			}
			b.expectLife(ctx, victim, 2)
			b.expectSum(ctx, victim, uint64(20*(i+2)))
		}
		away := b.leader(2)
		disk := b.crash(away)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatalf("without %v: %v", away, err)
		}
		b.boot(away, disk)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, 80)
		}
	})
}

// TestTwoWipedOfThreeDoNotBeginAnew: they are a majority of the initial nodes, and with
// the third away they see only each other; nobody may take that for a new cluster.
func TestTwoWipedOfThreeDoNotBeginAnew(t *testing.T) {
	for name, witness := range map[string]bool{"the third is away": false, "the third is there": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
				if !witness {
					b.crash(3)
				}
				for id := raft.NodeID(1); id <= 2; id++ {
					b.crash(id)
					b.boot(id, vfs.NewCrashableMem())
				}
				time.Sleep(2 * time.Minute) // virtual
				synctest.Wait()
				for id := raft.NodeID(1); id <= 2; id++ {
					n := b.nodes[id].node
					if c := n.Catalogue(); c.Cluster != "" || n.Leader(1) != 0 {
						t.Errorf("%v has begun a cluster: %+v", id, c)
					}
					try, cancel := context.WithTimeout(ctx, 10*time.Second)
					if _, err := n.Call(try, "adder", node.Call{Data: []byte{1}, Forward: true}); !errors.Is(err, node.ErrUnborn) {
						t.Errorf("%v answers %v", id, err)
					}
					cancel()
					if _, ok := b.nodes[id].store.Identity(); ok {
						t.Errorf("%v has a life", id)
					}
				}
			})
		})
	}
}

// TestAWipedNodeWaitsForAQuorum: with another node down there is nobody to take it back,
// until that one returns.
func TestAWipedNodeWaitsForAQuorum(t *testing.T) {
	inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		answers := make(chan uint64, 20)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		leader := b.leader(2)
		wiped, down := leader%3+1, (leader+1)%3+1
		disk := b.crash(down)
		b.crash(wiped)
		b.boot(wiped, vfs.NewCrashableMem())
		time.Sleep(time.Minute) // virtual
		if _, ok := b.nodes[wiped].store.Identity(); ok {
			t.Fatal("a node alone gave it a life")
		}
		b.boot(down, disk)
		b.expectLife(ctx, wiped, 2)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, 20)
		}
	})
}

// TestAWipedNodeMeetsTheNewLeader: a node that joined later leads when one of the first
// loses its disk, whose configuration does not name that leader. The leader knows where it
// is, and so they meet.
func TestAWipedNodeMeetsTheNewLeader(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		b.grow(ctx)
		for g := raft.GroupID(1); g <= 2; g++ {
			if _, err := b.nodes[4].node.TransferLeadership(ctx, g, 4); err != nil {
				t.Fatal(err)
			}
		}
		b.crash(2)
		b.boot(2, vfs.NewCrashableMem())
		b.expectLife(ctx, 2, 2)
		n := b.nodes[2].node
		n.Meet([]node.NodeRecord{joiner(9)}) // it knows better
		if _, known := n.Catalogue().Node(9); known || len(n.Links()) != 3 {
			t.Errorf("with a catalogue node 2 has %d links", len(n.Links()))
		}
	})
}

// TestAWipedNodeWhoseFirstOthersAreGone: all whom its configuration names were removed, and those
// who came since take it back.
func TestAWipedNodeWhoseFirstOthersAreGone(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		answers := make(chan uint64, 20)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		b.grow(ctx)
		n := b.nodes[4].node
		if err := n.AddNode(ctx, joiner(5)); err != nil {
			t.Fatal(err)
		}
		b.boot(5, vfs.NewCrashableMem())
		if err := n.MoveNode(ctx, 5, node.NodeVoter); err != nil {
			t.Fatal(err)
		}
		b.expectLife(ctx, 5, 1)
		for _, gone := range []raft.NodeID{1, 2} {
			if err := n.MoveNode(ctx, gone, node.NodeLeaving); err != nil {
				t.Fatal(err)
			}
			b.expectState(ctx, 4, gone, node.NodeRemoved)
			b.expectRemoved(ctx, gone)
			b.stop(gone)
		}
		b.crash(3)
		b.boot(3, vfs.NewCrashableMem())
		b.expectLife(ctx, 3, 2)
		b.expectSum(ctx, 3, 10)
	})
}

// TestANodeThatWasAwayMeetsTheNewLeader: the disk is there, but what it knows of the cluster is
// from before the leader was added.
func TestANodeThatWasAwayMeetsTheNewLeader(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		disk := b.crash(2)
		b.grow(ctx)
		for g := raft.GroupID(1); g <= 2; g++ {
			if _, err := b.nodes[4].node.TransferLeadership(ctx, g, 4); err != nil {
				t.Fatal(err)
			}
		}
		b.boot(2, disk)
		b.expectLife(ctx, 2, 1)
		if l := b.leader(node.MetaGroup); l != 4 {
			t.Errorf("%v leads, the test tries nothing", l)
		}
	})
}

// TestARemovedNodeGivesNobodyALife: it takes itself for a member and is met by a node that lost
// its disk, but no majority obeys what it asks for.
func TestARemovedNodeGivesNobodyALife(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		b.grow(ctx)
		disk := b.crash(4)
		if err := b.nodes[1].node.MoveNode(ctx, 4, node.NodeLeaving); err != nil {
			t.Fatal(err)
		}
		b.expectState(ctx, 1, 4, node.NodeRemoved)
		for id := raft.NodeID(2); id <= 3; id++ {
			b.crash(id)
		}
		b.crash(1)
		b.boot(4, disk) // all that is left of the cluster
		b.boot(1, vfs.NewCrashableMem())
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		if _, lives := b.nodes[1].store.Identity(); lives || len(b.nodes[1].node.Links()) != 3 {
			t.Errorf("node 1 has a life: %v, and %d links", lives, len(b.nodes[1].node.Links()))
		}
	})
}
