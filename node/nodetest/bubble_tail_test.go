package nodetest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// heldAdders open machines that apply nothing before the gate is open.
type heldAdders struct {
	adders
	gate <-chan struct{}
}

func (h heldAdders) Open(ctx context.Context, artefact []byte, o node.OpenConfig) (node.Machine, error) {
	m, err := h.adders.Open(ctx, artefact, o)
	if err != nil {
		return nil, err
	}
	return &heldAdder{adder: m.(*adder), gate: h.gate}, nil
}

type heldAdder struct {
	*adder
	gate <-chan struct{}
}

func (h *heldAdder) Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	select {
	case <-h.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.adder.Apply(ctx, at, commands)
}

// check is a node's readiness check of a name.
func (b *bubble) check(id raft.NodeID, name string) node.Check {
	b.t.Helper()
	for _, c := range b.nodes[id].node.Checks() {
		if c.Name == name {
			return c
		}
	}
	b.t.Fatalf("there is no check %s", name)
	return node.Check{}
}

// TestANodeThatReplaysIsNotReady until its machines have applied what was committed before its
// start; then it stays ready while commands go on.
func TestANodeThatReplaysIsNotReady(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		answers := make(chan uint64, 80)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		victim := b.follower(2)
		gate := make(chan struct{})
		open := b.opener
		b.opener = func(raft.NodeID) node.MachineOpener { return heldAdders{gate: gate} }
		b.boot(victim, b.crash(victim))
		b.opener = open
		b.eventually(ctx, "machine that runs", func() bool { return b.check(victim, "machines").OK })
		time.Sleep(10 * time.Second) // virtual
		synctest.Wait()
		if c := b.check(victim, "log-tail"); c.OK || !strings.Contains(c.Detail, `machine "adder" has applied`) {
			t.Errorf("with its log before it the check says %+v", c)
		}
		close(gate)
		b.eventually(ctx, "end of the tail", func() bool { return b.check(victim, "log-tail").OK })
		b.expectSum(ctx, victim, 20)
		b.deploy(ctx, 1, "later", []byte("other bytes"))
		b.eventually(ctx, "tail of a new machine", func() bool {
			_, here := b.nodes[victim].node.Catalogue().Machine("later")
			return here && b.check(victim, "machines").OK && b.check(victim, "log-tail").OK
		})
		for _, id := range []raft.NodeID{1, 2, 3} { // nobody leads, and nothing is new
			if id != victim {
				b.crash(id)
			}
		}
		time.Sleep(10 * time.Second) // virtual
		synctest.Wait()
		if c := b.check(victim, "log-tail"); !c.OK {
			t.Errorf("alone, with all that it had applied, the check says %+v", c)
		}
	})
}
