package nodetest_test

import (
	"context"
	"testing"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// TestATermThatJumpsIsCounted: a node whose numbers are wrong pulls the others along.
// They count it, once each, and go on; what no term can be changes nothing.
func TestATermThatJumpsIsCounted(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		jumps := func(id raft.NodeID) uint64 { return b.info(ctx, id).TermJumps }
		says := func(term raft.Term) {
			if err := b.networks[2].Send(1, transport.Frame{Group: 2, Payload: raft.PreVoteReply{Term: term}}); err != nil {
				t.Fatal(err)
			}
		}
		before := b.info(ctx, 1).Status.Term
		for id := raft.NodeID(1); id <= 3; id++ {
			if n := jumps(id); n != 0 {
				t.Errorf("node %v counts %d jumps of a cluster at peace", id, n)
			}
		}
		says(raft.Term(1)<<62 + 1)
		says(before + 2*raft.TermJumpMax)
		b.eventually(ctx, "all have followed", func() bool { return jumps(1) == 1 && jumps(2) == 1 && jumps(3) == 1 })
		if err := b.client(ctx, 20, make(chan uint64, 20)); err != nil {
			t.Fatal(err)
		}
		info := b.info(ctx, 1)
		if info.Phase != node.PhaseRunning || info.Status.Term <= before+raft.TermJumpMax || info.Status.Term > before+3*raft.TermJumpMax || jumps(1) != 1 {
			t.Errorf("afterwards: %v, term %d, %d jumps", info.Phase, info.Status.Term, jumps(1))
		}
	})
}
