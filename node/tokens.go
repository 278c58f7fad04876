package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrTokenConflict: another token has that name. Choose another name, or revoke that one.
	ErrTokenConflict = errors.New("node: another token has the name")
	// ErrUnknownToken: no token has that ID or name. List them.
	ErrUnknownToken = errors.New("node: no such token")
)

// AddToken makes a token known to the cluster, of which Hash and Role are needed, as asked for
// by whom AskedBy names. It returns once this node knows it. Errors: *LevelRefusedError below
// Level2; ErrTokenConflict; ErrBusy when there are TokensMax; those of Call.
func (n *Node) AddToken(ctx context.Context, t TokenRecord) (TokenRecord, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	reply, err := n.replicateLater(ctx, laterCommand{AddToken: &addTokenCommand{Token: t}})
	if err != nil {
		return TokenRecord{}, err
	}
	switch a := reply.answer; a.Status {
	case metaOK, metaExists:
	case metaTokenConflict:
		return TokenRecord{}, fmt.Errorf("%w: %q is token %s", ErrTokenConflict, t.name(), a.Data)
	case metaTokensFull:
		return TokenRecord{}, fmt.Errorf("%w: the cluster has %d tokens, the most there may be", ErrBusy, TokensMax)
	default:
		return TokenRecord{}, fmt.Errorf("node: add a token: status %d: %s", a.Status, a.Data)
	}
	n.awaitApplied(ctx, MetaGroup, reply.answer.Index)
	if made, ok := n.catalogue.Load().Token(t.Hash); ok {
		t = made
	}
	return t, nil
}

// RevokeToken ends the token of an ID or a name. It returns once this node refuses it; the
// others do as soon as they hear of it. Errors: ErrUnknownToken; those of Call.
func (n *Node) RevokeToken(ctx context.Context, idOrName string) (TokenRecord, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	if err := n.Barrier(ctx); err != nil {
		return TokenRecord{}, err
	}
	tokens := n.catalogue.Load().Tokens
	at := slices.IndexFunc(tokens, func(t TokenRecord) bool { return t.is(idOrName) })
	if at < 0 {
		return TokenRecord{}, fmt.Errorf("%w: %.80q", ErrUnknownToken, idOrName)
	}
	gone := tokens[at]
	reply, err := n.replicateLater(ctx, laterCommand{RevokeToken: &revokeTokenCommand{Hash: gone.Hash, Name: gone.name()}})
	if err != nil {
		return TokenRecord{}, err
	}
	if s := reply.answer.Status; s != metaOK && s != metaUnknownToken { // Why not the latter: an earlier try did it
		return TokenRecord{}, fmt.Errorf("node: revoke token %s: status %d: %s", gone.ID(), s, reply.answer.Data)
	}
	n.awaitApplied(ctx, MetaGroup, reply.answer.Index)
	return gone, nil
}

// replicateLater replicates a command that needs Level2, with the name of who asks. To obey
// it twice does no harm.
func (n *Node) replicateLater(ctx context.Context, c laterCommand) (reply, error) {
	if err := n.awaitCatalogue(ctx); err != nil {
		return reply{}, err
	}
	if level := n.catalogue.Load().Level; level < Level2 {
		return reply{}, &LevelRefusedError{Why: fmt.Sprintf("this needs level %d, the cluster is at %d", Level2, level)}
	}
	a, _ := askedBy(ctx)
	c.By, c.At = a.by, a.at
	data, err := c.encode()
	if err != nil {
		return reply{}, err
	}
	return n.replicateIdempotent(ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
}
