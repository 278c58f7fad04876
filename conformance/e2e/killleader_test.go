package e2e

import (
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/counter"
)

// TestIncrementsThroughLeaderKills has Go clients increment while whoever leads is killed with
// -9, again and again: the count is exact in the end, and no client sees an error.
func TestIncrementsThroughLeaderKills(t *testing.T) {
	skipShort(t)
	ctx := within(t, 8*time.Minute)
	c := startCluster(t, ctx, "killleader", module(t, counterFolder))
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	load := counter.Start(ctx, counter.Config{
		Clients: []*client.Client{newClientWith(t, c, client.ProtocolAuto), newClientWith(t, c, client.ProtocolHTTP)}, Workers: 4, Patience: 2 * time.Minute,
	})
	kills := max(rounds(t)/2, 2)
	for range kills {
		if err := load.WaitFor(ctx, load.Acknowledged()+50); err != nil {
			t.Fatal(err)
		}
		victim := c.Nodes[leader(t, ctx, c)-1]
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		// What was begun after it was gone has to be answered by the next leader.
		if err := load.WaitForLater(ctx, load.Begun()); err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		if err := victim.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	report, err := load.Settle(ctx, c.Endpoints(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("kills=%d acknowledged=%d replayed=%d", kills, report.Acknowledged, report.Replayed)
}
