package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/relay"
)

// Links are the paths between a cluster's nodes, each through a relay, so that
// any of them can be made bad while the nodes run.
type Links struct {
	nodes []client.NodeID
	// relays are by who dials: relays[{a, b}] stands at the address that a has for b.
	relays map[[2]client.NodeID]*relay.Relay
}

// Link puts relays between all nodes, by the addresses in their configurations.
// No node may have been started yet. Close the links after the nodes.
func (c *Cluster) Link(seed uint64) (*Links, error) {
	l := &Links{relays: map[[2]client.NodeID]*relay.Relay{}}
	for _, n := range c.Nodes {
		l.nodes = append(l.nodes, n.ID)
		if err := l.lead(c, n, seed); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// lead writes relays into one node's configuration, as its way to the others. Why not in
// place of their addresses: the catalogue has those of who described the cluster, and a
// node would dial them past the relays.
func (l *Links) lead(c *Cluster, n *Node, seed uint64) error {
	text, err := os.ReadFile(n.ConfigFile())
	if err != nil {
		return fmt.Errorf("cluster: link: %w", err)
	}
	for _, other := range c.Nodes {
		if other == n {
			continue
		}
		pair := [2]client.NodeID{n.ID, other.ID}
		r, err := relay.Start(relay.Config{Target: other.Peer, Seed: seed ^ uint64(n.ID)<<8 ^ uint64(other.ID)})
		if err != nil {
			return fmt.Errorf("cluster: link: %w", err)
		}
		l.relays[pair] = r
		line := fmt.Appendf(nil, "peer: %q\n", other.Peer)
		if bytes.Count(text, line) != 1 {
			return fmt.Errorf("cluster: link: %s does not name %s once", n.ConfigFile(), other.Peer)
		}
		text = bytes.Replace(text, line, fmt.Appendf(line, "    via: %q\n", r.Addr()), 1)
	}
	if err := os.WriteFile(n.ConfigFile(), text, 0o600); err != nil {
		return fmt.Errorf("cluster: link: %w", err)
	}
	return nil
}

// Set changes what happens to whatever from sends to another node.
func (l *Links) Set(from, to client.NodeID, conditions relay.Conditions) error {
	return errors.Join(
		l.relays[[2]client.NodeID{from, to}].Set(relay.Forward, conditions),
		l.relays[[2]client.NodeID{to, from}].Set(relay.Back, conditions))
}

// SetAll changes all links, both ways.
func (l *Links) SetAll(conditions relay.Conditions) error {
	var errs []error
	for _, r := range l.relays {
		errs = append(errs, r.Set(relay.Forward, conditions), r.Set(relay.Back, conditions))
	}
	return errors.Join(errs...)
}

// SetFrom changes what happens to everything one node sends.
func (l *Links) SetFrom(from client.NodeID, conditions relay.Conditions) error {
	var errs []error
	for _, to := range l.nodes {
		if to != from {
			errs = append(errs, l.Set(from, to, conditions))
		}
	}
	return errors.Join(errs...)
}

// SetTo changes what happens to everything one node is sent.
func (l *Links) SetTo(to client.NodeID, conditions relay.Conditions) error {
	var errs []error
	for _, from := range l.nodes {
		if from != to {
			errs = append(errs, l.Set(from, to, conditions))
		}
	}
	return errors.Join(errs...)
}

// Rebind gives all connections new ports, as a NAT does that was restarted.
func (l *Links) Rebind() error {
	var errs []error
	for _, r := range l.relays {
		errs = append(errs, r.Rebind())
	}
	return errors.Join(errs...)
}

// Counters adds up what became of the datagrams of all links.
func (l *Links) Counters() relay.Counters {
	var sum relay.Counters
	for _, r := range l.relays {
		sum = sum.Plus(r.Counters(relay.Forward)).Plus(r.Counters(relay.Back))
	}
	return sum
}

// Delivered is how many datagrams of one node have reached another through relays.
func (l *Links) Delivered(from, to client.NodeID) uint64 {
	return l.relays[[2]client.NodeID{from, to}].Counters(relay.Forward).Delivered +
		l.relays[[2]client.NodeID{to, from}].Counters(relay.Back).Delivered
}

// Close stops all relays.
func (l *Links) Close() error {
	var errs []error
	for _, r := range l.relays {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
