package operator

import (
	"context"
	"fmt"

	"github.com/wraft/wraft/conformance/cluster"
)

// newVersion is what the release calls itself that the nodes are upgraded to.
const newVersion = "next"

// upgradeAll drains one node after the other, stops it and starts another release.
func upgradeAll(ctx context.Context, d *Day) error {
	program, err := cluster.BuildVersion(ctx, d.Cluster.Dir, newVersion)
	if err != nil {
		return err
	}
	for _, n := range d.Members {
		if err := upgrade(ctx, d, n, program); err != nil {
			return err
		}
	}
	return d.Ready(ctx)
}

func upgrade(ctx context.Context, d *Day, n *cluster.Node, program string) error {
	says := fmt.Sprintf("while node %d is stopped 3 of 4 voters answer, 3 are needed", n.ID)
	if err := d.Step(ctx, says, "nodes", "drain", n.ID.String()); err != nil {
		return err
	}
	d.Log("  -- node %d is asked to end (SIGTERM)", n.ID)
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
	return d.Whole(ctx)
}

// version is what a node says of itself.
func version(ctx context.Context, d *Day, n *cluster.Node) (string, error) {
	info, err := d.Look(ctx, n)
	for _, o := range info.Nodes {
		if o.ID == n.ID {
			return o.Version, err
		}
	}
	return "", err
}
