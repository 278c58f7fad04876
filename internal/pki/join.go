package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

// requestType is the PEM type of a request for a certificate (RFC 7468 §7).
const requestType = "CERTIFICATE REQUEST"

// NewKey makes a key for a certificate, in PEM.
func NewKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: make key: %w", err)
	}
	return encodeKey(key)
}

// NewRequest asks for a certificate of a key in PEM: it proves that who asks has the key, and
// says nothing else.
func NewRequest(keyPEM []byte) ([]byte, error) {
	key, err := decodeKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: request a certificate: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("pki: request a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: requestType, Bytes: der}), nil
}

// requestedKey is the public key of a request that its owner has signed. The error is
// ErrBadCertificate.
func requestedKey(request []byte) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode(request)
	if block == nil || block.Type != requestType {
		return nil, fmt.Errorf("%w: no %s block in PEM", ErrBadCertificate, requestType)
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = parsed.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	key, ok := parsed.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: the key is not ECDSA on P-256", ErrBadCertificate)
	}
	return key, nil
}

// RequestDigest is the SHA-256 of the public key of a request (its SubjectPublicKeyInfo), which
// it checks. The error is ErrBadCertificate.
func RequestDigest(request []byte) ([sha256.Size]byte, error) {
	key, err := requestedKey(request)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	return sha256.Sum256(der), nil
}

// IssueRequested is IssueNode for a key that its owner keeps: what the request says besides its
// key does not count. It returns the certificate in PEM.
func (a *Authority) IssueRequested(request []byte, id quorum.NodeID, hosts []string, now time.Time, validity time.Duration) ([]byte, error) {
	key, err := requestedKey(request)
	if err != nil {
		return nil, fmt.Errorf("pki: issue: %w", err)
	}
	template, err := a.nodeTemplate(id, hosts, now, validity)
	if err != nil {
		return nil, err
	}
	return a.sign(template, key)
}

// ParseAuthority makes an authority of its key and of a file that has its certificate, perhaps
// among others. The error is ErrBadCertificate.
func ParseAuthority(certs, key []byte) (*Authority, error) {
	parsed, err := parseCertificates(certs)
	if err != nil {
		return nil, err
	}
	private, err := decodeKey(key)
	if err != nil {
		return nil, err
	}
	for _, c := range parsed {
		if private.PublicKey.Equal(c.PublicKey) {
			cluster, err := authorityIdentity(c)
			return &Authority{cluster: cluster, cert: c, certPEM: encodeCert(c.Raw), key: private}, err
		}
	}
	return nil, fmt.Errorf("%w: the key belongs to none of the authorities", ErrBadCertificate)
}

// AuthoritiesHash is the SHA-256 over the certificates of a file of authorities.
func AuthoritiesHash(certs []byte) (sum [sha256.Size]byte, err error) {
	parsed, err := parseCertificates(certs)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	for _, c := range parsed {
		h.Write(c.Raw)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// Invitation is all that a new node needs to know of a cluster that it shall join.
type Invitation struct {
	Cluster string `json:"c"`
	// Servers are host:port of nodes' APIs.
	Servers []string `json:"s"`
	// Authorities is AuthoritiesHash of whom they may be trusted by.
	Authorities [sha256.Size]byte `json:"h"`
	// Token lets one node in, once.
	Token string `json:"t"`
}

const (
	invitationPrefix   = "wraftjoin_"
	invitationBytesMax = 8 << 10
)

// ErrBadInvitation: the text is none. Check that all of it was copied.
var ErrBadInvitation = errors.New("pki: not a token for joining")

// String is the invitation as one word.
func (i Invitation) String() string {
	data, err := json.Marshal(i)
	if err != nil { // Why: texts and numbers always are JSON
		panic(err)
	}
	return invitationPrefix + base64.RawURLEncoding.EncodeToString(data)
}

// ParseInvitation reads what String wrote.
func ParseInvitation(text string) (i Invitation, err error) {
	digits, ok := strings.CutPrefix(text, invitationPrefix)
	if !ok || len(digits) > invitationBytesMax {
		return i, fmt.Errorf("%w: it begins with %s", ErrBadInvitation, invitationPrefix)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(digits)
	if err == nil {
		err = json.Unmarshal(data, &i)
	}
	if err == nil {
		_, err = HashToken(i.Token)
	}
	if err != nil || CheckName("cluster", i.Cluster) != nil || len(i.Servers) == 0 {
		return Invitation{}, fmt.Errorf("%w: a part of it is missing or changed", ErrBadInvitation)
	}
	return i, nil
}
