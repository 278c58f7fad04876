package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// ErrTokenUsed: the token has let another node in. Make another token.
var ErrTokenUsed = errors.New("node: the token is used up")

// Join lets a node in by a token, of which it has the hash, with the digest of the node's public
// key: as a learner that votes when it has caught up, unless the token says otherwise. r has its
// addresses, and its ID, or 0 for one that is free. The same key again gets the same
// answer. Errors: ErrUnknownToken, ErrTokenUsed, those of AddNode.
func (n *Node) Join(ctx context.Context, token, key Digest, r NodeRecord) (raft.NodeID, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	reply, err := n.replicateLater(ctx, laterCommand{Join: &joinCommand{Token: token, Key: key, Node: r}})
	if err != nil {
		return 0, err
	}
	a := reply.answer
	switch {
	case a.Status == metaUnknownToken:
		return 0, fmt.Errorf("%w that lets a node in", ErrUnknownToken)
	case a.Status == metaTokenUsed:
		return 0, fmt.Errorf("%w: it has let %s in", ErrTokenUsed, a.Data)
	}
	if err := nodesError(fmt.Sprintf("join as %v", r.ID), a); err != nil {
		return 0, err
	}
	n.awaitApplied(ctx, MetaGroup, a.Index)
	return decodeNodeID(a.Data), nil
}
