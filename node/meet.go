package node

import (
	"slices"

	"github.com/wraft/wraft/raft"
)

// Meet tells the node of others that are in the cluster, as one of them says. While it is lost
// it talks to them too, until its catalogue says what they are. Why: a node whose disk was lost
// knows no others than its configuration names, one that was away those of then, and the
// leader, from whom it gets the catalogue, may have been added since.
func (n *Node) Meet(others []NodeRecord) {
	if !n.lost() {
		return
	}
	for {
		before := n.met.Load()
		var all []NodeRecord
		if before != nil {
			all = slices.DeleteFunc(slices.Clone(*before), func(r NodeRecord) bool { return listed(others, r.ID) })
		}
		all = append(slices.Clone(others), all...)
		all = all[:min(len(all), NodesMax)]
		if n.met.CompareAndSwap(before, &all) {
			break
		}
	}
	n.connect()
	n.births.meet(others)
}

// Stranger implements transport.Greeter: a node of the cluster that is none of the peers connects
// from an address. While this node is lost it is met. It can tell to whom a claim to a life
// may go, which a majority has to obey, and has no say in a first life; and what it sends in
// a life of its own counts as much as its place in the log.
func (h handler) Stranger(id raft.NodeID, address string) {
	if !h.n.greets.Load() {
		return // Why: it comes again when there is a network to talk to it
	}
	if met := h.n.met.Load(); met == nil || !listed(*met, id) { // Why: what is said of it is better than where it comes from
		h.n.Meet([]NodeRecord{{ID: id, PeerAddress: address}})
	}
}

// lost reports whether the node does not know the cluster as it is now.
func (n *Node) lost() bool { return !n.Current() || n.Leader(MetaGroup) == 0 }

// acquaintances are the nodes that this one may talk to.
func (n *Node) acquaintances() []NodeRecord {
	out := n.Nodes()
	met := n.met.Load()
	if met == nil {
		return out
	}
	out = slices.Clone(out)
	for _, r := range *met {
		if !listed(out, r.ID) {
			out = append(out, r)
		}
	}
	return out
}

func listed(nodes []NodeRecord, id raft.NodeID) bool {
	return slices.ContainsFunc(nodes, func(r NodeRecord) bool { return r.ID == id })
}
