package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

// TestARequestIsSigned for the node that the authority means, whatever else it may say.
func TestARequestIsSigned(t *testing.T) {
	now := time.Now()
	a, err := NewAuthority("blue", now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority("blue", now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	request, err := NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.IssueRequested(request, 4, []string{"10.0.0.4"}, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair := Pair{Cert: cert, Key: key}
	leaf, err := pair.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.TLS(); err != nil {
		t.Error(err)
	}
	if cluster, id, err := NodeIdentity(leaf); err != nil || cluster != "blue" || id != 4 || leaf.VerifyHostname("10.0.0.4") != nil {
		t.Errorf("%s %v %v", cluster, id, err)
	}
	if err := TrustIn(a.Pool()).Verify([]*x509.Certificate{leaf}, x509.ExtKeyUsageServerAuth, now); err != nil {
		t.Error(err)
	}
	first, err1 := RequestDigest(request)
	again, err2 := NewRequest(key)
	second, err3 := RequestDigest(again)
	if errors.Join(err1, err2, err3) != nil || first != second {
		t.Errorf("one key has two digests: %v", errors.Join(err1, err2, err3))
	}
	spoilt := bytes.Replace(request, request[60:62], []byte("AA"), 1)
	for _, bad := range [][]byte{nil, cert, spoilt} {
		if _, err := a.IssueRequested(bad, 4, nil, now, time.Hour); !errors.Is(err, ErrBadCertificate) {
			t.Errorf("%.40q is signed: %v", bad, err)
		}
	}
	private, err := encodeKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	both := append(other.CertPEM(), a.CertPEM()...)
	if got, err := ParseAuthority(both, private); err != nil || !got.cert.Equal(a.cert) {
		t.Errorf("among two: %v", err)
	}
	if _, err := ParseAuthority(other.CertPEM(), private); !errors.Is(err, ErrBadCertificate) {
		t.Errorf("the key of another one: %v", err)
	}
}

func TestInvitations(t *testing.T) {
	token, _ := NewToken()
	i := Invitation{Cluster: "blue", Servers: []string{"h:1", "h:2"}, Authorities: [32]byte{1, 2}, Token: token}
	text := i.String()
	if got, err := ParseInvitation(text); err != nil || got.String() != text {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", token, text[:len(text)-3], text + "A", "x" + text, Invitation{Cluster: "blue", Token: token}.String()} {
		if _, err := ParseInvitation(bad); !errors.Is(err, ErrBadInvitation) {
			t.Errorf("%.80q is taken: %v", bad, err)
		}
	}
}
