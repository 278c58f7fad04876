package api

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// caller is what is known of the other end of a connection: who it is by its certificate,
// kept so long as the same is trusted, since verifying costs as much as many requests.
type caller struct {
	mu      sync.Mutex // guards what follows
	by      *pki.Trust
	holder  holder
	verdict error
}

// check returns who the caller is by what is trusted now.
func (c *caller) check(r *http.Request, trust *pki.Trust, cluster string) (holder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by != trust {
		c.by = trust
		c.holder, c.verdict = verifyCaller(r, trust, cluster)
	}
	return c.holder, c.verdict
}

// callerKey finds the caller in the context of a connection's requests.
type callerKey struct{}

// withCaller gives a connection its caller.
func withCaller(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, new(caller))
}

// holderAt returns who is at the other end of the request's connection, or CodeNoCertificate
// when its certificate is not trusted, for clients of this cluster, and valid.
func holderAt(r *http.Request, trust *pki.Trust, cluster string) (holder, error) {
	c, ok := r.Context().Value(callerKey{}).(*caller)
	if !ok {
		return verifyCaller(r, trust, cluster)
	}
	return c.check(r, trust, cluster)
}

// callerName is the name in the certificate of the connection's other end, "" when
// it showed none: that of its wraft URI (internal/pki), or else its subject's.
func callerName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	leaf := r.TLS.PeerCertificates[0]
	for _, uri := range leaf.URIs {
		if name, ok := strings.CutPrefix(uri.Path, "/client/"); ok && uri.Scheme == "wraft" {
			return name
		}
	}
	return leaf.Subject.CommonName
}

func verifyCaller(r *http.Request, trust *pki.Trust, cluster string) (holder, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return holder{}, client.NewProblem(client.CodeNoCertificate, "no client certificate was shown")
	}
	chain := r.TLS.PeerCertificates
	if err := trust.Verify(chain, x509.ExtKeyUsageClientAuth, time.Now()); err != nil {
		return holder{}, client.NewProblem(client.CodeNoCertificate, "the client certificate of %.80q is not accepted: %v", chain[0].Subject.CommonName, err)
	}
	return holderOf(chain[0], cluster)
}
