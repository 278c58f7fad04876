package client

import (
	"context"
	"net/http"
)

// JoinSpec is what a node says of itself that joins.
type JoinSpec struct {
	// Request asks for a certificate of the node's key (PKCS #10), in PEM.
	Request string `json:"request"`
	// ID is the one that it would like, 0 for whichever is free.
	ID NodeID `json:"id,omitempty"`
	// Peer (UDP) and API (TCP) are the host:port that others dial.
	Peer string `json:"peer"`
	API  string `json:"api"`
	// Region is a label; may be empty.
	Region string `json:"region,omitempty"`
}

// Joined is what a node gets that has joined.
type Joined struct {
	Cluster string `json:"cluster"`
	ID      NodeID `json:"id"`
	// Certificate is the node's, in PEM.
	Certificate string `json:"certificate"`
	// Nodes are voters, whom it asks first.
	Nodes []NodeSpec `json:"nodes"`
	// Quorum is what it does to the quorum once the node has caught up; zero where the one that
	// answers cannot say.
	Quorum QuorumEffect `json:"quorum,omitzero"`
}

// Join adds the node that asks, by the token that is the client's; Config.Token has to let a
// node in. With the same key again the answer is the same; with another one it is
// CodeTokenUsed.
func (c *Client) Join(ctx context.Context, spec JoinSpec) (Joined, error) {
	var joined Joined
	a, err := c.changeMembers(ctx, http.MethodPost, "/v1/cluster/join", spec)
	if err != nil {
		return joined, err
	}
	return joined, decode(a, &joined)
}

// Authorities are the certificates of whom the node that answers trusts, in PEM. Trust them
// only after comparing them with what is known of them from elsewhere.
func (c *Client) Authorities(ctx context.Context) ([]byte, error) {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	a, err := c.do(ctx, &call{method: http.MethodGet, path: "/v1/cluster/authorities", repeatable: true})
	if err != nil {
		return nil, asRead(err)
	}
	return a.body, nil
}
