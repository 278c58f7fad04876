package operator

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// dayTimeout is far above what a day takes: machines of CI are busy.
const dayTimeout = 10 * time.Minute

// patience of one command, for the same reason.
const patience = "3m"

// TestOperatorsDay: three nodes, two more, one less, a dead one replaced, another release on
// each, two of five lost with their disks; at last three of five, so that one has to go on
// alone, and four more. Nothing acknowledged is lost, nothing is counted twice.
func TestOperatorsDay(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), dayTimeout)
	defer cancel()
	d := begin(t, ctx)
	for _, part := range []struct {
		name string
		play func(context.Context, *Day) error
	}{
		{"join two", joinTwo}, {"remove the leader", removeLeader}, {"replace a dead node", replaceDead},
		{"another release", upgradeAll}, {"lose two of five", loseTwo}, {"lose the quorum", loseQuorum},
		{"grow back", growBack},
	} {
		began := time.Now()
		t.Logf("# %s", part.name)
		if err := d.Whole(ctx); err != nil {
			t.Fatalf("before %s: %v", part.name, err)
		}
		if err := part.play(ctx, d); err != nil {
			t.Fatalf("%s: %v", part.name, err)
		}
		t.Logf("  -- %s took %.1f s", part.name, time.Since(began).Seconds())
	}
	report, err := d.Load.Settle(ctx, d.Endpoints(), d.Cluster.TLS())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("operator: nodes=%d acknowledged=%d replayed=%d lost=0 doubled=0", len(d.Members), report.Acknowledged, report.Replayed)
}

// begin starts three nodes with a counter and clients that count.
func begin(t *testing.T, ctx context.Context) *Day {
	t.Helper()
	c, module, err := cluster.Prepare(ctx, t.TempDir(), "day", "examples/wasm-counter")
	if err != nil {
		t.Fatal(err)
	}
	c.EndWith(t)
	// Why two: whoever leads is to leave, and there should be one of them all day.
	for _, n := range c.Nodes[:2] {
		if err := n.IssueCertificates(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Launch(ctx, module, "counter"); err != nil {
		t.Fatal(err)
	}
	var clients []*client.Client
	for range 2 {
		cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		clients = append(clients, cl)
	}
	load := counter.Start(ctx, counter.Config{Clients: clients, Workers: 4, Patience: 3 * time.Minute})
	return &Day{Cluster: c, Members: slices.Clone(c.Nodes), Client: clients[0], Load: load, Log: t.Logf, Patience: patience}
}
