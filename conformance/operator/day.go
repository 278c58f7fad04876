package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// Day is a cluster with a counter under load.
type Day struct {
	// Cluster has every node there ever was.
	Cluster *cluster.Cluster
	// Members are those that are in the cluster now.
	Members []*cluster.Node
	// Load counts.
	Load *counter.Load
	// Log takes the record, a line at a time; required.
	Log func(format string, args ...any)
}

// Step carries out one command of wraftd, as an operator types it, and waits until clients
// were answered again. What the command prints has to contain says.
func (d *Day) Step(ctx context.Context, says string, args ...string) error {
	if err := d.Command(ctx, says, args...); err != nil {
		return err
	}
	return d.AtWork(ctx)
}

// Command is Step without a look at the clients.
func (d *Day) Command(ctx context.Context, says string, args ...string) error {
	d.Log("$ wraftd %s", strings.Join(args, " "))
	r := d.Cluster.Wraftd(ctx, args...)
	for line := range strings.Lines(r.Stdout + r.Stderr) {
		d.Log("  %s", strings.TrimRight(line, "\n"))
	}
	if r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, says) {
		return fmt.Errorf("operator: wraftd %s: exit code %d, want 0 and %q", strings.Join(args, " "), r.Code, says)
	}
	return nil
}

// AtWork returns once an increment was answered that was begun from now on.
func (d *Day) AtWork(ctx context.Context) error {
	if err := d.Load.WaitForLater(ctx, d.Load.Begun()); err != nil {
		return err
	}
	d.Log("  -- clients were answered: %d increments so far", d.Load.Acknowledged())
	return nil
}

// Start starts a member and waits until it is ready.
func (d *Day) Start(ctx context.Context, n *cluster.Node) error {
	d.Log("$ wraftd run --config node-%d/wraft.yaml &", n.ID)
	return errors.Join(n.Start(), n.WaitReady(ctx))
}

// Removed waits until the process of a node that was removed has ended by itself, and said
// why. It is no member from then on.
func (d *Day) Removed(ctx context.Context, n *cluster.Node) error {
	d.Members = slices.DeleteFunc(d.Members, func(m *cluster.Node) bool { return m == n })
	code, err := n.Wait(ctx)
	if err != nil {
		return err
	}
	if code != int(client.ExitConflict) || !strings.Contains(n.LogTail(2000), string(client.CodeNodeRemoved)) {
		return fmt.Errorf("operator: node %d, which was removed, ended with exit code %d:\n%s", n.ID, code, n.LogTail(2000))
	}
	d.Log("  -- the process of node %d has ended by itself, exit code %d", n.ID, code)
	return nil
}

// Endpoints are the HTTPS addresses of the members.
func (d *Day) Endpoints() (out []string) {
	for _, n := range d.Members {
		out = append(out, n.URL())
	}
	return out
}

// Leader is the member that leads the counter, nil when none does just now.
func (d *Day) Leader(ctx context.Context, cl *client.Client) *cluster.Node {
	info, err := cl.Machine(ctx, "counter", false)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(d.Members, func(n *cluster.Node) bool { return n.ID == info.Leader })
	if i < 0 {
		return nil
	}
	return d.Members[i]
}
