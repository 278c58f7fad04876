package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestLeadershipGoesWhereItIsToldTo asks every node to move the leadership of the meta
// group and of a machine to every node, while clients write: each time it is there when the
// answer comes, and everything acknowledged counts once.
func TestLeadershipGoesWhereItIsToldTo(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		answers := make(chan uint64, 40)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		m := b.awaitMachine(ctx, 1, "adder")
		for _, g := range []raft.GroupID{node.MetaGroup, m.Group} {
			for _, asked := range []raft.NodeID{1, 2, 3} {
				for _, to := range []raft.NodeID{1, 2, 3, 3} {
					if got, err := b.nodes[asked].node.TransferLeadership(ctx, g, to); err != nil || got != to {
						t.Fatalf("%v asks for %v of %v: %v, %v", asked, to, g, got, err)
					}
				}
				if got, err := b.nodes[asked].node.TransferLeadership(ctx, g, 0); err != nil || got == 3 || got == 0 {
					t.Fatalf("%v asks for anybody else: %v, %v", asked, got, err)
				}
				for _, nobody := range []raft.NodeID{4, 99} {
					if _, err := b.nodes[asked].node.TransferLeadership(ctx, g, nobody); !errors.Is(err, raft.ErrBadTransfer) {
						t.Fatalf("%v asks for %v: %v", asked, nobody, err)
					}
				}
			}
		}
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		for id := range b.nodes {
			b.expectSum(ctx, id, 40)
		}
	})
}

// TestLeadershipStaysWithWhoIsThere: a voter that is down is given up with an error, and the
// leader there was takes commands again.
func TestLeadershipStaysWithWhoIsThere(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		answers := make(chan uint64, 20)
		if err := b.client(ctx, 5, answers); err != nil {
			t.Fatal(err)
		}
		n := b.nodes[1].node
		g := b.awaitMachine(ctx, 1, "adder").Group
		if _, err := n.TransferLeadership(ctx, g, 1); err != nil {
			t.Fatal(err)
		}
		b.crash(3)
		short, cancel := context.WithTimeout(ctx, 5*time.Second) // virtual
		defer cancel()
		if got, err := n.TransferLeadership(short, g, 3); err == nil {
			t.Fatalf("%v leads and is down", got)
		}
		synctest.Wait()
		if err := b.client(ctx, 5, answers); err != nil {
			t.Fatal(err)
		}
		b.expectSum(ctx, 1, 10)
	})
}
