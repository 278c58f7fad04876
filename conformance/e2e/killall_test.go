package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
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
// again: every acknowledged increment is there, and there once, whichever protocol it
// went over, and the nodes hold the same.
func TestKillAllUnderLoad(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	skipShort(t)
	c := startCluster(t, ctx, "killall", module(t, counterFolder))
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	var clients []*client.Client
	for _, protocol := range []client.Protocol{client.ProtocolAuto, client.ProtocolHTTP, client.ProtocolNative} {
		clients = append(clients, newClientWith(t, c, protocol))
	}
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
	for _, n := range c.Nodes {
		if r := c.Wraftd(ctx, patience("snapshot", "trigger", "counter", "--server", n.URL())...); r.Code != 0 && !strings.Contains(r.Stderr, "nothing was applied") {
			t.Errorf("wraftd snapshot trigger: exit code %d\n%s", r.Code, r.Stderr)
		}
	}
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
	readLeftovers(t, ctx, c)
}

// readLeftovers reads the data directories of nodes that have stopped: all is sound,
// and the increments and a snapshot of them are there.
func readLeftovers(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		for _, step := range []struct {
			args []string
			says string
		}{
			{[]string{"debug", "store"}, fmt.Sprintf("node %v, life 1, of cluster killall", n.ID)},
			{[]string{"log", "stats", "--group", "2"}, " call, "},
			{[]string{"log", "show", "--group", "2", "--entries", "20"}, "incr"},
			{[]string{"snapshot", "list", "--group", "2"}, "image/"},
			{[]string{"snapshot", "inspect", "--group", "2"}, "image/"},
			{[]string{"snapshot", "inspect", "-o", "json"}, `"digest":`},
		} {
			r := c.Wraftd(ctx, append(step.args, "--config", n.ConfigFile())...)
			if r.Code != 0 || !strings.Contains(r.Stdout, step.says) {
				t.Errorf("wraftd %v: exit code %d, want %q\n%s%s", step.args, r.Code, step.says, r.Stdout, r.Stderr)
			}
		}
	}
}
