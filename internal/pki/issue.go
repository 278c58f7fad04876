package pki

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

// ValidityUsual is how long the certificates of nodes and administrators hold that nobody asked
// for by hand.
const ValidityUsual = 2 * 365 * 24 * time.Hour

// hostsMax bounds the names and addresses in one certificate.
const hostsMax = 100

// IssueNode signs a certificate with which a node serves and dials, valid from a
// little before now for validity. hosts are the DNS names and IP addresses under
// which others reach it; they may be empty when only nodes connect, which look at
// the identity and not at the address.
func (a *Authority) IssueNode(id quorum.NodeID, hosts []string, now time.Time, validity time.Duration) (Pair, error) {
	template, err := a.nodeTemplate(id, hosts, now, validity)
	if err != nil {
		return Pair{}, err
	}
	return a.issue(template)
}

// nodeTemplate is what a node's certificate says.
func (a *Authority) nodeTemplate(id quorum.NodeID, hosts []string, now time.Time, validity time.Duration) (*x509.Certificate, error) {
	if id == 0 {
		return nil, fmt.Errorf("pki: issue: node ID 0: real ones start at 1")
	}
	template, err := baseTemplate(fmt.Sprintf("wraft node %d of %s", id, a.cluster), now, validity)
	if err != nil {
		return nil, err
	}
	if err := addHosts(template, hosts); err != nil {
		return nil, err
	}
	template.URIs = []*url.URL{{Scheme: uriScheme, Host: a.cluster, Path: nodePrefix + fmt.Sprint(uint64(id))}}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return template, nil
}

// IssueClient signs a certificate with which a client authenticates, valid from a
// little before now for validity. The role is one that ParseRole takes.
func (a *Authority) IssueClient(name, role string, now time.Time, validity time.Duration) (Pair, error) {
	if err := CheckName("client", name); err != nil {
		return Pair{}, err
	}
	if _, _, err := ParseRole(role); err != nil {
		return Pair{}, err
	}
	template, err := baseTemplate(fmt.Sprintf("wraft client %s of %s", name, a.cluster), now, validity)
	if err != nil {
		return Pair{}, err
	}
	template.URIs = []*url.URL{{Scheme: uriScheme, Host: a.cluster, Path: clientPrefix + name, RawQuery: "role=" + role}}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(template)
}

// addHosts sorts hosts into the certificate's DNS names and IP addresses.
func addHosts(template *x509.Certificate, hosts []string) error {
	if len(hosts) > hostsMax {
		return fmt.Errorf("pki: issue: %d hosts, at most %d are allowed", len(hosts), hostsMax)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		if err := checkDNSName(host); err != nil {
			return err
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	return nil
}

// checkDNSName refuses what is obviously no DNS name, above all a host:port.
func checkDNSName(host string) error {
	if host == "" || len(host) > 253 {
		return fmt.Errorf("pki: issue: host %q: must have 1 to 253 bytes", host)
	}
	for _, label := range strings.Split(host, ".") {
		bad := strings.IndexFunc(label, func(r rune) bool {
			alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
			return !alnum && r != '-' && r != '*' && r != '_'
		})
		if label == "" || len(label) > 63 || bad >= 0 {
			return fmt.Errorf("pki: issue: host %q: neither an IP address nor a DNS name (give no port)", host)
		}
	}
	return nil
}
