package api

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/wraft/wraft/client"
)

// caller is what is known of the other end of a connection: the verdict on its
// certificate, found at its first request and kept, since verifying costs as much
// as many requests.
type caller struct {
	once    sync.Once
	verdict error
}

// callerKey finds the caller in the context of a connection's requests.
type callerKey struct{}

// withCaller gives a connection its caller.
func withCaller(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, new(caller))
}

// checkCaller returns nil when the connection's client certificate was issued by
// the authority for clients and is valid, and CodeNoCertificate otherwise.
func checkCaller(r *http.Request, authority *x509.CertPool) error {
	c, ok := r.Context().Value(callerKey{}).(*caller)
	if !ok {
		return verifyCaller(r, authority)
	}
	c.once.Do(func() { c.verdict = verifyCaller(r, authority) })
	return c.verdict
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

func verifyCaller(r *http.Request, authority *x509.CertPool) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return client.NewProblem(client.CodeNoCertificate, "no client certificate was shown")
	}
	leaf, between := r.TLS.PeerCertificates[0], x509.NewCertPool()
	for _, c := range r.TLS.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: authority, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return client.NewProblem(client.CodeNoCertificate, "the client certificate of %.80q is not accepted: %v", leaf.Subject.CommonName, err)
	}
	return nil
}
