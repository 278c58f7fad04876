package apitest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft/quorum"
)

// askedByKey finds the name of who asks in a context.
type askedByKey struct{}

func withAskedBy(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, askedByKey{}, name)
}

func askedBy(ctx context.Context) string {
	name, _ := ctx.Value(askedByKey{}).(string)
	return name
}

// AddToken makes a token with a role.
func (b *Backend) AddToken(role string, expires time.Time) string {
	token, hash := pki.NewToken()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToken(hash, client.TokenSpec{Role: role, Expires: expires}, "")
	return token
}

// FindToken finds a token.
func (b *Backend) FindToken(hash pki.TokenHash) (client.TokenInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.tokens[hash]
	if !ok {
		return t, client.NewProblem(client.CodeBadToken, "no such token; it may have been revoked")
	}
	return t, nil
}

// CreateToken makes a token at once.
func (b *Backend) CreateToken(ctx context.Context, hash pki.TokenHash, spec client.TokenSpec) (client.TokenInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("CreateToken", ""); err != nil {
		return client.TokenInfo{}, err
	}
	for _, t := range b.tokens {
		if t.Name == spec.Name {
			return client.TokenInfo{}, client.NewProblem(client.CodeTokenExists, "%q is token %s", t.Name, t.ID)
		}
	}
	t := b.addToken(hash, spec, askedBy(ctx))
	b.noteAudit(client.AuditRecord{By: t.By, Action: "create-token", Subject: t.Name, Detail: t.Role})
	return t, nil
}

func (b *Backend) addToken(hash pki.TokenHash, spec client.TokenSpec, by string) client.TokenInfo {
	t := client.TokenInfo{
		ID: hash.ID(), Name: cmp.Or(spec.Name, hash.ID()), Role: spec.Role, Created: time.Unix(1_800_000_000, 0).UTC(), By: by, Expires: spec.Expires, Join: spec.Join,
	}
	b.tokens[hash] = t
	return t
}

// Invite makes an invitation to this node.
func (b *Backend) Invite(token string) (string, error) {
	certs, err := b.Authorities()
	if err != nil {
		return "", err
	}
	sum, err := pki.AuthoritiesHash(certs)
	return pki.Invitation{Cluster: clusterName, Servers: []string{b.address}, Authorities: sum, Token: token}.String(), err
}

// Authorities are those of Start.
func (b *Backend) Authorities() ([]byte, error) { return b.authority.CertPEM(), nil }

// Join adds a node as its token says, and issues its certificate.
func (b *Backend) Join(ctx context.Context, token pki.TokenHash, spec client.JoinSpec) (client.Joined, error) {
	key, err := pki.RequestDigest([]byte(spec.Request))
	if err != nil {
		return client.Joined{}, err
	}
	id, effect, err := b.joinAs(token, key, spec)
	if err != nil {
		return client.Joined{}, err
	}
	cert, err := b.authority.IssueRequested([]byte(spec.Request), quorum.NodeID(id), []string{"127.0.0.1"}, time.Now(), certValidity)
	return client.Joined{
		Cluster: clusterName, ID: id, Certificate: string(cert), Quorum: effect,
		Nodes: []client.NodeSpec{{ID: 1, Peer: "127.0.0.1:7444", API: b.address}},
	}, err
}

func (b *Backend) joinAs(token pki.TokenHash, key [32]byte, spec client.JoinSpec) (client.NodeID, client.QuorumEffect, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tokens[token]
	switch {
	case t.Join == nil:
		return 0, client.QuorumEffect{}, client.NewProblem(client.CodeUnknownToken, "none that lets a node in")
	case t.Join.As != 0 && b.joined[t.Join.As] == key:
		return t.Join.As, b.joinEffect(t.Join.As), nil
	case t.Join.As != 0:
		return 0, client.QuorumEffect{}, client.NewProblem(client.CodeTokenUsed, "it has let n%d in", t.Join.As)
	}
	grant := *t.Join
	grant.As = cmp.Or(grant.Node, spec.ID, client.NodeID(len(b.nodes)+1))
	t.Join = &grant
	b.tokens[token], b.joined[grant.As] = t, key
	groups := []client.GroupID{1}
	for range b.machines {
		groups = append(groups, client.GroupID(len(groups)+1))
	}
	b.nodes = append(b.nodes, client.NodeInfo{
		ID: grant.As, Peer: spec.Peer, API: spec.API, Region: spec.Region, Role: "unknown", State: client.NodeVoter,
		Up: true, Votes: groups, Holds: groups,
	})
	return grant.As, b.joinEffect(grant.As), nil
}

// joinEffect compares with a cluster without the node, which votes at once; mu is held.
func (b *Backend) joinEffect(id client.NodeID) client.QuorumEffect {
	e := b.effect(id, client.NodeVoter)
	e.VotersBefore = e.VotersAfter - 1
	e.ToleratesBefore = max(e.VotersBefore-1, 0) / 2
	return e
}

// ListTokens lists by name.
func (b *Backend) ListTokens(context.Context) ([]client.TokenInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("ListTokens", ""); err != nil {
		return nil, err
	}
	var out []client.TokenInfo
	for _, t := range b.tokens {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b client.TokenInfo) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// RevokeToken ends a token at once.
func (b *Backend) RevokeToken(ctx context.Context, idOrName string) (client.TokenInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("RevokeToken", ""); err != nil {
		return client.TokenInfo{}, err
	}
	for hash, t := range b.tokens {
		if t.ID == idOrName || t.Name == idOrName {
			delete(b.tokens, hash)
			b.noteAudit(client.AuditRecord{By: askedBy(ctx), Action: "revoke-token", Subject: t.Name})
			return t, nil
		}
	}
	return client.TokenInfo{}, client.NewProblem(client.CodeUnknownToken, "%.80q", idOrName)
}

// noteAudit notes what was done; mu is held.
func (b *Backend) noteAudit(r client.AuditRecord) {
	b.index++
	r.Index, r.At = b.index, time.Unix(1_800_000_000, 0).UTC()
	b.audit = slices.Insert(b.audit, 0, r)
}

// AuditRecords lists what was noted: tokens that were made and revoked.
func (b *Backend) AuditRecords(context.Context) ([]client.AuditRecord, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.enter("AuditRecords", "")
	return slices.Clone(b.audit), err
}
