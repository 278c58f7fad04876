package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/internal/relay"
)

// badLink is worse than most links across an ocean.
var badLink = relay.Conditions{
	Loss: 0.05, Duplicate: 0.01, Corrupt: 0.005, Reorder: 0.02, Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond,
}

// TestBadLinks counts on over links that lose, repeat, damage and reorder, while
// the leader goes mute, then deaf, the third node sees only one of the others,
// and all ports change: every acknowledged increment is there, and there once.
func TestBadLinks(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	skipShort(t)
	c := newCluster(t, ctx, "links", module(t, counterFolder))
	links, err := c.Link(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := links.Close(); err != nil {
			t.Error(err)
		}
	})
	startAll(t, ctx, c)
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	load := counter.Start(ctx, counter.Config{Clients: []*client.Client{newClient(t, c), newClient(t, c)}, Workers: 8, Patience: 2 * time.Minute})
	for _, phase := range []struct {
		name  string
		count int
		begin func() error
	}{
		{"bad links", 60, func() error { return links.SetAll(badLink) }},
		{"the leader is mute", 60, func() error { return links.SetFrom(leader(t, ctx, c), relay.Conditions{Cut: true}) }},
		{"bad links again", 60, func() error { return links.SetAll(badLink) }},
		{"the leader is deaf", 60, func() error { return links.SetTo(leader(t, ctx, c), relay.Conditions{Cut: true}) }},
		{"good links", 500, func() error { return links.SetAll(relay.Conditions{}) }},
		{"one link is cut", 1500, func() error { return links.Set(1, 3, relay.Conditions{Cut: true}) }},
		{"new ports", 1500, links.Rebind},
		{"good links again", 500, func() error { return links.SetAll(relay.Conditions{}) }},
	} {
		began := time.Now()
		if err := phase.begin(); err != nil {
			t.Fatalf("%s: %v", phase.name, err)
		}
		if err := load.WaitFor(ctx, load.Acknowledged()+phase.count); err != nil {
			t.Fatalf("%s: %v", phase.name, err)
		}
		t.Logf("%-20s %d increments in %.1f s", phase.name, phase.count, time.Since(began).Seconds())
	}
	report, err := load.Settle(ctx, c.Endpoints(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	was := links.Total()
	t.Logf("acknowledged=%d replayed=%d datagrams: %+v", report.Acknowledged, report.Replayed, was)
	if was.Lost == 0 || was.Cut == 0 || was.Corrupted == 0 || was.Duplicated == 0 || was.Reordered == 0 {
		t.Error("a fault did not strike")
	}
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
}

// TestNodesKeepToTheirRelays starts all nodes anew, once they know the catalogue with
// everyone's addresses: they connect through the relays all the same.
func TestNodesKeepToTheirRelays(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	c := newCluster(t, ctx, "relays")
	links, err := c.Link(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := links.Close(); err != nil {
			t.Error(err)
		}
	})
	startAll(t, ctx, c)
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
	pairs := [][2]client.NodeID{{1, 2}, {2, 1}, {1, 3}, {3, 1}, {2, 3}, {3, 2}}
	before := map[[2]client.NodeID]uint64{}
	for _, p := range pairs {
		before[p] = links.Counters(p[0], p[1]).Delivered
	}
	startAll(t, ctx, c)
	if err := c.WaitLinked(ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if links.Counters(p[0], p[1]).Delivered == before[p] {
			t.Errorf("node %d reaches node %d past the relay", p[0], p[1])
		}
	}
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
}

// leader is who leads the counter, once a node knows.
func leader(t *testing.T, ctx context.Context, c *cluster.Cluster) client.NodeID {
	t.Helper()
	cl := newClient(t, c)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		m, err := cl.Machine(ctx, "counter", false)
		if err == nil && m.Leader != 0 {
			return m.Leader
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("no leader: %+v, %v", m, err)
		}
	}
}
