package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	// AuthorityCertFile is the file name of the authority's certificate.
	AuthorityCertFile = "ca.crt"
	// AuthorityKeyFile is the file name of the authority's key, which only those
	// who issue certificates need.
	AuthorityKeyFile = "ca.key"

	// authorityValidity is how long an authority may sign and be trusted.
	authorityValidity = 20 * 365 * 24 * time.Hour
	// backdate is how far before now certificates begin to be valid, so that a
	// node whose clock is somewhat behind accepts a certificate made just now.
	backdate = 10 * time.Minute
	// serialBits is the size of random serial numbers (RFC 5280 allows 159).
	serialBits = 127
)

// Authority signs the certificates of one cluster.
type Authority struct {
	cluster string
	cert    *x509.Certificate
	certPEM []byte
	key     *ecdsa.PrivateKey
}

// NewAuthority makes an authority with a fresh key for the named cluster. The
// name is 1 to 63 of a-z, 0-9, '-', '.' and '_', and starts with a letter or digit.
func NewAuthority(cluster string, now time.Time) (*Authority, error) {
	if err := CheckName("cluster", cluster); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: make authority: %w", err)
	}
	template, err := baseTemplate("wraft authority of "+cluster, now, authorityValidity)
	if err != nil {
		return nil, err
	}
	template.URIs = []*url.URL{{Scheme: uriScheme, Host: cluster, Path: authorityPath}}
	template.IsCA = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("pki: make authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("pki: make authority: %w", err)
	}
	return &Authority{cluster: cluster, cert: cert, certPEM: encodeCert(der), key: key}, nil
}

// LoadAuthority reads ca.crt and ca.key from dir. The error is fs.ErrNotExist
// when there is no authority, and says which file is wrong otherwise.
func LoadAuthority(dir string) (*Authority, error) {
	pair, err := LoadPair(dir, authorityName)
	if err != nil {
		return nil, err
	}
	cert, err := pair.Certificate()
	if err != nil {
		return nil, fmt.Errorf("pki: load authority: %s: %w", filepath.Join(dir, AuthorityCertFile), err)
	}
	cluster, err := authorityIdentity(cert)
	if err != nil {
		return nil, fmt.Errorf("pki: load authority: %s: %w", filepath.Join(dir, AuthorityCertFile), err)
	}
	key, err := decodeKey(pair.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: load authority: %s: %w", filepath.Join(dir, AuthorityKeyFile), err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("pki: load authority: %s: %w: the key does not belong to the certificate", dir, ErrBadCertificate)
	}
	return &Authority{cluster: cluster, cert: cert, certPEM: pair.Cert, key: key}, nil
}

// Save writes ca.crt and ca.key (mode 0600) to dir, which it makes when it is not
// there. It never overwrites: the error is fs.ErrExist when either file is there.
func (a *Authority) Save(dir string) error {
	key, err := encodeKey(a.key)
	if err != nil {
		return err
	}
	return Pair{Cert: a.certPEM, Key: key}.Save(dir, authorityName)
}

// Cluster is the name of the cluster the authority signs for.
func (a *Authority) Cluster() string { return a.cluster }

// Certificate is the authority's own certificate. The caller must not change it.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CertPEM is the authority's certificate in PEM, as in ca.crt. The caller owns it.
func (a *Authority) CertPEM() []byte { return append([]byte(nil), a.certPEM...) }

// Pool is a fresh pool that trusts this authority and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue signs a certificate made from template with a fresh key.
func (a *Authority) issue(template *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: issue: %w", err)
	}
	cert, err := a.sign(template, &key.PublicKey)
	if err != nil {
		return Pair{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: cert, Key: keyPEM}, nil
}

// sign signs a certificate made from template for a key. It returns it in PEM.
func (a *Authority) sign(template *x509.Certificate, key *ecdsa.PublicKey) ([]byte, error) {
	if template.NotAfter.After(a.cert.NotAfter) {
		return nil, fmt.Errorf("pki: issue: would be valid until %s, longer than the authority (%s): ask for less or make a new authority",
			day(template.NotAfter), day(a.cert.NotAfter))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("pki: issue: %w", err)
	}
	return encodeCert(der), nil
}

// LoadPool reads a file of PEM certificates, ca.crt as a rule, into a pool.
func LoadPool(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("pki: load authorities: %w", err)
	}
	trust, err := ParseTrust(data)
	if err != nil {
		return nil, fmt.Errorf("pki: load authorities: %s: %w", path, err)
	}
	return trust.authorities, nil
}

// baseTemplate fills in what all certificates share.
func baseTemplate(subject string, now time.Time, validity time.Duration) (*x509.Certificate, error) {
	if validity <= 0 {
		return nil, fmt.Errorf("pki: issue: validity %s: must be positive", validity)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("pki: issue: serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: subject},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		BasicConstraintsValid: true,
	}, nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pki: encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func decodeKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%w: no PRIVATE KEY block in PEM", ErrBadCertificate)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: a %T, not an ECDSA key", ErrBadCertificate, parsed)
	}
	return key, nil
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
