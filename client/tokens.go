package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// TokenSpec asks for a token.
type TokenSpec struct {
	// Role is what its holder may do: reader, writer, deployer:MACHINE, operator or admin.
	Role string `json:"role"`
	// Name is how lists and the audit call it, as "token:NAME"; "" is the token's ID.
	Name string `json:"name,omitempty"`
	// Expires is when it stops working by itself; the zero time is never.
	Expires time.Time `json:"expires,omitzero"`
	// Join makes it a token that lets one node in, once, and has no role.
	Join *JoinGrant `json:"join,omitempty"`
}

// JoinGrant says as what a token lets a node in.
type JoinGrant struct {
	// Node is the ID that it gets; 0: the one that it asks for, or whichever is free.
	Node NodeID `json:"node,omitempty"`
	// Learner has it stay one. Otherwise it votes in a group as soon as it has caught up.
	Learner bool `json:"learner,omitempty"`
	// As is who has joined with it, 0 while nobody has. A node fills it in.
	As NodeID `json:"as,omitempty"`
}

// RoleJoin is the role of a token that lets a node in.
const RoleJoin = "join"

// TokenInfo is what the cluster knows of a token. The token itself it does not know.
type TokenInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
	// Created is when it was made, by the clock of the node that was asked, and By who asked for it.
	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"`
	// Expires is the zero time for one that does not.
	Expires time.Time `json:"expires,omitzero"`
	// Join is there in a token that lets a node in; its role is RoleJoin.
	Join *JoinGrant `json:"join,omitempty"`
}

// Expired reports whether the token's time is over.
func (t TokenInfo) Expired(now time.Time) bool { return !t.Expires.IsZero() && now.After(t.Expires) }

// NewToken is a token that was just made.
type NewToken struct {
	TokenInfo
	// Token is shown this once. One that lets a node in says where the cluster is too, and
	// whom to trust.
	Token string `json:"token"`
}

// TokenValidityMax is the longest that a token which expires may be valid.
const TokenValidityMax = 10 * 365 * 24 * time.Hour

const tokensPath = "/v1/tokens"

// CreateToken makes a token. CodeTokenExists when another one has the name. When the outcome
// is unknown a token may have been made that nobody knows; revoke it by its name.
func (c *Client) CreateToken(ctx context.Context, spec TokenSpec) (NewToken, error) {
	var made NewToken
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	data, err := json.Marshal(spec)
	if err != nil {
		return made, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	a, err := c.do(ctx, &call{
		method: http.MethodPost, path: tokensPath, header: http.Header{"Content-Type": {"application/json"}}, body: bytesBody(data), size: int64(len(data)),
	})
	if err != nil {
		return made, err
	}
	return made, decode(a, &made)
}

// Tokens lists all tokens by name, those that have expired lately too.
func (c *Client) Tokens(ctx context.Context) ([]TokenInfo, error) {
	var list struct {
		Tokens []TokenInfo `json:"tokens"`
	}
	err := c.get(ctx, &call{path: tokensPath}, &list)
	return list.Tokens, err
}

// RevokeToken ends the token of an ID or a name. Each node refuses it as soon as it has heard
// of that. CodeUnknownToken when there is none.
func (c *Client) RevokeToken(ctx context.Context, idOrName string) (TokenInfo, error) {
	var gone TokenInfo
	if idOrName == "" {
		return gone, NewProblem(CodeUnknownToken, "name the token that is to be revoked")
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	a, err := c.do(ctx, &call{method: http.MethodDelete, path: tokensPath + "/" + url.PathEscape(idOrName)})
	if err != nil {
		return gone, err
	}
	return gone, decode(a, &gone)
}
