package nodetest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// unready is the name of the first check that keeps a node from being ready, or "".
func (b *bubble) unready(id raft.NodeID) string {
	for _, c := range b.nodes[id].node.Checks() {
		if !c.OK {
			return c.Name
		}
	}
	return ""
}

// expectNote wants a node to be ready, and its check of machines to say words.
func (b *bubble) expectNote(ctx context.Context, id raft.NodeID, words string) {
	b.t.Helper()
	b.eventually(ctx, "note of "+words, func() bool { return strings.Contains(b.check(id, "machines").Detail, words) })
	if failed := b.unready(id); failed != "" {
		b.t.Errorf("node %v is not ready for %s: %s", id, failed, b.check(id, failed).Detail)
	}
}

// TestANodeIsReadyWhileItOpensANewMachine: whoever is slow to compile it serves the others.
func TestANodeIsReadyWhileItOpensANewMachine(t *testing.T) {
	inSlowBubble(t, func(ctx context.Context, b *bubble, machines *slows, led raft.NodeID) {
		slow := led%3 + 1
		b.eventually(ctx, "start", func() bool { return b.unready(slow) == "" })
		machines.set(slow, time.Hour, nil)
		b.deploy(ctx, led, "adder", []byte("any bytes"))
		b.expectNote(ctx, slow, `1 of 1 do not run here, and the others do: machine "adder" is opening`)
	})
}

// TestANodeThatOpensOldMachinesIsNotReady: after a restart it waits for what ran before, so
// that whoever restarts the next one waits too.
func TestANodeThatOpensOldMachinesIsNotReady(t *testing.T) {
	inSlowBubble(t, func(ctx context.Context, b *bubble, machines *slows, led raft.NodeID) {
		b.deploy(ctx, led, "adder", []byte("any bytes"))
		victim := led%3 + 1
		machines.set(victim, time.Minute, nil)
		b.boot(victim, b.crash(victim))
		b.eventually(ctx, "catalogue", b.nodes[victim].node.Current)
		time.Sleep(30 * time.Second) // virtual
		synctest.Wait()
		if failed := b.unready(victim); failed != "machines" {
			b.t.Errorf("while it opens its machine the first failed check is %q", failed)
		}
		b.eventually(ctx, "machine", func() bool { return b.unready(victim) == "" })
	})
}

// TestAMachineThatHaltsTakesNoNodeOut: neither where it is deployed nor after a restart.
func TestAMachineThatHaltsTakesNoNodeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, hopeless{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		module := b.upload(ctx, 2, []byte("any bytes"))
		if _, _, err := b.nodes[2].node.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: module}); err == nil {
			t.Fatal("a machine that nobody can open is deployed")
		}
		const halted = `machine "adder" is failed: `
		for id := range b.nodes {
			b.expectNote(ctx, id, halted)
		}
		b.boot(1, b.crash(1))
		b.eventually(ctx, "start", func() bool { return b.unready(1) == "" })
		b.expectNote(ctx, 1, halted)
	})
}
