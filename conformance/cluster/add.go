package cluster

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/wraft/wraft/internal/ports"
)

// Add has the running cluster know a node more, through `wraftd nodes add`, which writes
// its identity. The node is not started. Nothing else may use the cluster meanwhile.
func (c *Cluster) Add(ctx context.Context) (*Node, error) {
	return c.take(func(n *Node) Result {
		return c.Wraftd(ctx, "nodes", "add", fmt.Sprintf("%d=%s/%s", n.ID, n.Peer, n.API), "--ca-dir", filepath.Join(c.Dir, "ca"), "--out", n.Dir)
	})
}

// Join is Add by a token, through `wraftd nodes join` without any certificate.
func (c *Cluster) Join(ctx context.Context, token string) (*Node, error) {
	return c.take(func(n *Node) Result {
		return c.run(ctx, c.plainEnv(), "nodes", "join", token, "--peer", n.Peer, "--api", n.API, "--id", n.ID.String(), "--out", n.Dir)
	})
}

// take has add make the next node one of the cluster, and its folder.
func (c *Cluster) take(add func(*Node) Result) (*Node, error) {
	addresses, err := ports.Addresses(2)
	if err != nil {
		return nil, err
	}
	id := nodeID(len(c.Nodes))
	n := &Node{ID: id, API: addresses[0], Peer: addresses[1], cluster: c, Dir: filepath.Join(c.Dir, fmt.Sprintf("node-%d", id))}
	if r := add(n); r.Code != 0 {
		return nil, fmt.Errorf("cluster: add node %d: exit code %d: %s", n.ID, r.Code, r.Stderr)
	}
	if c.compiled != "" {
		if err := copyMissing(filepath.Join(n.Dir, nodeCache), c.compiled); err != nil {
			return nil, fmt.Errorf("cluster: lend compiled code: %w", err)
		}
	}
	c.Nodes = append(c.Nodes, n)
	return n, nil
}
