package quic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/transport/wire"
)

// stranger is a QUIC endpoint that keeps to no rules of ours.
type stranger struct {
	t    *testing.T
	conn net.PacketConn
	tr   *quicgo.Transport
}

func (w *world) stranger() *stranger {
	w.t.Helper()
	conn := w.listen(99, nil)
	s := &stranger{t: w.t, conn: conn, tr: &quicgo.Transport{Conn: conn}}
	w.t.Cleanup(func() {
		_ = s.tr.Close()
		_ = conn.Close()
	})
	return s
}

var strangeConfig = &quicgo.Config{EnableDatagrams: true, MaxIncomingUniStreams: 100}

// dial connects to a node with any TLS configuration.
func (s *stranger) dial(to *node, cfg *tls.Config) (*quicgo.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.tr.Dial(ctx, to.conn.LocalAddr(), cfg, strangeConfig)
}

// clientTLS is what a correct node dials with, but for the certificate.
func clientTLS(cert *tls.Certificate) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{ALPN}, InsecureSkipVerify: true}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	return cfg
}

// strangeCerts are certificates a node must not be let in with.
type strangeCerts struct {
	expired, early, foreign, otherCluster, client, self, unknown, revoked, revokedTwo, good tls.Certificate

	trust *pki.Trust // trusts otherCluster too
}

func newStrangeCerts(w *world) strangeCerts {
	w.t.Helper()
	other, err := pki.NewAuthority("c2", time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	imposter, err := pki.NewAuthority("c1", time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	pair, err := w.authority.IssueClient("ada", pki.RoleAdmin, time.Now(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := pair.TLS()
	if err != nil {
		w.t.Fatal(err)
	}
	revoked, revokedTwo := w.identity(1), w.identity(2)
	return strangeCerts{
		revoked: revoked, revokedTwo: revokedTwo,
		trust:        revoking(w.t, []tls.Certificate{revoked, revokedTwo}, w.authority, other),
		expired:      issue(w.t, w.authority, 1, time.Now().Add(-48*time.Hour)),
		early:        issue(w.t, w.authority, 1, time.Now().Add(48*time.Hour)),
		foreign:      issue(w.t, imposter, 1, time.Now()),
		otherCluster: issue(w.t, other, 1, time.Now()),
		client:       client,
		self:         w.identity(2),
		unknown:      w.identity(7),
		good:         w.identity(1),
	}
}

// trusting makes a node trust the other cluster's authority as well, so that the
// name of the cluster alone decides, and take one certificate for revoked.
func trusting(c strangeCerts) func(*Config) {
	return func(cfg *Config) { cfg.Trust = func() *pki.Trust { return c.trust } }
}

// revoking is a trust in authorities without certificates of the first one.
func revoking(t *testing.T, certs []tls.Certificate, authorities ...*pki.Authority) *pki.Trust {
	t.Helper()
	var all []byte
	for _, a := range authorities {
		all = append(all, a.CertPEM()...)
	}
	trust, err := pki.ParseTrust(all)
	if err != nil {
		t.Fatal(err)
	}
	var leaves []*x509.Certificate
	for _, c := range certs {
		leaves = append(leaves, c.Leaf)
	}
	path, err := authorities[0].Revoke(t.TempDir(), leaves, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if trust, err = trust.Without(list); err != nil {
		t.Fatal(err)
	}
	return trust
}

// goodHello is what node 1 of the cluster would say.
func goodHello() wire.Hello {
	return wire.Hello{VersionMin: 1, VersionMax: 1, Cluster: "c1", Node: 1, Boot: 1, Connection: 1}
}

// shake says hello over a connection and waits for the answer, as far as it comes.
func shake(conn *quicgo.Conn, h wire.Hello) error {
	stream, err := conn.OpenStream()
	if err != nil {
		return err
	}
	if err := writeHello(stream, h); err != nil {
		return err
	}
	_, err = readHello(stream)
	return err
}
