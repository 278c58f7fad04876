package operator

import (
	"context"
	"fmt"
)

func joinTwo(ctx context.Context, d *Day) error { return join(ctx, d, 2) }

// join has so many machines join, each by a token of its own.
func join(ctx context.Context, d *Day, count int) error {
	for range count {
		if err := d.Join(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeLeader has whoever leads leave, whose process then ends.
func removeLeader(ctx context.Context, d *Day) error {
	n, last := d.Leader(ctx), d.Members[len(d.Members)-1]
	if n == last {
		last = d.Members[0]
	}
	if err := d.StepAt(ctx, last, "5 voters -> 4, tolerates 1 failure", "nodes", "remove", n.ID.String(), "--yes", "--wait"); err != nil {
		return err
	}
	return d.Removed(ctx, n)
}

// replaceDead kills the last member for good, has another take its seat, and starts the
// dead one again, which nobody wants any more.
func replaceDead(ctx context.Context, d *Day) error {
	dead := d.Members[len(d.Members)-1]
	d.Log("  -- node %d dies", dead.ID)
	if err := dead.Kill(); err != nil {
		return err
	}
	if err := d.AtWork(ctx); err != nil {
		return err
	}
	says := fmt.Sprintf("for node %d: 4 voters -> 5, tolerates 2; then -> 4, tolerates 1", dead.ID)
	if err := d.Replace(ctx, dead, says); err != nil {
		return err
	}
	return d.StartInVain(ctx, dead)
}
