package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/counter"
)

// TestLeadersMove has the counter's leadership go to each node in turn, and then drains
// each, stops it and starts it again, all under load: everything acknowledged counts once,
// and a drained node led nothing when it ended.
func TestLeadersMove(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	c := newCluster(t, ctx, "leaders", module(t, counterFolder))
	startAll(t, ctx, c)
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	cl := newClient(t, c)
	load := counter.Start(ctx, counter.Config{Clients: []*client.Client{newClient(t, c), newClient(t, c)}, Workers: 4, Patience: time.Minute})
	for _, n := range c.Nodes {
		untilGroups(t, ctx, cl, func() { // Why again: on a busy machine it may move on by itself
			wraftdMust(t, ctx, c, "leader", "transfer", "counter", "--to", n.ID.String())
		}, func(g client.GroupInfo) bool { return g.Machine == "" || g.Leader == n.ID })
		if err := load.WaitFor(ctx, load.Acknowledged()+20); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.Wraftd(ctx, "leader", "transfer", "--meta", "--to", "9"); r.Code != 7 || !strings.Contains(r.Stderr, "WRAFT-3014") {
		t.Errorf("transfer to nobody: exit code %d: %s", r.Code, r.Stderr)
	}
	for _, n := range c.Nodes {
		untilGroups(t, ctx, cl, func() {
			wraftdMust(t, ctx, c, "nodes", "drain", n.ID.String())
		}, func(g client.GroupInfo) bool { return g.Leader != 0 && g.Leader != n.ID })
		if code, err := n.Stop(within(t, stopPatience)); err != nil || code != 0 {
			t.Fatalf("exit code %d, %v", code, err)
		}
		if err := load.WaitFor(ctx, load.Acknowledged()+20); err != nil {
			t.Fatal(err)
		}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	report, err := load.Settle(ctx, c.Endpoints(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("acknowledged=%d replayed=%d", report.Acknowledged, report.Replayed)
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
}

// untilGroups does something, now and then, until something holds for all groups, as whichever
// node answers sees them: it may hear of a new leader later than who asked for it.
func untilGroups(t *testing.T, ctx context.Context, cl *client.Client, do func(), holds func(client.GroupInfo) bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for look := 0; ; look++ {
		if look%250 == 0 {
			do()
		}
		info, err := cl.Cluster(ctx)
		all := err == nil && len(info.Groups) > 0
		for _, g := range info.Groups {
			all = all && holds(g)
		}
		if all {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %+v, %v", info.Groups, err)
		}
	}
}
