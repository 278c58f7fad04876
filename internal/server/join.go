package server

import (
	"context"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// Invite implements api.Joins. This node is named first, since others may have no authority.
func (b backend) Invite(token string) (string, error) {
	if _, err := b.id.authority(); err != nil {
		return "", err
	}
	sum, err := pki.AuthoritiesHash(b.id.current.Load().authorities)
	if err != nil {
		return "", identityProblem("%v", err)
	}
	return pki.Invitation{
		Cluster: b.cluster, Servers: []string{b.apiOf(b.node.Self())}, Authorities: sum, Token: token,
	}.String(), nil
}

// Authorities implements api.Joins.
func (b backend) Authorities() ([]byte, error) { return b.id.current.Load().authorities, nil }

// Join implements api.Joins.
func (b backend) Join(ctx context.Context, token pki.TokenHash, spec client.JoinSpec) (client.Joined, error) {
	authority, err := b.id.authority() // Why first: without it the token should stay good
	if err != nil {
		return client.Joined{}, err
	}
	key, err := pki.RequestDigest([]byte(spec.Request))
	if err != nil {
		return client.Joined{}, client.NewProblem(client.CodeBadRequest, "request: %v", err)
	}
	id, err := b.node.Join(ctx, node.Digest(token), key, node.NodeRecord{
		ID: raft.NodeID(spec.ID), Region: spec.Region, PeerAddress: spec.Peer, APIAddress: spec.API,
	})
	if err != nil {
		return client.Joined{}, b.problem(err)
	}
	self := nodeconfig.Node{ID: client.NodeID(id), Peer: spec.Peer, API: spec.API}
	cert, err := authority.IssueRequested([]byte(spec.Request), id, self.Hosts(), time.Now(), pki.ValidityUsual)
	if err != nil {
		return client.Joined{}, client.NewProblem(client.CodeBadRequest, "%v", err)
	}
	joined := client.Joined{Cluster: b.cluster, ID: client.NodeID(id), Certificate: string(cert), Quorum: b.joinEffect(id)}
	for _, n := range b.node.Catalogue().Nodes {
		if n.ID != id && n.State == node.NodeVoter && n.Incarnation > 0 {
			joined.Nodes = append(joined.Nodes, client.NodeSpec{ID: client.NodeID(n.ID), Peer: n.PeerAddress, API: n.APIAddress, Region: n.Region})
		}
	}
	return joined, nil
}

// joinEffect compares with a cluster without the node that has joined. Why so: the answer to
// one that asks again should be that of the first time. It is zero while this node has not
// heard of the other: no certificate is kept back for that.
func (b backend) joinEffect(id raft.NodeID) client.QuorumEffect {
	r, known := b.node.Catalogue().Node(id)
	if !known {
		return client.QuorumEffect{}
	}
	without, err := b.node.Effect(id, node.NodeLearner)
	if err != nil {
		return client.QuorumEffect{}
	}
	with, err := b.node.Effect(id, r.State)
	if err != nil {
		return client.QuorumEffect{}
	}
	with.Before = without.After
	return quorumEffect(with)
}
