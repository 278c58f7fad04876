package server

import (
	"context"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TransferLeader implements api.Members.
func (b backend) TransferLeader(ctx context.Context, t client.Transfer) (client.Transferred, error) {
	group := node.MetaGroup
	if t.Machine != "" {
		m, err := b.node.Find(ctx, t.Machine)
		if err != nil {
			return client.Transferred{}, b.problem(err)
		}
		group = m.Group
	}
	done := client.Transferred{Machine: t.Machine, Group: client.GroupID(group), Before: client.NodeID(b.node.Leader(group))}
	leader, err := b.node.TransferLeadership(ctx, group, raft.NodeID(t.To))
	if err != nil {
		return client.Transferred{}, b.problem(err)
	}
	done.Leader = client.NodeID(leader)
	if done.Leader != done.Before {
		if err := b.node.NoteTransfer(ctx, t.Machine, leader); err != nil {
			return client.Transferred{}, b.problem(err)
		}
	}
	return done, nil
}
