package server

import (
	"context"
	"slices"
	"strings"

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

// ChangeLeaders implements api.Members.
func (b backend) ChangeLeaders(ctx context.Context, c client.LeaderChange) (client.LeaderPolicy, error) {
	if c.Regions != nil {
		if err := b.node.Barrier(ctx); err != nil {
			return client.LeaderPolicy{}, b.problem(err)
		}
		if err := knownRegions(*c.Regions, b.node.Nodes()); err != nil {
			return client.LeaderPolicy{}, err
		}
	}
	now, err := b.node.ChangeLeaders(ctx, node.LeaderChange{Regions: c.Regions, Follow: c.FollowCommands})
	if err != nil {
		return client.LeaderPolicy{}, b.problem(err)
	}
	return client.LeaderPolicy{Regions: now.Regions, FollowCommands: now.Follow}, nil
}

// knownRegions refuses a region in which there is no node: as a rule it is misspelt.
func knownRegions(regions []string, nodes []node.NodeRecord) error {
	var known []string
	for _, n := range nodes {
		if n.Region != "" && n.State != node.NodeRemoved && !slices.Contains(known, n.Region) {
			known = append(known, n.Region)
		}
	}
	for _, r := range regions {
		switch {
		case slices.Contains(known, r):
		case len(known) == 0:
			return client.NewProblem(client.CodeBadRequest, "no node says in which region it is: give each its region in its configuration, and start it again")
		default:
			return client.NewProblem(client.CodeBadRequest, "no node is in region %.40q: there are nodes in %s; add one there first", r, strings.Join(known, ", "))
		}
	}
	return nil
}

// leaderPolicy is where leaders are to be, nil when nothing was asked for.
func leaderPolicy(c *node.Catalogue) *client.LeaderPolicy {
	if c.Leaders == nil {
		return nil
	}
	return &client.LeaderPolicy{Regions: c.Leaders.Regions, FollowCommands: c.Leaders.Follow}
}
