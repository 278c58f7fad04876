package api

import (
	"crypto/x509"
	"net"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/internal/pki"
)

// Peer is the other end of a connection that is not HTTP's: its certificates or its token, and
// what is known of them, as with HTTP. Safe for concurrent use.
type Peer struct {
	shown   []*x509.Certificate
	cluster string
	sender  string // by certificate or address
	known   caller
	token   atomic.Pointer[shownToken]
}

// shownToken is a token that a peer has shown.
type shownToken struct {
	tokens TokenFinder
	hash   pki.TokenHash
	sender string
}

// NewPeer is who showed these certificates, its own first, to a node of a cluster, from an
// address.
func NewPeer(shown []*x509.Certificate, cluster string, address net.Addr) *Peer {
	return &Peer{shown: shown, cluster: cluster, sender: senderOf(shown, address.String())}
}

// Sender tells clients apart, as Server.Enter wants it.
func (p *Peer) Sender() string {
	if t := p.token.Load(); t != nil {
		return t.sender
	}
	return p.sender
}

// Known returns nil when the certificate is trusted, for clients of the cluster, and valid,
// and CodeNoCertificate otherwise.
func (p *Peer) Known(trust *pki.Trust) error {
	_, err := p.known.check(p.shown, trust, p.cluster, time.Now())
	return err
}

// ShowToken makes the peer a token's holder, whatever its certificate allows; it fails with
// CodeBadToken, or as TokenFinder does. tokens is asked again for every request.
func (p *Peer) ShowToken(tokens TokenFinder, text string) error {
	_, hash, err := holderOfToken(tokens, text)
	if err == nil {
		p.token.Store(&shownToken{tokens, hash, senderOfToken("Bearer " + text)})
	}
	return err
}

// MayRead returns nil when the peer may read the machine, CodeNoCertificate as Known does,
// CodeBadToken when its token is good no more, or CodeNotAllowed.
func (p *Peer) MayRead(trust *pki.Trust, machine string) error { return p.may(trust, read, machine) }

// MayWrite is MayRead for commands and sessions.
func (p *Peer) MayWrite(trust *pki.Trust, machine string) error {
	return p.may(trust, write, machine)
}

func (p *Peer) may(trust *pki.Trust, need right, machine string) error {
	h, err := p.holder(trust)
	if err != nil {
		return err
	}
	return h.may(need, machine)
}

// holder is who the peer is by what is trusted now.
func (p *Peer) holder(trust *pki.Trust) (holder, error) {
	if t := p.token.Load(); t != nil {
		return holderOfHash(t.tokens, t.hash)
	}
	return p.known.check(p.shown, trust, p.cluster, time.Now())
}
