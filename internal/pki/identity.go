package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

var (
	// ErrBadCertificate: the bytes are no certificate or key of this package's kind. Fix the file.
	ErrBadCertificate = errors.New("pki: bad certificate")
	// ErrNoIdentity: the certificate says nothing about who its holder is in a cluster. Issue another.
	ErrNoIdentity = errors.New("pki: no identity in the certificate")
	// ErrExpired: the certificate's time is over. Issue another.
	ErrExpired = errors.New("pki: certificate expired")
	// ErrNotYetValid: the certificate's time has not begun. Check the clock, or wait.
	ErrNotYetValid = errors.New("pki: certificate not yet valid")
)

// Roles a client certificate may carry, from least to most powerful. RoleDeployer goes with
// the machine that its holder may deploy to, as Deployer writes it.
const (
	RoleReader   = "reader"
	RoleWriter   = "writer"
	RoleDeployer = "deployer"
	RoleOperator = "operator"
	RoleAdmin    = "admin"
)

const (
	uriScheme     = "wraft"
	authorityPath = "/ca"
	nodePrefix    = "/node/"
	clientPrefix  = "/client/"

	nameBytesMax = 63
)

// Roles lists the roles a client certificate may carry without a machine, least powerful first.
func Roles() []string { return []string{RoleReader, RoleWriter, RoleOperator, RoleAdmin} }

// Deployer is the role of who deploys to one machine.
func Deployer(machine string) string { return RoleDeployer + ":" + machine }

// ParseRole takes a role apart; machine is "" for all but a deployer's. A machine's name has
// the letters that CheckName allows.
func ParseRole(text string) (role, machine string, err error) {
	if machine, ok := strings.CutPrefix(text, RoleDeployer+":"); ok {
		return RoleDeployer, machine, CheckName("machine", machine)
	}
	if !slices.Contains(Roles(), text) {
		return "", "", fmt.Errorf("pki: role %.80q: must be one of %s, or %s:MACHINE", text, strings.Join(Roles(), ", "), RoleDeployer)
	}
	return text, "", nil
}

// CheckName reports whether name may name a cluster or a client: 1 to 63 of a-z,
// 0-9, '-', '.' and '_', starting with a letter or digit. what is for the message.
func CheckName(what, name string) error {
	if name == "" {
		return fmt.Errorf("pki: %s name: must not be empty", what)
	}
	if len(name) > nameBytesMax {
		return fmt.Errorf("pki: %s name: %d bytes, at most %d are allowed", what, len(name), nameBytesMax)
	}
	for i, c := range []byte(name) {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("-._", rune(c))) {
			return fmt.Errorf("pki: %s name %q: only a-z, 0-9, '-', '.' and '_' are allowed, starting with a letter or digit", what, name)
		}
	}
	return nil
}

// NodeIdentity reads cluster and node from a certificate. It does not verify the
// chain. The error is ErrNoIdentity when c is not a node's, a client's included.
func NodeIdentity(c *x509.Certificate) (cluster string, id quorum.NodeID, err error) {
	uri, err := identityURI(c)
	if err != nil {
		return "", 0, err
	}
	text, ok := strings.CutPrefix(uri.Path, nodePrefix)
	if !ok || uri.RawQuery != "" {
		return "", 0, fmt.Errorf("%w: %s is not a node's", ErrNoIdentity, uri)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	// Why the second look: "+3" and "03" would parse and give one node two names.
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return "", 0, fmt.Errorf("%w: %s: %q is not a node ID", ErrNoIdentity, uri, text)
	}
	return uri.Host, quorum.NodeID(n), nil
}

// ClientIdentity reads cluster, name and role from a client's certificate. It
// does not verify the chain. The error is ErrNoIdentity when c is not a client's.
func ClientIdentity(c *x509.Certificate) (cluster, name, role string, err error) {
	uri, err := identityURI(c)
	if err != nil {
		return "", "", "", err
	}
	name, ok := strings.CutPrefix(uri.Path, clientPrefix)
	if !ok || CheckName("client", name) != nil {
		return "", "", "", fmt.Errorf("%w: %s is not a client's", ErrNoIdentity, uri)
	}
	role, ok = strings.CutPrefix(uri.RawQuery, "role=")
	if !ok {
		return "", "", "", fmt.Errorf("%w: %s: it has no role", ErrNoIdentity, uri)
	}
	if _, _, err := ParseRole(role); err != nil {
		return "", "", "", fmt.Errorf("%w: %s: %w", ErrNoIdentity, uri, err)
	}
	return uri.Host, name, role, nil
}

// authorityIdentity reads the cluster from an authority's certificate.
func authorityIdentity(c *x509.Certificate) (cluster string, err error) {
	uri, err := identityURI(c)
	if err != nil {
		return "", err
	}
	if uri.Path != authorityPath || !c.IsCA {
		return "", fmt.Errorf("%w: %s is not an authority's", ErrNoIdentity, uri)
	}
	return uri.Host, nil
}

// identityURI returns the one wraft URI of a certificate. More than one would
// give its holder a choice of who to be, so that is refused.
func identityURI(c *x509.Certificate) (*url.URL, error) {
	var found *url.URL
	for _, uri := range c.URIs {
		if uri.Scheme != uriScheme {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: more than one %s URI", ErrNoIdentity, uriScheme)
		}
		found = uri
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no %s URI among its names", ErrNoIdentity, uriScheme)
	}
	if found.User != nil || found.Fragment != "" || found.RawPath != "" || CheckName("cluster", found.Host) != nil {
		return nil, fmt.Errorf("%w: %s is malformed", ErrNoIdentity, found)
	}
	return found, nil
}

// CheckValidity reports whether c is valid at now; the error is ErrExpired or
// ErrNotYetValid and names the date that was missed.
func CheckValidity(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%w: on %s, it is now %s", ErrExpired, day(c.NotAfter), day(now))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%w: from %s on, it is now %s", ErrNotYetValid, day(c.NotBefore), day(now))
	}
	return nil
}
