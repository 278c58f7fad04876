package nodetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// expectRemoved waits until a node ends because the cluster has removed it.
func (b *bubble) expectRemoved(ctx context.Context, id raft.NodeID) {
	b.t.Helper()
	select {
	case <-b.nodes[id].node.Failed():
		if err := b.nodes[id].node.Cause(); !errors.Is(err, node.ErrRemoved) {
			b.t.Errorf("%v ends for %v", id, err)
		}
	case <-ctx.Done():
		b.t.Fatalf("%v goes on although it is removed", id)
	}
}

// grow adds a fourth node and makes it a voter.
func (b *bubble) grow(ctx context.Context) {
	b.t.Helper()
	n := b.nodes[1].node
	if err := n.AddNode(ctx, joiner(4)); err != nil {
		b.t.Fatal(err)
	}
	b.boot(4, vfs.NewCrashableMem())
	if err := n.MoveNode(ctx, 4, node.NodeVoter); err != nil {
		b.t.Fatal(err)
	}
	b.expectLife(ctx, 4, 1)
}

// TestARemovedNodeLetsGo: a node that leaves ends its replicas, the machines' first, and
// then itself. Started again on what is left it changes no term of the others;
// added again it comes back with an empty disk only, in its next life.
func TestARemovedNodeLetsGo(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		answers := make(chan uint64, 80)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		b.grow(ctx)
		n := b.nodes[1].node
		if err := n.MoveNode(ctx, 4, node.NodeLeaving); err != nil {
			t.Fatal(err)
		}
		b.expectRemoved(ctx, 4)
		b.expectState(ctx, 1, 4, node.NodeRemoved)
		if groups, err := b.nodes[4].store.Groups(); err != nil || !slices.Equal(groups, []raft.GroupID{node.MetaGroup}) {
			t.Errorf("its disk holds the groups %v, %v", groups, err)
		}
		if _, err := b.nodes[4].node.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true}); !errors.Is(err, node.ErrStopping) {
			t.Errorf("a command to it: %v", err)
		}
		disk := b.crash(4)
		term := b.status(ctx, 1, 1).Term
		for range 2 { // the second time it is known again
			b.boot(4, disk)
			time.Sleep(10 * time.Second) // virtual
			synctest.Wait()
			disk = b.crash(4)
			if err := n.AddNode(ctx, joiner(4)); err != nil {
				t.Fatal(err)
			}
		}
		if now := b.status(ctx, 1, 1).Term; now != term {
			t.Errorf("the term went from %d to %d", term, now)
		}
		if votes, learns := n.Catalogue().SeatsIn(recordOf(n, 4)); len(votes)+len(learns) > 0 {
			t.Errorf("its old life has seats: %v, %v", votes, learns)
		}
		b.boot(4, vfs.NewCrashableMem())
		if err := n.MoveNode(ctx, 4, node.NodeVoter); err != nil {
			t.Fatal(err)
		}
		b.expectLife(ctx, 4, 2)
		b.expectSum(ctx, 4, 20)
	})
}

func recordOf(n *node.Node, id raft.NodeID) node.NodeRecord {
	r, _ := n.Catalogue().Node(id)
	return r
}

// TestANodeRemovedWhileItIsAway hears of it from nobody: the others refuse it. It asks for
// votes in vain, and disturbs nobody.
func TestANodeRemovedWhileItIsAway(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		answers := make(chan uint64, 80)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		b.grow(ctx)
		disk := b.crash(4)
		n := b.nodes[1].node
		if err := n.MoveNode(ctx, 4, node.NodeLeaving); err != nil {
			t.Fatal(err)
		}
		b.expectState(ctx, 1, 4, node.NodeRemoved)
		term, leader := b.status(ctx, 1, 1).Term, b.leader(1)
		b.boot(4, disk)
		time.Sleep(time.Minute) // virtual
		if err := b.nodes[4].node.Cause(); err != nil {
			t.Errorf("it ended by itself: %v", err)
		}
		if c := b.nodes[4].node.Checks(); c[1].OK {
			t.Errorf("it says that it is ready: %+v", c)
		}
		if now := b.status(ctx, 1, 1); now.Term != term || b.leader(1) != leader {
			t.Errorf("term %d and leader %v became %d and %v", term, leader, now.Term, b.leader(1))
		}
		b.nodes[4].node.Removed() // what wraftd hears over the API
		b.expectRemoved(ctx, 4)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
	})
}
