package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wraft/wraft/internal/ports"
)

// Plan chooses the ID, the addresses and the folder of a node more. Nobody knows of it yet; once
// a command of wraftd has written its folder, Take has it be one of the cluster's.
func (c *Cluster) Plan() (*Node, error) {
	addresses, err := ports.Addresses(2)
	if err != nil {
		return nil, err
	}
	id := nodeID(len(c.Nodes))
	return &Node{ID: id, API: addresses[0], Peer: addresses[1], cluster: c, Dir: filepath.Join(c.Dir, fmt.Sprintf("node-%d", id))}, nil
}

// Take has a planned node, whose folder is written, be the newest of Nodes. It is not started.
// Nothing else may use the cluster meanwhile.
func (c *Cluster) Take(n *Node) error {
	if c.compiled != "" {
		if err := copyMissing(filepath.Join(n.Dir, nodeCache), c.compiled); err != nil {
			return fmt.Errorf("cluster: lend compiled code: %w", err)
		}
	}
	c.Nodes = append(c.Nodes, n)
	return nil
}

// Spec is the node as commands of wraftd name one that is new: ID=PEER/API.
func (n *Node) Spec() string { return fmt.Sprintf("%d=%s/%s", n.ID, n.Peer, n.API) }

// AuthorityDir holds the cluster's authority and its key.
func (c *Cluster) AuthorityDir() string { return filepath.Join(c.Dir, "ca") }

// Add has the running cluster know a node more, through `wraftd nodes add`, which writes
// its identity. The node is not started. Nothing else may use the cluster meanwhile.
func (c *Cluster) Add(ctx context.Context) (*Node, error) {
	return c.add(func(n *Node) Result {
		return c.Wraftd(ctx, "nodes", "add", n.Spec(), "--ca-dir", c.AuthorityDir(), "--out", n.Dir)
	})
}

// Join is Add by a token, through `wraftd nodes join` without any certificate.
func (c *Cluster) Join(ctx context.Context, token string) (*Node, error) {
	return c.add(func(n *Node) Result { return c.Stranger(ctx, n.JoinArgs(token)...) })
}

// JoinArgs is the command with which a planned node joins by a token.
func (n *Node) JoinArgs(token string) []string {
	return []string{"nodes", "join", token, "--peer", n.Peer, "--api", n.API, "--id", n.ID.String(), "--out", n.Dir}
}

// add has a command make the next node one of the cluster.
func (c *Cluster) add(command func(*Node) Result) (*Node, error) {
	n, err := c.Plan()
	if err != nil {
		return nil, err
	}
	if r := command(n); r.Code != 0 {
		return nil, fmt.Errorf("cluster: add node %d: exit code %d: %s", n.ID, r.Code, r.Stderr)
	}
	return n, c.Take(n)
}

// IssueCertificates has a node that does not run issue them to machines that join by a token:
// its configuration names the key of the cluster's authority.
func (n *Node) IssueCertificates() error {
	file, err := os.OpenFile(n.ConfigFile(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cluster: issue certificates: %w", err)
	}
	// Why at the end: tls is the last section that wraftd init writes.
	_, err = fmt.Fprintf(file, "  authority-key: %s\n", filepath.Join(n.cluster.AuthorityDir(), "ca.key"))
	return errors.Join(err, file.Close())
}
