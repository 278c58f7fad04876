package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// ErrRevoked: the authority took the certificate back.
var ErrRevoked = errors.New("the certificate is revoked")

// revokedListType is the PEM type of a list of revoked certificates (RFC 7468 §6).
const revokedListType = "X509 CRL"

// Trust says which certificates count: those of its authorities that are not revoked.
// It never changes; safe for concurrent use.
type Trust struct {
	authorities *x509.CertPool
	certs       []*x509.Certificate // of the authorities, where they came from a file
	revoked     map[string]bool     // by revokedKey
}

// TrustIn trusts the authorities of a pool, which must not change any more, and takes
// nothing for revoked.
func TrustIn(authorities *x509.CertPool) *Trust { return &Trust{authorities: authorities} }

// ParseTrust reads a file of authorities' certificates in PEM, ca.crt as a rule.
func ParseTrust(authorities []byte) (*Trust, error) {
	certs, err := parseCertificates(authorities)
	if err != nil {
		return nil, fmt.Errorf("pki: read authorities: %w", err)
	}
	t := &Trust{authorities: x509.NewCertPool(), certs: certs}
	for _, c := range certs {
		t.authorities.AddCert(c)
	}
	return t, nil
}

// Without returns a Trust that takes certificates for revoked that a file of lists (RFC 5280
// §5) in PEM names. Each list must be signed by one of the authorities, and counts however old
// it is: what was revoked stays so. t must be of ParseTrust.
func (t *Trust) Without(lists []byte) (*Trust, error) {
	less := &Trust{authorities: t.authorities, certs: t.certs, revoked: map[string]bool{}}
	if err := less.addRevoked(lists); err != nil {
		return nil, fmt.Errorf("pki: read revoked certificates: %w", err)
	}
	return less, nil
}

// Authorities is the pool of the authorities. The caller must not change it.
func (t *Trust) Authorities() *x509.CertPool { return t.authorities }

// addRevoked takes in the lists of a file, at least one.
func (t *Trust) addRevoked(data []byte) error {
	lists, err := parseLists(data)
	if err != nil {
		return err
	}
	for _, list := range lists {
		if !signed(list, t.certs) {
			return fmt.Errorf("%w: list %v of %q is signed by none of the authorities", ErrBadCertificate, list.Number, list.Issuer.CommonName)
		}
		for _, entry := range list.RevokedCertificateEntries {
			t.revoked[revokedKey(list.RawIssuer, entry.SerialNumber.Bytes())] = true
		}
	}
	return nil
}

func signed(list *x509.RevocationList, authorities []*x509.Certificate) bool {
	for _, a := range authorities {
		// Why the issuer too: entries are looked up by it.
		if bytes.Equal(a.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(a) == nil {
			return true
		}
	}
	return false
}

// revokedKey names a certificate by its issuer and its serial number (RFC 5280 §4.1.2.2).
func revokedKey(rawIssuer, serial []byte) string { return string(rawIssuer) + "\x00" + string(serial) }

// Verify checks a chain, the leaf first, for a use at a time. The error is ErrRevoked, or
// one of crypto/x509.
func (t *Trust) Verify(chain []*x509.Certificate, use x509.ExtKeyUsage, now time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: the chain is empty", ErrBadCertificate)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: t.authorities, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
	if err != nil {
		return err
	}
	for _, c := range chain {
		if t.revoked[revokedKey(c.RawIssuer, c.SerialNumber.Bytes())] {
			return fmt.Errorf("%w: serial number %x", ErrRevoked, c.SerialNumber)
		}
	}
	return nil
}

// VerifyStanding is Verify for a connection that stands: a certificate that was valid when it
// was made and has expired since is accepted. Why: all nodes' certificates tend to expire on
// the same day, and a cluster should not end on it before anybody has restarted anything.
func (t *Trust) VerifyStanding(chain []*x509.Certificate, use x509.ExtKeyUsage, now time.Time) error {
	for _, c := range chain {
		if c.NotAfter.Before(now) {
			now = c.NotAfter
		}
	}
	return t.Verify(chain, use, now)
}

// parseCertificates reads all certificates of a PEM file, at least one, and nothing else.
func parseCertificates(data []byte) (certs []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadCertificate, err)
		}
		certs = append(certs, c)
	}
	if certs == nil {
		return nil, fmt.Errorf("%w: no certificate in it", ErrBadCertificate)
	}
	return certs, nil
}

func parseLists(data []byte) (lists []*x509.RevocationList, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != revokedListType {
			continue
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadCertificate, err)
		}
		lists = append(lists, list)
	}
	if lists == nil {
		return nil, fmt.Errorf("%w: no list of revoked certificates in it", ErrBadCertificate)
	}
	return lists, nil
}
