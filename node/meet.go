package node

import "slices"

// Meet tells the node of others that are in the cluster, as one of them says. It talks to
// them beside those of its configuration until it has a catalogue, which knows better.
// Why: a node whose disk was lost knows no others than its configuration names, and it gets
// the catalogue from a leader, who may have been added to the cluster since.
func (n *Node) Meet(others []NodeRecord) {
	if n.hasCatalogue() {
		return
	}
	n.met.Store(&others)
	n.network.SetPeers(n.peers())
}

// hasCatalogue reports whether the node knows the cluster from its own log.
func (n *Node) hasCatalogue() bool { return len(n.catalogue.Load().Nodes) > 0 }

// acquaintances are the nodes that this one may talk to.
func (n *Node) acquaintances() []NodeRecord {
	out := n.Nodes()
	met := n.met.Load()
	if met == nil || n.hasCatalogue() {
		return out
	}
	out = slices.Clone(out)
	for _, r := range *met {
		if !slices.ContainsFunc(out, func(o NodeRecord) bool { return o.ID == r.ID }) {
			out = append(out, r)
		}
	}
	return out
}
