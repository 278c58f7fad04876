package api

import "crypto/x509"

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

// Fill makes a server one that takes no command, query or session any more.
func Fill(s *Server) { s.inflight.most = load{} }
