package api

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// verdictMax is how long a verdict counts at most. Why a bound where certificates say it: those
// of the authorities are not shown, and end too.
const verdictMax = time.Minute

// caller is what is known of the other end of a connection: who it is by its certificate,
// kept so long as the same is trusted and no certificate shown has expired, since verifying
// costs as much as many requests.
type caller struct {
	conn *heldConn // nil where it has no place, over UDP

	mu      sync.Mutex // guards what follows
	by      *pki.Trust
	until   time.Time // the verdict counts: the end of what was shown that ends first
	holder  holder
	verdict error
}

// check returns who the caller is by what is trusted, and valid, now.
func (c *caller) check(shown []*x509.Certificate, trust *pki.Trust, cluster string, now time.Time) (holder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by != trust || now.After(c.until) {
		c.by, c.until = trust, validUntil(shown, now)
		c.holder, c.verdict = verifyCaller(shown, trust, cluster, now)
	}
	return c.holder, c.verdict
}

// validUntil is when the first certificate ends that is valid now, or verdictMax from now.
func validUntil(shown []*x509.Certificate, now time.Time) time.Time {
	until := now.Add(verdictMax)
	for _, c := range shown {
		if !c.NotAfter.Before(now) && c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	return until
}

// callerKey finds the caller in the context of a connection's requests.
type callerKey struct{}

// withCaller gives a connection its caller.
func withCaller(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{conn: heldOf(conn)})
}

// WithCaller is the context of a connection's requests to Server.Handler, for listeners of
// other packages: without it each request has its certificate verified.
func WithCaller(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, new(caller))
}

// holderAt returns who is at the other end of the request's connection, or CodeNoCertificate
// when its certificate is not trusted, for clients of this cluster, and valid.
func holderAt(r *http.Request, trust *pki.Trust, cluster string) (holder, error) {
	var shown []*x509.Certificate
	if r.TLS != nil {
		shown = r.TLS.PeerCertificates
	}
	c, ok := r.Context().Value(callerKey{}).(*caller)
	if !ok {
		return verifyCaller(shown, trust, cluster, time.Now())
	}
	return c.check(shown, trust, cluster, time.Now())
}

// callerName is what histories and the audit call the connection's other end: "token:" and the
// name of its token; the name in its certificate's wraft URI (internal/pki), or else the
// subject's; "" when it showed neither.
func (s *Server) callerName(r *http.Request) string {
	if values, shown := r.Header["Authorization"]; shown {
		h, err := s.tokenHolder(values)
		if err != nil { // Why no certificate instead: only where everybody may do everything
			return ""
		}
		return h.name
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	leaf := r.TLS.PeerCertificates[0]
	if _, name, _, err := pki.ClientIdentity(leaf); err == nil {
		return name
	}
	return leaf.Subject.CommonName
}

// named gives a request that needs more than to read and to write the name of who asks. Why
// not all of them: commands are many, and nobody notes who sent them.
func (s *Server) named(r *http.Request, need right) *http.Request {
	if need == read || need == write || s.config.Asked == nil {
		return r
	}
	return r.WithContext(s.config.Asked(r.Context(), s.callerName(r)))
}

func verifyCaller(shown []*x509.Certificate, trust *pki.Trust, cluster string, now time.Time) (holder, error) {
	if len(shown) == 0 {
		return holder{}, client.NewProblem(client.CodeNoCertificate, "no client certificate was shown")
	}
	if err := trust.Verify(shown, x509.ExtKeyUsageClientAuth, now); err != nil {
		return holder{}, client.NewProblem(client.CodeNoCertificate, "the client certificate of %.80q is not accepted: %v", shown[0].Subject.CommonName, err)
	}
	return holderOf(shown[0], cluster)
}
