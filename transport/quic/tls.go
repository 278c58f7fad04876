package quic

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft"
)

// ALPN names the protocol between nodes; there is a second one for files, see carrier.
const ALPN = "wraft-peer/1"

// serverTLS is what this node accepts connections with.
func (n *Network) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{ALPN, filesALPN},
		// Why any: what is trusted may change, so VerifyConnection checks the chain.
		ClientAuth: tls.RequireAnyClientCert,
		Time:       n.cfg.Now,
		// Why no tickets: a resumed session would not look at certificates again.
		SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := n.cfg.Certificate()
			return &cert, err
		},
		VerifyConnection: n.verifyClient,
	}
}

// clientTLS is what this node dials a peer with, for one of the two protocols.
func (n *Network) clientTLS(peer raft.NodeID, protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocol},
		Time:       n.cfg.Now,
		// Why: crypto/tls would compare the certificate with an address. What counts
		// is the node's identity, so verifyServer checks the chain and that.
		InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := n.cfg.Certificate()
			return &cert, err
		},
		VerifyConnection: func(state tls.ConnectionState) error { return n.verifyServer(state, peer) },
	}
}

// verifyClient checks all that the certificate of whoever dials must be.
func (n *Network) verifyClient(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return refuse(ReasonNoCertificate, "quic: the dialling node showed no certificate")
	}
	if err := n.cfg.Trust().Verify(state.PeerCertificates, x509.ExtKeyUsageClientAuth, n.cfg.Now()); err != nil {
		return fmt.Errorf("quic: the dialling node's certificate: %w", err)
	}
	_, err := n.identify(state)
	return err
}

// verifyServer checks all that a dialled node's certificate must be.
func (n *Network) verifyServer(state tls.ConnectionState, peer raft.NodeID) error {
	if len(state.PeerCertificates) == 0 {
		return refuse(ReasonNoCertificate, "quic: the dialled node showed no certificate")
	}
	if err := n.cfg.Trust().Verify(state.PeerCertificates, x509.ExtKeyUsageServerAuth, n.cfg.Now()); err != nil {
		return fmt.Errorf("quic: the dialled node's certificate: %w", err)
	}
	id, err := n.identify(state)
	if err != nil {
		return err
	}
	if id != peer {
		return refuse(ReasonWrongNode, "quic: dialled %v, but %v answered", peer, id)
	}
	return nil
}

// recheck ends the connection if its peer's certificate counts no more.
func (l *link) recheck() {
	n := l.p.n
	use := x509.ExtKeyUsageClientAuth
	if l.p.dials() {
		use = x509.ExtKeyUsageServerAuth
	}
	err := n.cfg.Trust().VerifyStanding(l.conn.ConnectionState().TLS.PeerCertificates, use, n.cfg.Now())
	if err == nil {
		return
	}
	n.refusals.note(refuse(reasonOfChain(err), "quic: the certificate of %v, which is connected: %w", l.p.id, err), "peer", l.p.id)
	_ = l.conn.CloseWithError(codeDistrusted, "the certificate is not trusted any more")
}

// identify reads who the other side is from its certificate, whose chain was
// verified, and refuses whoever is no other node of this cluster.
func (n *Network) identify(state tls.ConnectionState) (raft.NodeID, error) {
	if state.NegotiatedProtocol != ALPN && state.NegotiatedProtocol != filesALPN {
		return 0, refuse(ReasonProtocol, "quic: the protocol is %q, not %q", state.NegotiatedProtocol, ALPN)
	}
	if len(state.PeerCertificates) == 0 {
		return 0, refuse(ReasonNoCertificate, "quic: no certificate")
	}
	cluster, id, err := pki.NodeIdentity(state.PeerCertificates[0])
	switch {
	case err != nil:
		return 0, refuse(ReasonNotANode, "quic: %w", err)
	case cluster != n.cfg.Cluster:
		return 0, refuse(ReasonCluster, "quic: %v is of cluster %s, this is %s", id, cluster, n.cfg.Cluster)
	case id == n.cfg.Node:
		return 0, refuse(ReasonWrongNode, "quic: the certificate is that of %v, this node itself", id)
	}
	return id, nil
}

// checkOwnCertificate finds a wrong certificate of this node's own at the start,
// rather than at every peer.
func (n *Network) checkOwnCertificate() (tls.Certificate, error) {
	cert, err := n.cfg.Certificate()
	if err != nil {
		return cert, fmt.Errorf("quic: own certificate: %w", err)
	}
	if len(cert.Certificate) == 0 {
		return cert, fmt.Errorf("quic: own certificate: %w: it is empty", pki.ErrBadCertificate)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return cert, fmt.Errorf("quic: own certificate: %w: %w", pki.ErrBadCertificate, err)
	}
	cluster, id, err := pki.NodeIdentity(leaf)
	if err != nil {
		return cert, fmt.Errorf("quic: own certificate: %w", err)
	}
	if cluster != n.cfg.Cluster || id != n.cfg.Node {
		return cert, fmt.Errorf("quic: own certificate: it is that of %v in cluster %s, but this is %v in %s", id, cluster, n.cfg.Node, n.cfg.Cluster)
	}
	return cert, nil
}

// resetKey is the key of stateless resets (RFC 9000 §10.3): a restarted node must have the
// same to tell its peers that their connections are dead.
func resetKey(cert tls.Certificate) (*quicgo.StatelessResetKey, error) {
	key, err := pki.DeriveKey(cert, "wraft stateless reset")
	return (*quicgo.StatelessResetKey)(&key), err
}
