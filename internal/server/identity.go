package server

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft"
)

// identity is who a node is: its certificate and the authority it trusts.
type identity struct {
	cert      tls.Certificate
	authority *x509.CertPool
}

// loadIdentity reads the files of the configuration and checks that they are this
// node's, of this cluster, and valid now, so that a mistake shows at the start and
// not as a cluster that does not form.
func loadIdentity(cfg Config) (*identity, error) {
	authority, err := pki.LoadPool(cfg.TLS.CA)
	if err != nil {
		return nil, identityProblem("%v", err)
	}
	cert, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return nil, identityProblem("%s and %s: %v", cfg.TLS.Cert, cfg.TLS.Key, err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, identityProblem("%s: %v", cfg.TLS.Cert, err)
	}
	cluster, id, err := pki.NodeIdentity(leaf)
	if err != nil {
		return nil, identityProblem("%s: %v", cfg.TLS.Cert, err)
	}
	if cluster != cfg.Cluster || id != raft.NodeID(cfg.Node) {
		return nil, identityProblem("%s is the certificate of node %d of cluster %q; the configuration says node %d of cluster %q",
			cfg.TLS.Cert, uint64(id), cluster, uint64(cfg.Node), cfg.Cluster)
	}
	if err := pki.CheckValidity(leaf, time.Now()); err != nil {
		return nil, identityProblem("%s: %v", cfg.TLS.Cert, err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: authority, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		return nil, identityProblem("%s was not issued by %s: %v", cfg.TLS.Cert, cfg.TLS.CA, err)
	}
	return &identity{cert: cert, authority: authority}, nil
}

func identityProblem(format string, args ...any) *client.Problem {
	return client.NewProblem(client.CodeTLS, format, args...).
		WithHint("issue a certificate for this node with `wraftd certs issue`, or correct the tls section of the configuration")
}
