package server

import (
	"context"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// AddNode implements api.Members.
func (b backend) AddNode(ctx context.Context, spec client.NodeSpec) (client.NodeInfo, bool, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return client.NodeInfo{}, false, b.problem(err)
	}
	have, known := b.node.Catalogue().Node(raft.NodeID(spec.ID))
	err := b.node.AddNode(ctx, node.NodeRecord{ID: raft.NodeID(spec.ID), Region: spec.Region, PeerAddress: spec.Peer, APIAddress: spec.API})
	if err != nil {
		return client.NodeInfo{}, false, b.problem(err)
	}
	info, err := b.memberInfo(ctx, spec.ID)
	return info, !known || have.State == node.NodeRemoved, err
}

// ChangeNode implements api.Members.
func (b backend) ChangeNode(ctx context.Context, id client.NodeID, change client.NodeChange) (client.NodeChanged, error) {
	to, ok := nodeStates[change.State]
	if !ok {
		return client.NodeChanged{}, client.NewProblem(client.CodeBadRequest, "%q is no state that a node can be given", change.State)
	}
	if err := b.node.Barrier(ctx); err != nil {
		return client.NodeChanged{}, b.problem(err)
	}
	e, err := b.node.Effect(raft.NodeID(id), to)
	if err != nil {
		return client.NodeChanged{}, b.problem(err)
	}
	changed := client.NodeChanged{DryRun: change.DryRun, Quorum: quorumEffect(e)}
	if !change.DryRun {
		if err := b.move(ctx, id, to, e, change.AcceptQuorumLoss); err != nil {
			return client.NodeChanged{}, err
		}
	}
	changed.Node, err = b.memberInfo(ctx, id)
	return changed, err
}

func quorumEffect(e node.QuorumEffect) client.QuorumEffect {
	return client.QuorumEffect{
		VotersBefore: e.Before, VotersAfter: e.After, There: e.There, LosesQuorum: e.LosesQuorum(),
		ToleratesBefore: node.Tolerates(e.Before), ToleratesAfter: node.Tolerates(e.After),
	}
}

// nodeStates are those that a node can be given.
var nodeStates = map[client.NodeState]node.NodeState{
	client.NodeVoter: node.NodeVoter, client.NodeLearner: node.NodeLearner, client.NodeLeaving: node.NodeLeaving,
}

// move refuses what would lose the quorum. Why the last voter is left to the catalogue:
// nobody can accept that.
func (b backend) move(ctx context.Context, id client.NodeID, to node.NodeState, e node.QuorumEffect, accept bool) error {
	if e.LosesQuorum() && e.After > 0 && !accept {
		return client.NewProblem(client.CodeQuorumLoss, "%d voters would be left, and of these %d are there as node %d sees it, %d are needed",
			e.After, e.There, b.node.Self(), e.After/2+1)
	}
	if err := b.node.MoveNode(ctx, raft.NodeID(id), to); err != nil {
		return b.problem(err)
	}
	return nil
}

// memberInfo describes one node once this one has applied what was committed.
func (b backend) memberInfo(ctx context.Context, id client.NodeID) (client.NodeInfo, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return client.NodeInfo{}, b.problem(err)
	}
	for _, n := range b.nodeInfos(b.node.Catalogue(), nil) {
		if n.ID == id {
			return n, nil
		}
	}
	return client.NodeInfo{}, b.problem(node.ErrUnknownNode)
}
