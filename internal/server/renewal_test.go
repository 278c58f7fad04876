package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft/quorum"
)

// renewingCluster is three nodes in this process, whose files a test replaces.
type renewingCluster struct {
	t       *testing.T
	configs []Config
	servers []*Server
	// authority issued what they have, revoked is where the list is looked for.
	authority *pki.Authority
	dir       string
}

func newRenewingCluster(t *testing.T) *renewingCluster {
	t.Helper()
	c := &renewingCluster{t: t, dir: filepath.Join(t.TempDir(), "c")}
	plan := bootstrap.Plan{Cluster: "renewing"}
	for id := client.NodeID(1); id <= 3; id++ {
		plan.Nodes = append(plan.Nodes, nodeconfig.Node{ID: id, Peer: freeAddress(t), API: freeAddress(t)})
	}
	c.must(plan.Write(c.dir, time.Now()))
	var err error
	c.authority, err = pki.LoadAuthority(filepath.Join(c.dir, "ca"))
	c.must(err)
	nobody, err := c.authority.Revoke(c.dir, nil, time.Now())
	c.must(err)
	for _, n := range plan.Nodes {
		home := filepath.Join(c.dir, bootstrap.NodeDir(n.ID))
		config := Config{
			Cluster: plan.Cluster, Node: n.ID, DataDir: filepath.Join(home, "data"), Nodes: plan.Nodes, ListenAPI: n.API, ListenPeer: n.Peer,
			TLS: nodeconfig.TLSFiles{
				CA: filepath.Join(home, pki.AuthorityCertFile), Cert: filepath.Join(home, "node.crt"), Key: filepath.Join(home, "node.key"),
				Revoked: nobody, ClientAuth: nodeconfig.ClientAuthNone,
			},
		}
		s, err := Start(t.Context(), config, slog.New(slog.DiscardHandler))
		c.must(err)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c.must(s.Close(ctx))
		})
		c.configs, c.servers = append(c.configs, config), append(c.servers, s)
	}
	c.untilConnected()
	return c
}

func (c *renewingCluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// untilConnected waits until everybody has a connection to everybody.
func (c *renewingCluster) untilConnected() {
	c.t.Helper()
	c.until(func() bool {
		for _, s := range c.servers {
			for _, l := range s.network.Links() {
				if !l.Up {
					return false
				}
			}
		}
		return true
	})
}

func (c *renewingCluster) until(holds func() bool) {
	c.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			c.t.Fatal("waited in vain")
		}
	}
}

// certify replaces the certificates of all nodes.
func (c *renewingCluster) certify(authority *pki.Authority) {
	c.t.Helper()
	for _, cfg := range c.configs {
		pair, err := authority.IssueNode(quorum.NodeID(cfg.Node), []string{"127.0.0.1"}, time.Now(), time.Hour)
		c.must(errors.Join(err, os.WriteFile(cfg.TLS.Cert, pair.Cert, 0o600), os.WriteFile(cfg.TLS.Key, pair.Key, 0o600)))
	}
}

func (c *renewingCluster) trust(authorities ...*pki.Authority) {
	c.t.Helper()
	var all []byte
	for _, a := range authorities {
		all = append(all, a.CertPEM()...)
	}
	for _, cfg := range c.configs {
		c.must(os.WriteFile(cfg.TLS.CA, all, 0o600))
	}
}

// look has all nodes look at their files.
func (c *renewingCluster) look() {
	for _, s := range c.servers {
		s.renewal.look()
	}
}

// reconnects is how many connections nodes have had after the first.
func (c *renewingCluster) reconnects() (sum uint64) {
	for _, s := range c.servers {
		for _, l := range s.network.Links() {
			sum += l.Reconnects
		}
	}
	return sum
}

// TestANewAuthority takes a cluster from one authority to another, step by step, without a
// restart: connections end only when what they were made with counts no more, and come back.
func TestANewAuthority(t *testing.T) {
	c := newRenewingCluster(t)
	next, err := pki.NewAuthority("renewing", time.Now())
	c.must(err)
	before := c.reconnects() // Why: one may have ended by itself on a busy machine
	c.trust(c.authority, next)
	c.look()
	c.certify(next)
	c.look()
	if n := c.reconnects(); n != before {
		t.Errorf("%d connections ended though all of them are trusted", n-before)
	}
	c.must(os.Remove(c.configs[0].TLS.Revoked)) // Why: the list is the old authority's
	_, err = next.Revoke(c.dir, nil, time.Now())
	c.must(err)
	c.trust(next)
	c.look()
	c.until(func() bool { return c.reconnects() >= before+6 })
	c.untilConnected()
	for _, s := range c.servers {
		if s.renewal.stuck.Load() {
			t.Errorf("node %d cannot use its files", s.renewal.id.cfg.Node)
		}
	}
}

// TestARevokedNode takes the certificate of a connected node back: the others end its
// connections and take no new ones, until it has another certificate.
func TestARevokedNode(t *testing.T) {
	c := newRenewingCluster(t)
	leaf := c.servers[2].renewal.id.current.Load().leaf
	_, err := c.authority.Revoke(c.dir, []*x509.Certificate{leaf}, time.Now())
	c.must(err)
	for _, s := range c.servers[:2] {
		s.renewal.look()
	}
	c.until(func() bool {
		one, two := c.servers[0].network.Counters(), c.servers[1].network.Counters()
		return one["revoked"] >= 2 && two["revoked"] >= 2 // the connection, and one that was tried since
	})
	c.servers[2].renewal.look()
	if !c.servers[2].renewal.stuck.Load() {
		t.Error("node 3 does not say that its own certificate is revoked")
	}
	c.certify(c.authority)
	c.look()
	c.untilConnected()
}

// loadedIdentity is that of a node whose sockets nobody uses.
func loadedIdentity(t *testing.T) *identity {
	t.Helper()
	cfg := oneNode(t, "blue").WithDefaults()
	t.Cleanup(func() {
		if err := errors.Join(cfg.APIListener.Close(), cfg.PeerConn.Close()); err != nil {
			t.Error(err)
		}
	})
	id, err := loadIdentity(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestFilesThatCannotBeUsed replaces files by what is no identity of this node's: it says
// so once, and goes on with what it had.
func TestFilesThatCannotBeUsed(t *testing.T) {
	id := loadedIdentity(t)
	var lines bytes.Buffer
	rechecks := 0
	r := &renewal{id: id, recheck: func() { rechecks++ }, log: slog.New(slog.NewTextHandler(&lines, nil)), pause: time.Hour}
	before := id.current.Load()
	whole, cfg := map[string][]byte{}, id.cfg
	for _, path := range []string{cfg.TLS.CA, cfg.TLS.Cert, cfg.TLS.Key} {
		text, err := os.ReadFile(path)
		if whole[path] = text; err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range whole {
		for _, bad := range [][]byte{{}, []byte("no certificate"), text[:len(text)/2], nil} {
			lines.Reset()
			err := os.WriteFile(path, bad, 0o600)
			if bad == nil {
				err = os.Remove(path)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.look()
			r.look()
			if said := lines.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, path) {
				t.Errorf("%s is %.20q: said %q", path, bad, said)
			}
			if id.current.Load() != before || !r.stuck.Load() || rechecks != 0 {
				t.Errorf("%s is %.20q: it was taken", path, bad)
			}
			r.said = ""
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r.look(); r.stuck.Load() || rechecks != 0 || id.current.Load() != before {
		t.Error("the files are as they were, and it does not see that")
	}
}

// TestAnExpiringCertificateIsMentionedOnceADay, and in its last tenth only.
func TestAnExpiringCertificateIsMentionedOnceADay(t *testing.T) {
	id := loadedIdentity(t)
	var lines bytes.Buffer
	r := &renewal{id: id, log: slog.New(slog.NewTextHandler(&lines, nil))}
	leaf := id.current.Load().leaf
	validity := leaf.NotAfter.Sub(leaf.NotBefore)
	for i, row := range []struct {
		left time.Duration
		said int
	}{{validity, 0}, {validity/10 + time.Minute, 0}, {validity/10 - time.Minute, 1}, {validity/10 - time.Hour, 1}, {validity/10 - 25*time.Hour, 2}, {-time.Hour, 3}} {
		r.warn(leaf.NotAfter.Add(-row.left))
		if got := strings.Count(lines.String(), "expires soon"); got != row.said {
			t.Errorf("look %d: said %d times, want %d", i, got, row.said)
		}
	}
}
