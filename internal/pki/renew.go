package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Renew signs a certificate with a fresh key for whom another one is: the same node with the
// same hosts, or the same client with the same role. The other one must be for the authority's
// cluster; it may have expired, and another authority of the cluster may have signed it.
func (a *Authority) Renew(old *x509.Certificate, now time.Time, validity time.Duration) (Pair, error) {
	if cluster, id, err := NodeIdentity(old); err == nil {
		hosts := slices.Clone(old.DNSNames)
		for _, ip := range old.IPAddresses {
			hosts = append(hosts, ip.String())
		}
		if err := a.same(cluster); err != nil {
			return Pair{}, err
		}
		return a.IssueNode(id, hosts, now, validity)
	}
	cluster, name, role, err := ClientIdentity(old)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: renew: %w", err)
	}
	if err := a.same(cluster); err != nil {
		return Pair{}, err
	}
	return a.IssueClient(name, role, now, validity)
}

// same reports a certificate of another cluster.
func (a *Authority) same(cluster string) error {
	if cluster != a.cluster {
		return fmt.Errorf("pki: renew: the certificate is for cluster %q, the authority for %q", cluster, a.cluster)
	}
	return nil
}

// Replace is Save over the files of an older pair. Each takes its place whole, the key first;
// for a moment they do not belong together, and who reads them then has to read again.
func (p Pair) Replace(dir, name string) error {
	files := []struct {
		path string
		data []byte
		mode fs.FileMode
	}{{filepath.Join(dir, name+".key"), p.Key, 0o600}, {filepath.Join(dir, name+".crt"), p.Cert, 0o644}}
	for _, f := range files {
		if err := os.Remove(f.path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("pki: replace: %w", err)
		}
		if err := writeNew(f.path+".new", f.data, f.mode); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := os.Rename(f.path+".new", f.path); err != nil {
			return fmt.Errorf("pki: replace: %w", err)
		}
	}
	return nil
}
