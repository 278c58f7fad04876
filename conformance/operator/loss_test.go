package operator

import (
	"context"
	"errors"
	"slices"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// loseTwo has two of five die with their disks, the leader first; they come back with
// empty ones.
func loseTwo(ctx context.Context, d *Day) error {
	if err := d.Join(ctx); err != nil {
		return err
	}
	lost := []*cluster.Node{d.Members[4], d.Members[3]}
	if leader := d.Leader(ctx); !slices.Contains(lost, leader) {
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
		if err := d.Step(ctx, "voter", "wait", "node", n.ID.String()); err != nil {
			return err
		}
	}
	return nil
}

// loseQuorum has three of five lose their disks for good: one of the other two goes on alone,
// and clients with it. Why the load rests meanwhile: what is acknowledged by lost nodes alone is
// lost, and nobody can say whether that was the case.
func loseQuorum(ctx context.Context, d *Day) error {
	if err := d.Load.Pause(ctx); err != nil {
		return err
	}
	if _, err := counter.Compare(ctx, d.Endpoints(), d.Cluster.TLS(), "counter"); err != nil {
		return err
	}
	d.Log("  -- all nodes die, and the disks of all but two")
	if err := d.Cluster.KillAll(); err != nil {
		return err
	}
	left, also := d.Members[0], d.Members[1]
	for _, n := range d.Members[2:] {
		if err := n.LoseDisk(); err != nil {
			return err
		}
	}
	args := []string{"recover", "--data-dir", left.DataDir(), "--also", also.DataDir()}
	if err := d.Command(ctx, "would go on alone", append(args, "--dry-run")...); err != nil {
		return err
	}
	if err := d.Command(ctx, "is the only voter of", append(args, "--cluster-id", "day", "--yes")...); err != nil {
		return err
	}
	d.Members = []*cluster.Node{left}
	if err := d.Start(ctx, left); err != nil {
		return err
	}
	d.Load.Resume()
	if err := d.AtWork(ctx); err != nil {
		return err
	}
	return d.StartInVain(ctx, also)
}

// growBack has four machines join the one that is left.
func growBack(ctx context.Context, d *Day) error {
	if err := join(ctx, d, 4); err != nil {
		return err
	}
	return d.Ready(ctx)
}
