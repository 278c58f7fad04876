package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/relay"
)

// Links are the paths between a cluster's nodes, each through a relay, so that
// any of them can be made bad while the nodes run.
type Links = relay.Mesh[client.NodeID]

// Link puts relays between all nodes, by the addresses in their configurations; with some
// of them named, on the ways from and to these alone, and what is done to any other does
// nothing. No node may have been started yet. Close the links after the nodes.
func (c *Cluster) Link(seed uint64, only ...client.NodeID) (*Links, error) {
	addresses := map[client.NodeID]string{}
	for _, n := range c.Nodes {
		addresses[n.ID] = n.Peer
	}
	l, err := relay.NewMesh(addresses, seed)
	if err != nil {
		return nil, fmt.Errorf("cluster: link: %w", err)
	}
	for _, n := range c.Nodes {
		if err := c.lead(n, l, only); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// lead writes relays into one node's configuration, as its way to the others, see Link. Why not in
// place of their addresses: the catalogue has those of who described the cluster, and a
// node would dial them past the relays.
func (c *Cluster) lead(n *Node, l *Links, only []client.NodeID) error {
	text, err := os.ReadFile(n.ConfigFile())
	if err != nil {
		return fmt.Errorf("cluster: link: %w", err)
	}
	for _, other := range c.Nodes {
		if other == n || len(only) > 0 && !slices.Contains(only, n.ID) && !slices.Contains(only, other.ID) {
			continue
		}
		line := fmt.Appendf(nil, "peer: %q\n", other.Peer)
		if bytes.Count(text, line) != 1 {
			return fmt.Errorf("cluster: link: %s does not name %s once", n.ConfigFile(), other.Peer)
		}
		text = bytes.Replace(text, line, fmt.Appendf(line, "    via: %q\n", l.Via(n.ID, other.ID)), 1)
	}
	if err := os.WriteFile(n.ConfigFile(), text, 0o600); err != nil {
		return fmt.Errorf("cluster: link: %w", err)
	}
	return nil
}
