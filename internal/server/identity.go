package server

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft"
)

// identity is who a node is and whom it trusts, as the files say that it read last: they
// may be replaced while it runs.
type identity struct {
	cfg     Config
	current atomic.Pointer[credentials]
}

// credentials are what one reading of the files came to.
type credentials struct {
	cert  tls.Certificate
	leaf  *x509.Certificate
	trust *pki.Trust
	// authorities is the file of them.
	authorities []byte
	// sum is over the files' bytes.
	sum [sha256.Size]byte
}

// loadIdentity reads the files of the configuration and checks that they are this
// node's, of this cluster, and valid now, so that a mistake shows at the start and
// not as a cluster that does not form.
func loadIdentity(cfg Config) (*identity, error) {
	id := &identity{cfg: cfg}
	_, err := id.renew()
	if err == nil && cfg.TLS.AuthorityKey != "" {
		_, err = id.authority()
	}
	return id, err
}

// authority is who issues certificates here. Why read anew each time: its key is no longer in
// memory than it is used.
func (id *identity) authority() (*pki.Authority, error) {
	if id.cfg.TLS.AuthorityKey == "" {
		return nil, client.NewProblem(client.CodeNoAuthorityKey, "the configuration of node %d names no tls.authority-key", id.cfg.Node)
	}
	key, err := os.ReadFile(id.cfg.TLS.AuthorityKey)
	if err != nil {
		return nil, identityProblem("tls.authority-key: %v", err)
	}
	authority, err := pki.ParseAuthority(id.current.Load().authorities, key)
	if err != nil {
		return nil, identityProblem("tls.authority-key: %s: %v", id.cfg.TLS.AuthorityKey, err)
	}
	if authority.Cluster() != id.cfg.Cluster {
		return nil, identityProblem("tls.authority-key: %s is of cluster %q", id.cfg.TLS.AuthorityKey, authority.Cluster())
	}
	return authority, nil
}

// renew reads the files again and takes what is in them, if it has changed and is as good as
// at a start. Else what there was stays.
func (id *identity) renew() (changed bool, err error) {
	f, err := readIdentity(id.cfg)
	if err != nil {
		return false, err
	}
	if was := id.current.Load(); was != nil && was.sum == f.sum() {
		return false, nil
	}
	c, err := f.check(id.cfg)
	if err != nil {
		return false, err
	}
	id.current.Store(c)
	return true, nil
}

// certificate is the node's own, with its key.
func (id *identity) certificate() (tls.Certificate, error) { return id.current.Load().cert, nil }

// trust says whose certificates count.
func (id *identity) trust() *pki.Trust { return id.current.Load().trust }

// clientTLS is with what this node calls others' APIs.
func (id *identity) clientTLS() *tls.Config {
	c := id.current.Load()
	return &tls.Config{RootCAs: c.trust.Authorities(), Certificates: []tls.Certificate{c.cert}, MinVersion: tls.VersionTLS13}
}

// identityFiles are the bytes of the files; revoked is nil without such a file.
type identityFiles struct{ authorities, cert, key, revoked []byte }

func readIdentity(cfg Config) (f identityFiles, err error) {
	for _, file := range []struct {
		path string
		into *[]byte
	}{{cfg.TLS.CA, &f.authorities}, {cfg.TLS.Cert, &f.cert}, {cfg.TLS.Key, &f.key}, {cfg.TLS.Revoked, &f.revoked}} {
		if file.path == "" {
			continue
		}
		if *file.into, err = os.ReadFile(file.path); err != nil {
			return f, identityProblem("%v", err)
		}
	}
	return f, nil
}

func (f identityFiles) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, data := range [][]byte{f.authorities, f.cert, f.key, f.revoked} {
		one := sha256.Sum256(data)
		h.Write(one[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// check makes credentials of the files, if they are this node's.
func (f identityFiles) check(cfg Config) (*credentials, error) {
	trust, err := pki.ParseTrust(f.authorities)
	if err != nil {
		return nil, identityProblem("%s: %v", cfg.TLS.CA, err)
	}
	if f.revoked != nil {
		if trust, err = trust.Without(f.revoked); err != nil {
			return nil, identityProblem("%s: %v", cfg.TLS.Revoked, err)
		}
	}
	cert, err := tls.X509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, identityProblem("%s and %s: %v", cfg.TLS.Cert, cfg.TLS.Key, err)
	}
	c := &credentials{cert: cert, trust: trust, authorities: f.authorities, sum: f.sum()}
	chain := make([]*x509.Certificate, len(cert.Certificate))
	for i, der := range cert.Certificate {
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, identityProblem("%s: %v", cfg.TLS.Cert, err)
		}
	}
	c.leaf = chain[0]
	cluster, node, err := pki.NodeIdentity(c.leaf)
	if err != nil {
		return nil, identityProblem("%s: %v", cfg.TLS.Cert, err)
	}
	if cluster != cfg.Cluster || node != raft.NodeID(cfg.Node) {
		return nil, identityProblem("%s is the certificate of node %d of cluster %q; the configuration says node %d of cluster %q",
			cfg.TLS.Cert, uint64(node), cluster, uint64(cfg.Node), cfg.Cluster)
	}
	if err := pki.CheckValidity(c.leaf, time.Now()); err != nil {
		return nil, identityProblem("%s: %v", cfg.TLS.Cert, err)
	}
	if err := trust.Verify(chain, x509.ExtKeyUsageServerAuth, time.Now()); err != nil {
		return nil, identityProblem("%s was not issued by %s, or taken back: %v", cfg.TLS.Cert, cfg.TLS.CA, err)
	}
	return c, nil
}

func identityProblem(format string, args ...any) *client.Problem {
	return client.NewProblem(client.CodeTLS, format, args...).
		WithHint("issue a certificate for this node with `wraftd certs issue`, or correct the tls section of the configuration")
}

// CheckIdentity reads the files of a node's identity as a start does, and returns when its
// certificate expires. The error is a CodeTLS problem that names what is wrong.
func CheckIdentity(cfg Config) (expires time.Time, err error) {
	id, err := loadIdentity(cfg)
	if err != nil {
		return time.Time{}, err
	}
	return id.current.Load().leaf.NotAfter, nil
}
