package api

import (
	"crypto/x509"
	"time"

	"github.com/wraft/wraft/internal/pki"
)

// Methods lists what the API answers, as "METHOD /pattern".
func Methods(s *Server) (all []string) {
	for _, rt := range s.routes() {
		for name := range rt.methods {
			all = append(all, name+" "+rt.pattern)
		}
	}
	return all
}

// HolderError is why a certificate makes nobody who may do anything.
func HolderError(leaf *x509.Certificate, cluster string) error {
	_, err := holderOf(leaf, cluster)
	return err
}

// Standing is a connection whose other end showed certificates: what it returns tells whether
// they count at a time.
func Standing(shown []*x509.Certificate, trust *pki.Trust, cluster string) func(now time.Time) error {
	c := new(caller)
	return func(now time.Time) error {
		_, err := c.check(shown, trust, cluster, now)
		return err
	}
}

// Fill makes a server one that takes no command, query or session any more.
func Fill(s *Server) { s.inflight.most = load{} }
