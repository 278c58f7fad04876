package server

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// FindToken implements api.Tokens, from this node's catalogue.
func (b backend) FindToken(hash pki.TokenHash) (client.TokenInfo, error) {
	current := b.node.Current() // Why first: the catalogue below is no older
	t, known := b.node.Catalogue().Token(node.Digest(hash))
	switch {
	case known:
		return tokenInfo(t), nil
	case !current:
		return client.TokenInfo{}, client.NewProblem(client.CodeNotReady, "this node has started and does not know yet which tokens there are")
	}
	return client.TokenInfo{}, client.NewProblem(client.CodeBadToken, "this node knows no such token; it may have been revoked")
}

// CreateToken implements api.Tokens.
func (b backend) CreateToken(ctx context.Context, hash pki.TokenHash, spec client.TokenSpec) (client.TokenInfo, error) {
	record := node.TokenRecord{Hash: node.Digest(hash), Name: spec.Name, Role: spec.Role, Expires: unixNanos(spec.Expires)}
	if spec.Join != nil {
		record.Join = &node.JoinGrant{Node: raft.NodeID(spec.Join.Node), Learner: spec.Join.Learner}
	}
	t, err := b.node.AddToken(ctx, record)
	if err != nil {
		return client.TokenInfo{}, b.problem(err)
	}
	return tokenInfo(t), nil
}

// ListTokens implements api.Tokens.
func (b backend) ListTokens(ctx context.Context) ([]client.TokenInfo, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return nil, b.problem(err)
	}
	var out []client.TokenInfo
	for _, t := range b.node.Catalogue().Tokens {
		out = append(out, tokenInfo(t))
	}
	slices.SortFunc(out, func(a, b client.TokenInfo) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// RevokeToken implements api.Tokens.
func (b backend) RevokeToken(ctx context.Context, idOrName string) (client.TokenInfo, error) {
	t, err := b.node.RevokeToken(ctx, idOrName)
	if err != nil {
		return client.TokenInfo{}, b.problem(err)
	}
	return tokenInfo(t), nil
}

func tokenInfo(t node.TokenRecord) client.TokenInfo {
	info := client.TokenInfo{ID: t.ID(), Name: cmp.Or(t.Name, t.ID()), Role: t.Role, Created: timeOf(t.At), By: t.By, Expires: timeOf(t.Expires)}
	if j := t.Join; j != nil {
		info.Join = &client.JoinGrant{Node: client.NodeID(j.Node), Learner: j.Learner, As: client.NodeID(j.As)}
	}
	return info
}

// AuditRecords implements api.Audit.
func (b backend) AuditRecords(ctx context.Context) ([]client.AuditRecord, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return nil, b.problem(err)
	}
	var out []client.AuditRecord
	for _, r := range slices.Backward(b.node.Catalogue().Audit) {
		out = append(out, client.AuditRecord{Index: uint64(r.Index), At: timeOf(r.At), By: r.By, Action: r.Action, Subject: r.Subject, Detail: r.Detail})
	}
	return out, nil
}

// timeOf is a time of the catalogue; 0 is none.
func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

func unixNanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// asked has what a request changes noted with who asks, now.
func asked(ctx context.Context, name string) context.Context {
	return node.AskedBy(ctx, name, time.Now())
}
