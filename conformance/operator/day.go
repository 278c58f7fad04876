package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// Client looks at the cluster.
	Client *client.Client
	// Load counts.
	Load *counter.Load
	// Log takes the record, a line at a time; required.
	Log func(format string, args ...any)
	// Patience of a command that waits, as for --timeout; required.
	Patience string
}

// Step carries out one command of wraftd, as an operator types it who asks the first of the
// members, and waits until clients were answered again. What the command prints has to contain says.
func (d *Day) Step(ctx context.Context, says string, args ...string) error {
	return d.StepAt(ctx, d.Members[0], says, args...)
}

// StepAt is Step for an operator who asks that node. Why one and no other: they hear of changes
// one after the other.
func (d *Day) StepAt(ctx context.Context, n *cluster.Node, says string, args ...string) error {
	if err := d.Command(ctx, says, d.at(n, args...)...); err != nil {
		return err
	}
	return d.AtWork(ctx)
}

// at adds whom to ask, and the time that a busy machine may need.
func (d *Day) at(n *cluster.Node, args ...string) []string {
	return append(args, "--server", n.URL(), "--timeout", d.Patience)
}

// Ready has wraftd wait until it finds all well itself, and show it.
func (d *Day) Ready(ctx context.Context) error {
	if err := d.Step(ctx, fmt.Sprintf("voters    %d", len(d.Members)), "wait", "ready"); err != nil {
		return err
	}
	return d.Step(ctx, "cluster day, as node", "status")
}

// Command carries out one command as it stands, without a look at the clients.
func (d *Day) Command(ctx context.Context, says string, args ...string) error {
	d.Type(args...)
	return d.Judge(d.Cluster.Wraftd(ctx, args...), says, args...)
}

// Type records a command.
func (d *Day) Type(args ...string) { d.Log("$ wraftd %s", strings.Join(args, " ")) }

// Judge records what a command printed, which has to contain says, and wants it to have ended well.
func (d *Day) Judge(r cluster.Result, says string, args ...string) error {
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

// StartInVain starts a node that is no member any more, with its old disk.
func (d *Day) StartInVain(ctx context.Context, n *cluster.Node) error {
	d.Log("$ wraftd run --config node-%d/wraft.yaml &", n.ID)
	if err := n.Start(); err != nil {
		return err
	}
	return d.Removed(ctx, n)
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

// Whole waits until each member sees all of them up and vote in all groups, and no others. Why
// each: they hear of changes one after the other, and whoever is asked to change the cluster
// counts those that it sees.
func (d *Day) Whole(ctx context.Context) error {
	for _, n := range d.Members {
		if err := d.seesAll(ctx, n); err != nil {
			return err
		}
	}
	d.Log("  -- each member sees %d voters, and all are up", len(d.Members))
	return nil
}

// seesAll waits until one member does.
func (d *Day) seesAll(ctx context.Context, n *cluster.Node) error {
	missing := "was not asked yet"
	for {
		info, err := d.Look(ctx, n)
		if err == nil {
			missing = d.missing(info)
		}
		if missing == "" {
			return nil
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return fmt.Errorf("operator: node %d: %s: %w", n.ID, missing, errors.Join(ctx.Err(), err))
		}
	}
}

// missing is what keeps the cluster from being whole, as a node sees it.
func (d *Day) missing(info client.ClusterInfo) string {
	voters := 0
	for _, n := range info.Nodes {
		switch {
		case n.State == client.NodeRemoved:
			continue
		case n.State != client.NodeVoter || !n.Up || !n.Settled():
			return fmt.Sprintf("node %d is a %s, up %v, settled %v", n.ID, n.State, n.Up, n.Settled())
		}
		voters++
	}
	if voters != len(d.Members) {
		return fmt.Sprintf("there are %d voters, not %d", voters, len(d.Members))
	}
	return ""
}

// Look is the cluster as one node sees it.
func (d *Day) Look(ctx context.Context, n *cluster.Node) (client.ClusterInfo, error) {
	cl, err := client.New(client.Config{Endpoints: []string{n.URL()}, EndpointsOnly: true, TLS: d.Cluster.TLS()})
	if err != nil {
		return client.ClusterInfo{}, err
	}
	defer cl.Close()
	return cl.Cluster(ctx)
}

// Endpoints are the HTTPS addresses of the members.
func (d *Day) Endpoints() (out []string) {
	for _, n := range d.Members {
		out = append(out, n.URL())
	}
	return out
}

// Leader is the member that leads the counter, the first one when none is known just now.
func (d *Day) Leader(ctx context.Context) *cluster.Node {
	info, err := d.Client.Machine(ctx, "counter", false)
	i := slices.IndexFunc(d.Members, func(n *cluster.Node) bool { return n.ID == info.Leader })
	if err != nil || i < 0 {
		return d.Members[0]
	}
	return d.Members[i]
}
