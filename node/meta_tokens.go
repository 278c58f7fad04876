package node

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// TokensMax bounds the tokens of a cluster. Those that have expired make room for new ones.
const TokensMax = 1024

// tokenTextBytesMax bounds the name and the role of a token.
const tokenTextBytesMax = 128

// Statuses of the meta machine's answers about tokens.
const (
	// metaTokenConflict: another token has the name.
	metaTokenConflict int32 = 40
	// metaUnknownToken: no token of that ID or name.
	metaUnknownToken int32 = 41
	// metaTokensFull: TokensMax is reached.
	metaTokensFull int32 = 42
)

// TokenRecord is what the catalogue knows of a token.
type TokenRecord struct {
	Hash Digest `cbor:"1,keyasint"` // of the token; that itself nobody keeps
	Name string `cbor:"2,keyasint,omitempty"`
	Role string `cbor:"3,keyasint"`
	// Expires is Unix ns; 0 is never.
	Expires int64 `cbor:"4,keyasint,omitempty"`
	// By asked for it at a time, Unix ns by the clock of the node that was asked, and in an
	// entry of the meta group's log. The meta machine fills them in.
	By    string     `cbor:"5,keyasint,omitempty"`
	At    int64      `cbor:"6,keyasint,omitempty"`
	Index raft.Index `cbor:"7,keyasint,omitempty"`
	// Join is there in a token that lets a node in.
	Join *JoinGrant `cbor:"8,keyasint,omitempty"`
}

// ID names the token in lists: 16 hex digits of the hash.
func (t TokenRecord) ID() string { return fmt.Sprintf("%x", t.Hash[:8]) }

// name is how lists call it.
func (t TokenRecord) name() string { return cmp.Or(t.Name, t.ID()) }

// is reports whether an ID or a name is the token's.
func (t TokenRecord) is(idOrName string) bool { return t.ID() == idOrName || t.name() == idOrName }

// expired reports whether the token's time was over at a time in Unix ns.
func (t TokenRecord) expired(at int64) bool { return t.Expires != 0 && t.Expires < at }

// addTokenCommand makes a token known.
type addTokenCommand struct {
	Token TokenRecord `cbor:"1,keyasint"`
}

// revokeTokenCommand ends a token.
type revokeTokenCommand struct {
	Hash Digest `cbor:"1,keyasint"`
	Name string `cbor:"2,keyasint"` // for the audit
}

// Token finds a token by its hash. Why a search whose time depends on the hash does no harm:
// who guesses tokens cannot choose what their hashes begin with.
func (c *Catalogue) Token(hash Digest) (TokenRecord, bool) {
	at, found := slices.BinarySearchFunc(c.Tokens, hash, compareToken)
	if !found {
		return TokenRecord{}, false
	}
	return c.Tokens[at], true
}

func compareToken(t TokenRecord, hash Digest) int { return bytes.Compare(t.Hash[:], hash[:]) }

// addToken makes a token known; the same one again changes nothing.
func (m *MetaMachine) addToken(index raft.Index, c laterCommand) plugins.Result {
	add := c.AddToken.Token
	if add.Role == "" || len(add.Role) > tokenTextBytesMax || len(add.Name) > tokenTextBytesMax {
		return plugins.Result{Status: metaMalformed, Data: []byte("a token needs a role, and a name of a bounded length")}
	}
	if _, known := m.catalogue.Token(add.Hash); known {
		return plugins.Result{Status: metaExists}
	}
	tokens := slices.DeleteFunc(slices.Clone(m.catalogue.Tokens), func(t TokenRecord) bool {
		return t.expired(c.At) && (t.is(add.name()) || len(m.catalogue.Tokens) >= TokensMax)
	})
	switch other := slices.IndexFunc(tokens, func(t TokenRecord) bool { return t.is(add.name()) || add.is(t.name()) }); {
	case other >= 0:
		return plugins.Result{Status: metaTokenConflict, Data: []byte(tokens[other].ID())}
	case len(tokens) >= TokensMax:
		return plugins.Result{Status: metaTokensFull}
	}
	add.By, add.At, add.Index = c.By, c.At, index
	place, _ := slices.BinarySearchFunc(tokens, add.Hash, compareToken)
	m.setTokens(index, slices.Insert(tokens, place, add))
	return plugins.Result{}
}

// revokeToken ends a token.
func (m *MetaMachine) revokeToken(index raft.Index, c revokeTokenCommand) plugins.Result {
	place, found := slices.BinarySearchFunc(m.catalogue.Tokens, c.Hash, compareToken)
	if !found {
		return plugins.Result{Status: metaUnknownToken}
	}
	m.setTokens(index, slices.Delete(slices.Clone(m.catalogue.Tokens), place, place+1))
	return plugins.Result{}
}

func (m *MetaMachine) setTokens(index raft.Index, tokens []TokenRecord) {
	next := *m.catalogue
	next.Index, next.Tokens = index, tokens
	m.catalogue = &next
}
