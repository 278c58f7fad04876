package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/client/wire"
)

// silentNode takes a connection of one of the protocols, and requests, and answers none. arrived gets the
// first request.
func silentNode(t *testing.T, protocols ...string) (socket net.PacketConn, trust *tls.Config, arrived <-chan *wire.Request) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	if socket, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: protocols, MinVersion: tls.VersionTLS13}
	l, err := quicgo.Listen(socket, conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan *wire.Request, 1)
	go func() {
		ctx := context.Background()
		conn, err := l.Accept(ctx)
		if err != nil {
			return // the test is over
		}
		if stream, err := conn.AcceptStream(ctx); err == nil {
			came <- readRequest(t, stream)
		}
	}()
	t.Cleanup(func() { socket.Close() })
	return socket, &tls.Config{RootCAs: pool}, came
}

// readRequest reads a request from a stream.
func readRequest(t *testing.T, from io.Reader) *wire.Request {
	size, err := wire.ReadSize(from, wire.RequestBytesMax)
	if err != nil {
		t.Error(err)
		return nil
	}
	body, err := wire.ReadBody(from, size)
	if err != nil {
		t.Error(err)
		return nil
	}
	r, err := wire.DecodeRequest(body)
	if err != nil {
		t.Error(err)
	}
	return r
}

// TestADeadNodeIsNoticedByItsRefusal: where a process has ended, its system says so to
// the next packet, and the call does not wait for a timeout.
func TestADeadNodeIsNoticedByItsRefusal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what the system tells of a dead port is tried on Linux")
	}
	socket, trust, arrived := silentNode(t, wire.ALPNs()...)
	c, err := New(Config{Endpoints: []string{socket.LocalAddr().String()}, TLS: trust, Protocol: ProtocolNative, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Command(t.Context(), "m", []byte("x"))
		failed <- err
	}()
	<-arrived
	if err := socket.Close(); err != nil {
		t.Fatal(err)
	}
	var p *Problem
	if err := <-failed; !errors.As(err, &p) || p.Code != CodeConnectionLost || p.Outcome != Unknown || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v", err)
	}
	_, err = c.Command(t.Context(), "m", []byte("x"))
	if !errors.As(err, &p) || p.Code != CodeUnreachable || p.Outcome != NotApplied {
		t.Fatalf("%v", err)
	}
}
