package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
)

// profile begins to take what the nodes' processors do while a load runs, if that is asked
// for. The function it returns waits for the end.
func (r *run) profile(ctx context.Context, c *cluster.Cluster, op string, clients int) func() error {
	if r.cfg.Profiles == "" {
		return func() error { return nil }
	}
	seconds := max(int((r.cfg.Warmup+r.cfg.Duration)/time.Second), 1)
	problems := make([]error, len(c.Nodes))
	var taken sync.WaitGroup
	for i, n := range c.Nodes {
		taken.Go(func() {
			problems[i] = profileOf(ctx, n, seconds, filepath.Join(r.cfg.Profiles, fmt.Sprintf("%s-%d-%d.pprof", op, clients, n.ID)))
		})
	}
	return func() error {
		taken.Wait()
		return errors.Join(problems...)
	}
}

// profileOf writes one node's profile to a file.
func profileOf(ctx context.Context, n *cluster.Node, seconds int, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	return errors.Join(n.Profile(ctx, seconds, file), file.Close())
}
