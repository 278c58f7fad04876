package node

import (
	"context"

	"github.com/wraft/wraft/raft"
)

// DiskState is what is known of a node's disk.
type DiskState struct {
	Full    bool // too little space: it takes no commands
	Stalled bool // a write takes too long: it leads no group
}

// Disks is what this node knows of the disks: of its own, and of those whose nodes follow
// it in some group.
func (n *Node) Disks(ctx context.Context) (map[raft.NodeID]DiskState, error) {
	disks := map[raft.NodeID]DiskState{}
	note := func(id raft.NodeID, full, stalled bool) {
		d := disks[id]
		disks[id] = DiskState{Full: d.Full || full, Stalled: d.Stalled || stalled}
	}
	note(n.cfg.Self, n.Room().Low, false)
	for _, g := range n.allGroups() {
		s, err := n.status(ctx, g)
		if err != nil {
			return nil, err
		}
		note(n.cfg.Self, s.DiskFull, s.DiskSlow)
		for _, f := range s.Followers {
			note(f.ID, f.DiskFull, f.DiskSlow)
		}
	}
	return disks, nil
}

// allGroups are the groups that have a replica here.
func (n *Node) allGroups() []*group {
	n.groupsMu.RLock()
	defer n.groupsMu.RUnlock()
	out := make([]*group, 0, len(n.groups))
	for _, g := range n.groups {
		out = append(out, g)
	}
	return out
}
