package quic

import (
	"context"
	"crypto/tls"
	"net"
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
	expired, early, foreign, otherCluster, client, self, unknown, good tls.Certificate
	pool                                                               *pki.Authority // of otherCluster, trusted too
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
	return strangeCerts{
		expired:      issue(w.t, w.authority, 1, time.Now().Add(-48*time.Hour)),
		early:        issue(w.t, w.authority, 1, time.Now().Add(48*time.Hour)),
		foreign:      issue(w.t, imposter, 1, time.Now()),
		otherCluster: issue(w.t, other, 1, time.Now()),
		client:       client,
		self:         w.identity(2),
		unknown:      w.identity(7),
		good:         w.identity(1),
		pool:         other,
	}
}

// trusting makes a node trust the other cluster's authority as well, so that the
// name of the cluster alone decides.
func trusting(c strangeCerts) func(*Config) {
	return func(cfg *Config) {
		pool := cfg.CAs.Clone()
		pool.AddCert(c.pool.Certificate())
		cfg.CAs = pool
	}
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
