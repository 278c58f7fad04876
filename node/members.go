package node

import (
	"context"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// AddNode makes a node known to the cluster, as a learner: from now on the others take its
// connections, and when it starts it claims its first life and gets a replica of every
// group. ID and PeerAddress are needed. Adding the same node again changes nothing.
// Errors: ErrNodeConflict; ErrBusy when NodesMax are known; those of Call.
func (n *Node) AddNode(ctx context.Context, r NodeRecord) error {
	data, err := AddNodeCommand(r)
	if err != nil {
		return err
	}
	return n.changeNodes(ctx, fmt.Sprintf("add %v", r.ID), data)
}

// MoveNode promotes a node (NodeVoter), demotes it (NodeLearner) or has it leave for good
// (NodeLeaving). It returns once the catalogue says so; groups follow one after the other,
// see Catalogue.Holds. What a node that leaves has on its disk stays there. The same again changes nothing. Errors: ErrUnknownNode,
// ErrLastVoter; ErrNodeConflict for one that is leaving; those of Call.
func (n *Node) MoveNode(ctx context.Context, id raft.NodeID, to NodeState) error {
	data, err := MoveNodeCommand(id, to)
	if err != nil {
		return err
	}
	return n.changeNodes(ctx, fmt.Sprintf("make %v a %v node", id, to), data)
}

// changeNodes replicates a command about nodes.
func (n *Node) changeNodes(ctx context.Context, what string, data []byte) error {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	r, err := n.replicateMeta(ctx, data)
	if err != nil {
		return err
	}
	if err := nodesError(what, r.answer); err != nil {
		return err
	}
	n.log.Info("the list of nodes changes", "change", what, "index", uint64(r.answer.Index))
	return nil
}

// nodesError says what a meta machine's answer to a change of the nodes means.
func nodesError(what string, a Answer) error {
	switch a.Status {
	case metaOK, metaExists:
		return nil
	case metaUnknownNode:
		return fmt.Errorf("%w: %s", ErrUnknownNode, what)
	case metaLastVoter:
		return fmt.Errorf("%w: %s", ErrLastVoter, a.Data)
	case metaConflict:
		return fmt.Errorf("%w: %s: %s", ErrNodeConflict, what, a.Data)
	case metaFull:
		return fmt.Errorf("%w: the cluster knows %d nodes, the most there may be", ErrBusy, NodesMax)
	default:
		return fmt.Errorf("node: %s: status %d: %s", what, a.Status, a.Data)
	}
}
