package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"testing"
	"time"
)

// issued is a node's certificate.
func issued(t *testing.T, a *Authority, from time.Time) *x509.Certificate {
	t.Helper()
	pair, err := a.IssueNode(1, nil, from, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, pair)
}

// listOf revokes certificates and returns the list.
func listOf(t *testing.T, a *Authority, certs ...*x509.Certificate) []byte {
	t.Helper()
	path, err := a.Revoke(t.TempDir(), certs, testNow)
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTrust(t *testing.T) {
	a, b, stranger := newTestAuthority(t, "c"), newTestAuthority(t, "c"), newTestAuthority(t, "c")
	good, gone, ofB, foreign := issued(t, a, testNow), issued(t, a, testNow), issued(t, b, testNow), issued(t, stranger, testNow)
	trust, err := ParseTrust(append(a.CertPEM(), b.CertPEM()...))
	if err != nil {
		t.Fatal(err)
	}
	if trust, err = trust.Without(append(listOf(t, a, gone), listOf(t, b)...)); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		cert *x509.Certificate
		use  x509.ExtKeyUsage
		now  time.Time
		// ok and standing say whether Verify and VerifyStanding accept it.
		ok, standing bool
	}{
		"good":                    {good, x509.ExtKeyUsageServerAuth, testNow, true, true},
		"of the second authority": {ofB, x509.ExtKeyUsageClientAuth, testNow, true, true},
		"revoked":                 {gone, x509.ExtKeyUsageServerAuth, testNow, false, false},
		"revoked, expired since":  {gone, x509.ExtKeyUsageServerAuth, testNow.Add(2 * time.Hour), false, false},
		"foreign":                 {foreign, x509.ExtKeyUsageServerAuth, testNow, false, false},
		"expired":                 {good, x509.ExtKeyUsageServerAuth, testNow.Add(2 * time.Hour), false, true},
		"not yet valid":           {good, x509.ExtKeyUsageServerAuth, testNow.Add(-time.Hour), false, false},
		"for another use":         {good, x509.ExtKeyUsageCodeSigning, testNow, false, false},
	} {
		chain := []*x509.Certificate{row.cert}
		if err := trust.Verify(chain, row.use, row.now); (err == nil) != row.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err := trust.VerifyStanding(chain, row.use, row.now); (err == nil) != row.standing || row.cert == gone && !errors.Is(err, ErrRevoked) {
			t.Errorf("%s, standing: %v", name, err)
		}
	}
	if err := trust.Verify(nil, x509.ExtKeyUsageAny, testNow); !errors.Is(err, ErrBadCertificate) {
		t.Errorf("no chain: %v", err)
	}
	if _, err := trust.Without(listOf(t, stranger, foreign)); !errors.Is(err, ErrBadCertificate) {
		t.Errorf("a list of a stranger: %v", err)
	}
	for _, bad := range [][]byte{nil, []byte("x"), a.CertPEM(), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte{1}})} {
		if _, err := trust.Without(bad); !errors.Is(err, ErrBadCertificate) {
			t.Errorf("list %.20q: %v", bad, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("x"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})} {
		if _, err := ParseTrust(bad); !errors.Is(err, ErrBadCertificate) {
			t.Errorf("authorities %.20q: %v", bad, err)
		}
	}
}

// TestRevokeAddsToTheList: nothing is ever taken from it, and a list that is not the
// authority's own is left alone.
func TestRevokeAddsToTheList(t *testing.T) {
	a := newTestAuthority(t, "c")
	dir, first, second := t.TempDir(), issued(t, a, testNow), issued(t, a, testNow)
	for i, certs := range [][]*x509.Certificate{{first}, {second, second}, {first}, nil} {
		path, err := a.Revoke(dir, certs, testNow)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lists, err := parseLists(data)
		if err != nil || len(lists) != 1 || lists[0].Number.Int64() != int64(i+1) || len(lists[0].RevokedCertificateEntries) != min(i+1, 2) {
			t.Fatalf("list %d: %+v, %v", i+1, lists, err)
		}
	}
	other := newTestAuthority(t, "c")
	path, before := dir+"/"+RevokedFile, listOf(t, other)
	if err := os.WriteFile(path, before, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Revoke(dir, []*x509.Certificate{first}, testNow); !errors.Is(err, ErrBadCertificate) {
		t.Errorf("another's list: %v", err)
	}
	if _, err := a.Revoke(t.TempDir(), []*x509.Certificate{issued(t, other, testNow)}, testNow); !errors.Is(err, ErrBadCertificate) {
		t.Errorf("another's certificate: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("another's list was changed, %v", err)
	}
}
