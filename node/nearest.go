package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// others are the other nodes of the cluster, the nearest first: see nearest.
func (n *Node) others() []raft.NodeID {
	nodes := slices.DeleteFunc(slices.Clone(n.Nodes()), func(r NodeRecord) bool { return r.State == NodeRemoved })
	return nearest(n.cfg.Self, nodes, n.network.Links())
}

// nearest orders the nodes but self by what it costs to fetch something from them: those
// with a link that stands come first, of these the ones in the same region, and of these
// the ones with the shortest round trip. Nodes that are alike in all of it go by ID.
//
// Why the region before the round trip: what stays in a region pays for no bytes between
// regions and takes nothing from the links that commits need, even while that peer is busy.
func nearest(self raft.NodeID, nodes []NodeRecord, links []transport.LinkStats) []raft.NodeID {
	home := ""
	for _, r := range nodes {
		if r.ID == self {
			home = r.Region
		}
	}
	type way struct {
		id   raft.NodeID
		far  int           // 0: a link stands and the region is the same
		trip time.Duration // the longest there is while it is not known
	}
	var ways []way
	for _, r := range nodes {
		if r.ID == self {
			continue
		}
		w := way{id: r.ID, far: 2, trip: 1<<63 - 1}
		for _, l := range links {
			if l.Peer != r.ID || !l.Up {
				continue
			}
			w.far = 1
			if l.RTT > 0 {
				w.trip = l.RTT
			}
			if home != "" && r.Region == home {
				w.far = 0
			}
		}
		ways = append(ways, w)
	}
	slices.SortFunc(ways, func(a, b way) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.trip, b.trip), cmp.Compare(a.id, b.id))
	})
	ids := make([]raft.NodeID, len(ways))
	for i, w := range ways {
		ids[i] = w.id
	}
	return ids
}
