package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/counter"
)

// rounds is how often all nodes are killed.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("WRAFT_E2E_ROUNDS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("WRAFT_E2E_ROUNDS=%q is no number of rounds", text)
	}
	return n
}

// TestKillAllUnderLoad kills all nodes at once with -9 while they work, again and
// again: every acknowledged increment is there, and there once, and the nodes
// hold the same.
func TestKillAllUnderLoad(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	c := startCluster(t, ctx, "killall")
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	clients := []*client.Client{newClient(t, c), newClient(t, c), newClient(t, c)}
	load := counter.Start(ctx, counter.Config{Clients: clients, Workers: 12, Patience: 2 * time.Minute})
	n, began := rounds(t), time.Now()
	for round := range n {
		// A different number of increments per round lets the signal meet different
		// moments of a write; which ones is left to the machine.
		if err := load.WaitFor(ctx, load.Acknowledged()+20+rand.IntN(60)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := c.KillAll(); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	report, err := load.Settle(ctx, c.Endpoints(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("rounds=%d acknowledged=%d replayed=%d seconds=%.1f", n, report.Acknowledged, report.Replayed, time.Since(began).Seconds())
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
}
