package e2e

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// TestAClusterGrowsAndShrinks: three nodes under load become five, one that leads leaves, and
// one that died is replaced. Every acknowledged increment is there, once, and the nodes hold the same.
func TestAClusterGrowsAndShrinks(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	if os.Getenv("WRAFT_E2E_MEMBERS") == "" {
		t.Skip("for the long suites; WRAFT_E2E_MEMBERS=1 runs it")
	}
	c := startCluster(t, ctx, "members", module(t, counterFolder))
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	load := counter.Start(ctx, counter.Config{Clients: []*client.Client{newClient(t, c), newClient(t, c)}, Workers: 4, Patience: 2 * time.Minute})
	worked := func() {
		t.Helper()
		if err := load.WaitForLater(ctx, load.Begun()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		n := addNode(t, ctx, c)
		move(t, ctx, c, "promote", n, "", "--wait")
		worked()
	}
	leaver := leaderOf(t, ctx, c, "counter", 1, 2)
	move(t, ctx, c, "remove", leaver, "5 voters -> 4, tolerates 1 failure", "--yes", "--wait")
	worked()
	expectGone(t, ctx, leaver)
	dead := c.Nodes[2]
	if err := dead.Kill(); err != nil {
		t.Fatal(err)
	}
	move(t, ctx, c, "promote", addNode(t, ctx, c), "4 voters -> 5, tolerates 2 failures", "--wait")
	move(t, ctx, c, "remove", dead, "5 voters -> 4, tolerates 1 failure", "--yes", "--wait")
	worked()
	if err := dead.Start(); err != nil { // it was away when it was removed
		t.Fatal(err)
	}
	expectGone(t, ctx, dead)
	var left []string
	for _, n := range c.Nodes {
		if n != dead && n != leaver {
			left = append(left, n.URL())
		}
	}
	report, err := load.Settle(ctx, left, c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("acknowledged=%d replayed=%d nodes=%d", report.Acknowledged, report.Replayed, len(left))
}

// expectGone waits until a removed node ends by itself, and says why.
func expectGone(t *testing.T, ctx context.Context, n *cluster.Node) {
	t.Helper()
	code, err := n.Wait(ctx)
	if err != nil || code != int(client.ExitConflict) || !strings.Contains(n.LogTail(2000), "WRAFT-7019") {
		t.Errorf("node %v, which is removed, ends with exit code %d, %v:\n%s", n.ID, code, err, n.LogTail(2000))
	}
}

// addNode adds a node and starts it.
func addNode(t *testing.T, ctx context.Context, c *cluster.Cluster) *cluster.Node {
	t.Helper()
	n, err := c.Add(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	return n
}

// move changes a node's state through the command line, which has to say something.
func move(t *testing.T, ctx context.Context, c *cluster.Cluster, verb string, n *cluster.Node, says string, flags ...string) {
	t.Helper()
	r := c.Wraftd(ctx, patience(append([]string{"nodes", verb, n.ID.String()}, flags...)...)...)
	if r.Code != 0 || !strings.Contains(r.Stderr, says) {
		t.Fatalf("nodes %s %v: exit code %d, want %q\n%s%s", verb, n.ID, r.Code, says, r.Stdout, r.Stderr)
	}
}

// leaderOf is the node that leads a machine, or the first of some if that is none of them.
func leaderOf(t *testing.T, ctx context.Context, c *cluster.Cluster, machine string, of ...int) *cluster.Node {
	t.Helper()
	r := c.Wraftd(ctx, patience("machines", "show", machine)...)
	for _, id := range of {
		if strings.Contains(r.Stdout, "leader           "+strconv.Itoa(id)) {
			return c.Nodes[id-1]
		}
	}
	return c.Nodes[of[0]-1]
}
