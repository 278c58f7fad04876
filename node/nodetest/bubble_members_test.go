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

// joins has nodes above 3 stand in their own configuration as learners.
func joins(c *node.Config) {
	if c.Self > 3 {
		c.Nodes = append(c.Nodes, joiner(c.Self))
	}
}

func joiner(id raft.NodeID) node.NodeRecord {
	return node.NodeRecord{ID: id, PeerAddress: bubbleAddr(id).String(), State: node.NodeLearner}
}

// expectState waits until the catalogue of a node says that another one is in a state.
func (b *bubble) expectState(ctx context.Context, at, id raft.NodeID, want node.NodeState) {
	b.t.Helper()
	for {
		r, _ := b.nodes[at].node.Catalogue().Node(id)
		if r.State == want {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("%v is %v, want %v; it still holds %v", id, r.State, want, b.nodes[at].node.Catalogue().Holds(id))
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the groups follow
	}
}

// TestANodeForAnother: a fourth node joins a cluster at work, is promoted, and one of the
// first three, which leads, leaves; a machine that comes later has the members of then.
func TestANodeForAnother(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.tune = joins
		answers := make(chan uint64, 80)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		b.boot(4, vfs.NewCrashableMem()) // nobody knows it yet
		time.Sleep(10 * time.Second)     // virtual
		synctest.Wait()
		if _, ok := b.nodes[4].store.Identity(); ok {
			t.Fatal("a stranger has a life in the cluster")
		}
		n := b.nodes[1].node
		for range 2 { // the second time changes nothing
			if err := n.AddNode(ctx, joiner(4)); err != nil {
				t.Fatal(err)
			}
		}
		b.expectSum(ctx, 4, 20)
		if info, err := b.nodes[4].node.Group(ctx, 2, ""); err != nil || !info.Status.Configuration.Configuration.IsLearner(4) {
			t.Errorf("before its promotion: %+v, %v", info.Status.Configuration, err)
		}
		if err := n.MoveNode(ctx, 4, node.NodeVoter); err != nil {
			t.Fatal(err)
		}
		b.expectLife(ctx, 4, 1)
		leaver := b.leader(2)
		if err := n.MoveNode(ctx, leaver, node.NodeLeaving); err != nil {
			t.Fatal(err)
		}
		b.expectState(ctx, 4, leaver, node.NodeRemoved)
		b.stop(leaver)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		b.deploy(ctx, 4, "later", []byte("other bytes"))
		if m, _ := b.nodes[4].node.Catalogue().Machine("later"); !m.First.Has(4) || m.First.Has(leaver) {
			t.Errorf("a later machine has the seats %+v", m.First)
		}
		if err := b.nodes[4].node.MoveNode(ctx, 9, node.NodeVoter); !errors.Is(err, node.ErrUnknownNode) {
			t.Errorf("a node that is not there: %v", err)
		}
		for id := range b.nodes {
			b.expectSum(ctx, id, 40)
		}
	})
}
