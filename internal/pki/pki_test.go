package pki

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft/quorum"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const testValidity = 90 * 24 * time.Hour

func newTestAuthority(t *testing.T, cluster string) *Authority {
	t.Helper()
	authority, err := NewAuthority(cluster, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func parse(t *testing.T, pair Pair) *x509.Certificate {
	t.Helper()
	cert, err := pair.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestNodeCertificateVerifiesAndNamesTheNode(t *testing.T) {
	authority := newTestAuthority(t, "c-1")
	pair, err := authority.IssueNode(7, []string{"127.0.0.1", "::1", "n7.example.org"}, testNow, testValidity)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, pair)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		for _, host := range []string{"127.0.0.1", "::1", "n7.example.org"} {
			_, err := cert.Verify(x509.VerifyOptions{Roots: authority.Pool(), CurrentTime: testNow, DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
			if err != nil {
				t.Errorf("usage %v, host %s: %v", usage, host, err)
			}
		}
	}
	cluster, id, err := NodeIdentity(cert)
	if err != nil || cluster != "c-1" || id != 7 {
		t.Errorf("identity is %q, %v, %v", cluster, id, err)
	}
	if _, _, _, err := ClientIdentity(cert); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("a node passes as a client: %v", err)
	}
	if _, err := pair.TLS(); err != nil {
		t.Error(err)
	}
}

func TestClientCertificateIsNoNodeAndNoServer(t *testing.T) {
	authority := newTestAuthority(t, "c1")
	for _, role := range append(Roles(), Deployer("kv-1")) {
		pair, err := authority.IssueClient("ada", role, testNow, testValidity)
		if err != nil {
			t.Fatal(err)
		}
		cert := parse(t, pair)
		cluster, name, got, err := ClientIdentity(cert)
		if err != nil || cluster != "c1" || name != "ada" || got != role {
			t.Errorf("identity is %q %q %q, %v", cluster, name, got, err)
		}
		if _, _, err := NodeIdentity(cert); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("a client passes as a node: %v", err)
		}
		_, err = cert.Verify(x509.VerifyOptions{Roots: authority.Pool(), CurrentTime: testNow, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if err == nil {
			t.Error("a client's certificate may serve")
		}
	}
}

func TestForeignAuthorityOfTheSameNameIsNotTrusted(t *testing.T) {
	ours, theirs := newTestAuthority(t, "c1"), newTestAuthority(t, "c1")
	pair, err := theirs.IssueNode(1, nil, testNow, testValidity)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t, pair).Verify(x509.VerifyOptions{Roots: ours.Pool(), CurrentTime: testNow}); err == nil {
		t.Error("a foreign authority's certificate verifies")
	}
}

func TestIssuedCertificateCannotSign(t *testing.T) {
	authority := newTestAuthority(t, "c1")
	pair, _ := authority.IssueNode(1, nil, testNow, testValidity)
	if cert := parse(t, pair); cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("a node's certificate may sign others")
	}
}

func TestRefusedRequests(t *testing.T) {
	authority := newTestAuthority(t, "c1")
	node := func(id uint64, hosts []string, validity time.Duration) error {
		_, err := authority.IssueNode(quorum.NodeID(id), hosts, testNow, validity)
		return err
	}
	client := func(name, role string) error {
		_, err := authority.IssueClient(name, role, testNow, testValidity)
		return err
	}
	newAuthority := func(cluster string) error { _, err := NewAuthority(cluster, testNow); return err }
	for what, row := range map[string]struct {
		err  error
		want string
	}{
		"node 0":           {node(0, nil, testValidity), "node ID 0"},
		"host with port":   {node(1, []string{"a.example:7443"}, testValidity), "give no port"},
		"empty host":       {node(1, []string{""}, testValidity), "1 to 253"},
		"empty label":      {node(1, []string{"a..b"}, testValidity), "neither"},
		"no validity":      {node(1, nil, 0), "must be positive"},
		"outlives the CA":  {node(1, nil, 2*authorityValidity), "longer than the authority"},
		"too many hosts":   {node(1, make([]string, hostsMax+1), testValidity), "at most 100"},
		"unknown role":     {client("ada", "king"), "reader, writer, operator, admin"},
		"client with path": {client("a/b", RoleAdmin), "only a-z"},
		"client no name":   {client("", RoleAdmin), "must not be empty"},
		"cluster empty":    {newAuthority(""), "must not be empty"},
		"cluster upper":    {newAuthority("Prod"), "only a-z"},
		"cluster long":     {newAuthority(strings.Repeat("a", 64)), "at most 63"},
		"cluster dash":     {newAuthority("-a"), "starting with"},
	} {
		if row.err == nil || !strings.Contains(row.err.Error(), row.want) {
			t.Errorf("%s: error is %v, want one with %q", what, row.err, row.want)
		}
	}
}

func TestMalformedIdentitiesAreRefused(t *testing.T) {
	for _, uris := range [][]string{
		{},
		{"https://c1/node/1"},
		{"wraft://c1/node/0"},
		{"wraft://c1/node/01"},
		{"wraft://c1/node/+1"},
		{"wraft://c1/node/-1"},
		{"wraft://c1/node/18446744073709551616"},
		{"wraft://c1/node/1/2"},
		{"wraft://c1/node/1?role=admin"},
		{"wraft://c1/node/1#x"},
		{"wraft://c1/node/%31"},
		{"wraft://u@c1/node/1"},
		{"wraft:///node/1"},
		{"wraft://C1/node/1"},
		{"wraft://c1/node/1", "wraft://c1/node/2"},
		{"wraft://c1/ca"},
		{"wraft://c1/client/ada"},
		{"wraft://c1/client/ada?role="},
		{"wraft://c1/client/ada?role=deployer"},
		{"wraft://c1/client/ada?role=deployer:"},
		{"wraft://c1/client/ada?role=deployer:a/b"},
		{"wraft://c1/client/ada?role=admin:kv"},
		{"wraft://c1/client/ada?role=admin&role=reader"},
		{"wraft://c1/client/?role=admin"},
	} {
		cert := &x509.Certificate{}
		for _, text := range uris {
			uri, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			cert.URIs = append(cert.URIs, uri)
		}
		if _, id, err := NodeIdentity(cert); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%q is node %v: %v", uris, id, err)
		}
		if _, name, _, err := ClientIdentity(cert); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("%q is client %v: %v", uris, name, err)
		}
	}
}

func TestCheckValidity(t *testing.T) {
	authority := newTestAuthority(t, "c1")
	pair, _ := authority.IssueNode(1, nil, testNow, time.Hour)
	cert := parse(t, pair)
	for offset, want := range map[time.Duration]error{
		0:                          nil,
		-backdate:                  nil,
		-backdate - time.Second:    ErrNotYetValid,
		time.Hour:                  nil,
		time.Hour + time.Second:    ErrExpired,
		24 * 365 * 100 * time.Hour: ErrExpired,
	} {
		if err := CheckValidity(cert, testNow.Add(offset)); !errors.Is(err, want) {
			t.Errorf("at %s: %v, want %v", offset, err, want)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	authority := newTestAuthority(t, "c1")
	if err := authority.Save(dir); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Cluster() != "c1" || !loaded.Certificate().Equal(authority.Certificate()) || string(loaded.CertPEM()) != string(authority.CertPEM()) {
		t.Error("the loaded authority differs")
	}
	pair, err := loaded.IssueNode(2, nil, testNow, testValidity)
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Save(dir, "n2"); err != nil {
		t.Fatal(err)
	}
	again, err := LoadPair(dir, "n2")
	if err != nil || string(again.Cert) != string(pair.Cert) || string(again.Key) != string(pair.Key) {
		t.Errorf("the loaded pair differs: %v", err)
	}
	pool, err := LoadPool(filepath.Join(dir, AuthorityCertFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t, again).Verify(x509.VerifyOptions{Roots: pool, CurrentTime: testNow}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{AuthorityKeyFile, "n2.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestSaveNeverOverwrites(t *testing.T) {
	for _, present := range []string{AuthorityCertFile, AuthorityKeyFile} {
		dir := t.TempDir()
		path := filepath.Join(dir, present)
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := newTestAuthority(t, "c1").Save(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s present: %v", present, err)
		}
		files, _ := os.ReadDir(dir)
		data, _ := os.ReadFile(path)
		if string(data) != "precious" || len(files) != 1 {
			t.Errorf("%s present: it now holds %q, and there are %d files", present, data, len(files))
		}
	}
}

func TestLoadAuthorityRefusals(t *testing.T) {
	authority := newTestAuthority(t, "c1")
	node, _ := authority.IssueNode(1, nil, testNow, testValidity)
	key, _ := encodeKey(authority.key)
	for what, row := range map[string]struct {
		pair Pair
		want error
	}{
		"no files":            {Pair{}, fs.ErrNotExist},
		"text":                {Pair{Cert: []byte("hello"), Key: key}, ErrBadCertificate},
		"key in the way":      {Pair{Cert: key, Key: key}, ErrBadCertificate},
		"text as key":         {Pair{Cert: authority.certPEM, Key: []byte("hello")}, ErrBadCertificate},
		"another's key":       {Pair{Cert: authority.certPEM, Key: node.Key}, ErrBadCertificate},
		"a node as authority": {node, ErrNoIdentity},
	} {
		dir := t.TempDir()
		if row.pair.Cert != nil {
			if err := row.pair.Save(dir, authorityName); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := LoadAuthority(dir); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", what, err, row.want)
		}
	}
}

func TestPairThatDoesNotBelongTogether(t *testing.T) {
	authority := newTestAuthority(t, "c1")
	a, _ := authority.IssueNode(1, nil, testNow, testValidity)
	b, _ := authority.IssueNode(2, nil, testNow, testValidity)
	if _, err := (Pair{Cert: a.Cert, Key: b.Key}).TLS(); !errors.Is(err, ErrBadCertificate) {
		t.Errorf("mixed pair: %v", err)
	}
	if _, err := LoadPool(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing pool: %v", err)
	}
}
