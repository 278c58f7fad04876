package node

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Statuses of the meta machine's answers to joinCommand, besides those about nodes and tokens.
const (
	// metaTokenUsed: the token has let another key in.
	metaTokenUsed int32 = 43
)

// JoinGrant is what a token allows that lets one node in, once.
type JoinGrant struct {
	Node    raft.NodeID `cbor:"1,keyasint,omitempty"` // the ID that it gets; 0: whichever is free
	Learner bool        `cbor:"2,keyasint,omitempty"` // it stays one; otherwise it votes once it has caught up
	// Key is the digest of the key that the token has let in, and As its node; both 0 before.
	Key Digest      `cbor:"3,keyasint,omitempty"`
	As  raft.NodeID `cbor:"4,keyasint,omitempty"`
}

// joinCommand lets a node in by a token.
type joinCommand struct {
	Token Digest     `cbor:"1,keyasint"` // its hash
	Key   Digest     `cbor:"2,keyasint"` // of the node's public key
	Node  NodeRecord `cbor:"3,keyasint"` // its addresses; ID 0: whichever is free
}

// join adds a node and uses the token up, both or neither. The same key again gets the same
// answer, since the first one may not have arrived.
func (m *MetaMachine) join(index raft.Index, c laterCommand) plugins.Result {
	place, found := slices.BinarySearchFunc(m.catalogue.Tokens, c.Join.Token, compareToken)
	if !found || m.catalogue.Tokens[place].Join == nil {
		return plugins.Result{Status: metaUnknownToken}
	}
	token := m.catalogue.Tokens[place]
	grant := *token.Join
	switch {
	case grant.As != 0 && grant.Key == c.Join.Key:
		return plugins.Result{Status: metaExists, Data: encodeNodeID(grant.As)}
	case grant.As != 0:
		return plugins.Result{Status: metaTokenUsed, Data: fmt.Append(nil, grant.As)}
	case token.expired(c.At):
		return plugins.Result{Status: metaUnknownToken}
	}
	add := c.Join.Node
	switch {
	case grant.Node != 0 && add.ID != 0 && add.ID != grant.Node:
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "the token is for %v", grant.Node)}
	case grant.Node != 0:
		add.ID = grant.Node
	case add.ID == 0:
		add.ID = m.catalogue.freeNodeID()
	}
	// Why: with a certificate for its ID anybody could be a node that lives.
	if have, known := m.catalogue.Node(add.ID); known && have.State != NodeRemoved && (grant.Node == 0 || have.Incarnation != 0) {
		return plugins.Result{Status: metaConflict, Data: fmt.Appendf(nil, "%v is a %v at %s", have.ID, have.State, have.PeerAddress)}
	}
	if r := m.addNode(index, addNodeCommand{Node: add}); r.Status != metaOK && r.Status != metaExists {
		return r
	}
	if have, _ := m.catalogue.Node(add.ID); have.State == NodeLearner && !grant.Learner {
		have.State = NodeVoter // Why at once: groups have it vote when it has caught up, see planSeats
		m.setNode(index, have)
	}
	grant.Key, grant.As = c.Join.Key, add.ID
	token.Join = &grant
	tokens := slices.Clone(m.catalogue.Tokens)
	tokens[place] = token
	m.setTokens(index, tokens)
	return plugins.Result{Data: encodeNodeID(add.ID)}
}

// freeNodeID is above all that the catalogue knows.
func (c *Catalogue) freeNodeID() raft.NodeID {
	var last raft.NodeID
	for _, n := range c.Nodes {
		last = max(last, n.ID)
	}
	return last + 1
}

func decodeNodeID(data []byte) raft.NodeID {
	if len(data) != 8 {
		return 0
	}
	return raft.NodeID(binary.BigEndian.Uint64(data))
}

func encodeNodeID(id raft.NodeID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }
