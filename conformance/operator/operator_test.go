package operator

import (
	"context"
	"errors"
	"fmt"
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

// newVersion is what the release calls itself that the nodes are upgraded to.
const newVersion = "next"

// TestOperatorsDay: three nodes, two more, one less, a dead one replaced, another release on
// each, two of five lost with their disks; and at last three of five, so that one has to go
// on alone. Nothing acknowledged is lost, nothing is counted twice.
func TestOperatorsDay(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), dayTimeout)
	defer cancel()
	d, cl, dir := begin(t, ctx)
	for _, part := range []struct {
		name string
		play func(*testing.T, context.Context, *Day, *client.Client, string) error
	}{
		{"join two", joinTwo}, {"remove the leader", removeLeader}, {"replace a dead node", replaceDead},
		{"another release", upgradeAll}, {"lose two of five", loseTwo}, {"lose the quorum", loseQuorum},
	} {
		began := time.Now()
		t.Logf("# %s", part.name)
		if err := part.play(t, ctx, d, cl, dir); err != nil {
			t.Fatalf("%s: %v", part.name, err)
		}
		t.Logf("  -- %s took %.1f s", part.name, time.Since(began).Seconds())
	}
}

// begin starts three nodes with a counter and clients that count.
func begin(t *testing.T, ctx context.Context) (*Day, *client.Client, string) {
	t.Helper()
	dir := t.TempDir()
	c, module, err := cluster.Prepare(ctx, dir, "day", "examples/wasm-counter")
	if err != nil {
		t.Fatal(err)
	}
	c.EndWith(t)
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
	return &Day{Cluster: c, Members: slices.Clone(c.Nodes), Load: load, Log: t.Logf}, clients[0], dir
}

// add adds a node and starts it.
func add(ctx context.Context, d *Day) (*cluster.Node, error) {
	n, err := d.Cluster.Add(ctx)
	if err != nil {
		return nil, err
	}
	d.Members = append(d.Members, n)
	return n, d.Start(ctx, n)
}

// join adds a node, starts it and has it vote.
func join(ctx context.Context, d *Day) (*cluster.Node, error) {
	n, err := add(ctx, d)
	if err != nil {
		return nil, err
	}
	return n, d.Step(ctx, fmt.Sprintf("%d voters -> %d", len(d.Members)-1, len(d.Members)), "nodes", "promote", n.ID.String(), "--wait", "--timeout", patience)
}

// remove has a node leave; says is the effect on the quorum.
func remove(ctx context.Context, d *Day, n *cluster.Node, says string) error {
	return d.Step(ctx, says, "nodes", "remove", n.ID.String(), "--yes", "--wait", "--timeout", patience)
}

func joinTwo(_ *testing.T, ctx context.Context, d *Day, _ *client.Client, _ string) error {
	for range 2 {
		if _, err := join(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func removeLeader(_ *testing.T, ctx context.Context, d *Day, cl *client.Client, _ string) error {
	n := d.Leader(ctx, cl)
	if n == nil {
		n = d.Members[0]
	}
	if err := remove(ctx, d, n, "5 voters -> 4, tolerates 1 failure"); err != nil {
		return err
	}
	return d.Removed(ctx, n)
}

// replaceDead kills the last member for good, has another take its seat, and starts the
// dead one again, which nobody wants any more.
func replaceDead(_ *testing.T, ctx context.Context, d *Day, _ *client.Client, _ string) error {
	dead := d.Members[len(d.Members)-1]
	d.Log("  -- node %d dies", dead.ID)
	if err := dead.Kill(); err != nil {
		return err
	}
	if err := d.AtWork(ctx); err != nil {
		return err
	}
	n, err := add(ctx, d)
	if err != nil {
		return err
	}
	says := fmt.Sprintf("node %d for node %d: 4 voters -> 5, tolerates 2; then -> 4, tolerates 1", n.ID, dead.ID)
	if err := d.Step(ctx, says, "nodes", "replace", dead.ID.String(), n.ID.String(), "--yes", "--timeout", patience); err != nil {
		return err
	}
	if err := dead.Start(); err != nil {
		return err
	}
	return d.Removed(ctx, dead)
}

// upgradeAll drains one node after the other, stops it and starts another release.
func upgradeAll(t *testing.T, ctx context.Context, d *Day, cl *client.Client, dir string) error {
	program, err := cluster.BuildVersion(ctx, dir, newVersion)
	if err != nil {
		return err
	}
	for _, n := range d.Members {
		if err := d.Cluster.WaitLinked(ctx); err != nil { // Why: whoever is asked counts those it sees
			return err
		}
		if err := d.Step(ctx, fmt.Sprintf("while node %d is stopped 3 of 4 voters answer, 3 are needed", n.ID), "nodes", "drain", n.ID.String(), "--timeout", patience); err != nil {
			return err
		}
		code, err := n.Stop(ctx)
		if err != nil || code != 0 {
			return fmt.Errorf("operator: node %d ended with exit code %d: %w", n.ID, code, err)
		}
		n.Use(program)
		if err := d.Start(ctx, n); err != nil {
			return err
		}
		if err := d.AtWork(ctx); err != nil {
			return err
		}
		if got, err := version(ctx, d, n); err != nil || got != newVersion {
			return fmt.Errorf("operator: node %d runs version %q: %w", n.ID, got, err)
		}
	}
	return d.Command(ctx, "", "status")
}

// version is what a node says of itself.
func version(ctx context.Context, d *Day, n *cluster.Node) (string, error) {
	cl, err := client.New(client.Config{Endpoints: []string{n.URL()}, TLS: d.Cluster.TLS()})
	if err != nil {
		return "", err
	}
	defer cl.Close()
	info, err := cl.Cluster(ctx)
	for _, o := range info.Nodes {
		if o.ID == n.ID {
			return o.Version, err
		}
	}
	return "", err
}

// loseTwo has two of five die with their disks, the leader first; they come back with
// empty ones.
func loseTwo(_ *testing.T, ctx context.Context, d *Day, cl *client.Client, _ string) error {
	if _, err := join(ctx, d); err != nil {
		return err
	}
	lost := []*cluster.Node{d.Members[len(d.Members)-1], d.Members[len(d.Members)-2]}
	if leader := d.Leader(ctx, cl); leader != nil && !slices.Contains(lost, leader) {
		lost[0] = leader
	}
	for _, n := range lost {
		d.Log("  -- node %d dies, and its disk", n.ID)
		if err := errors.Join(n.Kill(), n.LoseDisk()); err != nil {
			return err
		}
	}
	if err := d.AtWork(ctx); err != nil {
		return err
	}
	for _, n := range lost {
		if err := d.Start(ctx, n); err != nil {
			return err
		}
	}
	for _, n := range lost {
		if err := d.Step(ctx, "is to vote in all groups", "nodes", "promote", n.ID.String(), "--wait", "--timeout", patience); err != nil {
			return err
		}
	}
	return nil
}

// loseQuorum ends the load, holds what was acknowledged against what all nodes have, and
// then has three of five lose their disks: one of the others goes on alone.
func loseQuorum(t *testing.T, ctx context.Context, d *Day, _ *client.Client, _ string) error {
	report, err := d.Load.Settle(ctx, d.Endpoints(), d.Cluster.TLS())
	if err != nil {
		return err
	}
	if err := d.Cluster.KillAll(); err != nil {
		return err
	}
	left, also := d.Members[0], d.Members[1]
	args := []string{"recover", "--data-dir", left.DataDir(), "--also", also.DataDir()}
	if err := d.Command(ctx, "would go on alone", append(args, "--dry-run")...); err != nil {
		return err
	}
	if err := d.Command(ctx, "is the only voter of", append(args, "--cluster-id", "day", "--yes")...); err != nil {
		return err
	}
	if err := d.Start(ctx, left); err != nil {
		return err
	}
	held, err := counter.Compare(ctx, []string{left.URL()}, d.Cluster.TLS(), "counter")
	if err != nil {
		return err
	}
	t.Logf("operator: steps done, acknowledged=%d replayed=%d counted=%d", report.Acknowledged, report.Replayed, held[0].Count)
	return report.Check(held[0].Count)
}
