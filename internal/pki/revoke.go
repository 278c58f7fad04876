package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// RevokedFile is the file name of the list of revoked certificates beside ca.crt.
const RevokedFile = "revoked.crl"

// Revoke adds certificates to the list revoked.crl (PEM, RFC 5280 §5) in the authority's
// folder, which it makes when there is none, and returns its path. The error is
// ErrBadCertificate when list or certificates are not of this authority; then nothing was
// written. Revoking one again changes nothing.
func (a *Authority) Revoke(dir string, certs []*x509.Certificate, now time.Time) (path string, err error) {
	path = filepath.Join(dir, RevokedFile)
	list, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("pki: revoke: %w", err)
	}
	if list, err = a.revoke(list, certs, now); err != nil {
		return "", err
	}
	// Why aside: half a list would take back what was revoked before.
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("pki: revoke: %w", err)
	}
	if err := writeNew(next, list, 0o644); err != nil {
		return "", err
	}
	if err := os.Rename(next, path); err != nil {
		return "", fmt.Errorf("pki: revoke: %w", err)
	}
	return path, nil
}

// revoke returns the list that follows a list, nil for none.
func (a *Authority) revoke(list []byte, certs []*x509.Certificate, now time.Time) ([]byte, error) {
	next := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-backdate), NextUpdate: a.cert.NotAfter}
	known := map[string]bool{}
	if list != nil {
		was, err := a.ownList(list)
		if err != nil {
			return nil, err
		}
		next.RevokedCertificateEntries = was.RevokedCertificateEntries
		next.Number = new(big.Int).Add(was.Number, big.NewInt(1))
		for _, e := range was.RevokedCertificateEntries {
			known[string(e.SerialNumber.Bytes())] = true
		}
	}
	for _, c := range certs {
		if !bytes.Equal(c.RawIssuer, a.cert.RawSubject) || c.CheckSignatureFrom(a.cert) != nil {
			return nil, fmt.Errorf("pki: revoke %q: %w: this authority did not issue it", c.Subject.CommonName, ErrBadCertificate)
		}
		if serial := string(c.SerialNumber.Bytes()); !known[serial] {
			known[serial] = true
			next.RevokedCertificateEntries = append(next.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: now})
		}
	}
	der, err := x509.CreateRevocationList(rand.Reader, next, a.cert, a.key)
	if err != nil {
		return nil, fmt.Errorf("pki: revoke: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: revokedListType, Bytes: der}), nil
}

// ownList reads a file with one list of this authority.
func (a *Authority) ownList(data []byte) (*x509.RevocationList, error) {
	lists, err := parseLists(data)
	if err != nil {
		return nil, fmt.Errorf("pki: revoke: the list there is: %w", err)
	}
	if len(lists) != 1 || lists[0].Number == nil || !signed(lists[0], []*x509.Certificate{a.cert}) {
		return nil, fmt.Errorf("pki: revoke: the list there is: %w: it is not one list of this authority", ErrBadCertificate)
	}
	return lists[0], nil
}
