package wan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/relay"
)

// setUp starts the nodes on links that lose nothing, makes the first one lead, and lays the path.
func (r *run) setUp(ctx context.Context) error {
	c, module, err := cluster.Prepare(ctx, r.cfg.Dir, "wan", "examples/wasm-kv", "--fec", r.cfg.FEC,
		"--raft-heartbeat", r.cfg.Heartbeat.String(), "--raft-election-timeout", r.cfg.ElectionTimeout.String())
	if err != nil {
		return err
	}
	r.cluster = c
	if r.links, err = c.Link(r.cfg.Seed); err != nil {
		return err
	}
	// Why before the start: what a connection believes of its path dates from its first
	// round trips.
	if err := r.cfg.lay(r.links, Path{}); err != nil {
		return err
	}
	if err := c.Launch(ctx, module, machine); err != nil {
		return err
	}
	// Why one endpoint: the clients are beside that node and far from the others.
	r.client, err = client.New(client.Config{
		Endpoints: []string{c.Nodes[0].URL()}, EndpointsOnly: true, TLS: c.TLS(), AttemptsMax: 1 << 20,
		Timeout: patience, AttemptTimeout: patience,
	})
	if err != nil {
		return fmt.Errorf("wan: %w", err)
	}
	if err := r.lead(ctx); err != nil {
		return err
	}
	if r.cfg.Down != 0 {
		if err := c.Nodes[r.cfg.Down-1].Kill(); err != nil {
			return err
		}
	}
	if r.cfg.Step {
		return nil
	}
	return r.cfg.lay(r.links, r.cfg.Path)
}

// lead cuts off whoever leads the machine until the first node does. Why that way: it
// is what a client's owner would do to move a leader, and the nodes need no word for it.
func (r *run) lead(ctx context.Context) error {
	for {
		leader, err := r.leader(ctx, 0)
		if err != nil || leader == 1 {
			return err
		}
		cut := relay.Conditions{Cut: true}
		if err := errors.Join(r.links.SetFrom(leader, cut), r.links.SetTo(leader, cut)); err != nil {
			return err
		}
		_, err = r.leader(ctx, leader)
		if err := errors.Join(err, r.cfg.lay(r.links, Path{})); err != nil {
			return err
		}
		if err := r.cluster.WaitReady(ctx); err != nil {
			return err
		}
	}
}

// leader waits until the first node knows of a leader that is another than the given.
func (r *run) leader(ctx context.Context, not client.NodeID) (client.NodeID, error) {
	for {
		info, err := r.client.Cluster(ctx)
		if err != nil {
			return 0, fmt.Errorf("wan: %w", err)
		}
		for _, g := range info.Groups {
			if g.Machine == machine && g.Leader != 0 && g.Leader != not {
				return g.Leader, nil
			}
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return 0, fmt.Errorf("wan: no leader: %w", err)
		}
	}
}
