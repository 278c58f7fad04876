package nodetest_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// deadRemoved counts on all nodes how many were removed because nobody reached them.
func (b *bubble) deadRemoved() (sum uint64) {
	for _, n := range b.nodes {
		sum += n.node.DeadRemoved()
	}
	return sum
}

// TestADeadNodeIsRemoved where policy says so: not while anybody hears it, and not when too
// few would be left. Commands go on throughout.
func TestADeadNodeIsRemoved(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		const after = 20 * time.Second
		b.tune = func(c *node.Config) {
			joins(c)
			c.RemoveDeadAfter = after
		}
		for id := raft.NodeID(1); id <= 3; id++ { // with the policy
			b.boot(id, b.crash(id))
		}
		answers := make(chan uint64, 80)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		b.grow(ctx)
		b.expectState(ctx, 1, 4, node.NodeVoter)
		leader := b.leader(node.MetaGroup)
		victim, other := leader%4+1, (leader+1)%4+1

		b.router.cutOff(b.addr(leader), b.addr(victim), true)
		b.router.cutOff(b.addr(victim), b.addr(leader), true)
		time.Sleep(2 * after) // virtual
		synctest.Wait()
		if b.leader(node.MetaGroup) != leader {
			t.Fatal("another leads, the test tries nothing")
		}
		if got := recordOf(b.nodes[leader].node, victim); got.State != node.NodeVoter || b.deadRemoved() > 0 {
			t.Fatalf("others hear it, but it is %v", got.State)
		}
		b.crash(victim)
		b.expectState(ctx, leader, victim, node.NodeRemoved)
		audit := b.nodes[leader].node.Catalogue().Audit
		if !slices.ContainsFunc(audit, func(a node.AuditRecord) bool {
			return a.Action == "remove-dead-node" && a.Subject == victim.String() && a.At > 0
		}) {
			t.Errorf("the audit says %+v", audit)
		}
		b.eventually(ctx, "it is counted", func() bool { return b.deadRemoved() == 1 })

		disk := b.crash(other)
		time.Sleep(3 * after) // virtual
		synctest.Wait()
		if got := recordOf(b.nodes[leader].node, other); got.State != node.NodeVoter || b.deadRemoved() != 1 {
			t.Errorf("the last spare is %v", got.State)
		}
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		b.boot(other, disk)
		b.expectSum(ctx, other, 20)
	})
}
