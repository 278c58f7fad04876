package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/wraft/wraft/node/api/apitest"
)

// pipes is a listener in memory, so that time is the test's and addresses are anybody's.
type pipes struct {
	accepted chan net.Conn
	ended    context.Context
	end      context.CancelFunc
}

func newPipes(t *testing.T) *pipes {
	t.Helper()
	p := &pipes{accepted: make(chan net.Conn)}
	p.ended, p.end = context.WithCancel(context.Background())
	t.Cleanup(p.end)
	return p
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.ended.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.end()
	return nil
}

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7443} }

// dial connects from an IP address.
func (p *pipes) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	select {
	case p.accepted <- pipeFrom{far, &net.TCPAddr{IP: net.ParseIP(from), Port: 40000}}:
	case <-p.ended.Done():
		t.Fatal("nobody listens")
	}
	return near
}

// pipeFrom is a pipe's end that says where the other one is.
type pipeFrom struct {
	net.Conn
	from net.Addr
}

func (p pipeFrom) RemoteAddr() net.Addr { return p.from }

// speak dials, and returns a caller that has this one connection, with the handshake done.
func (p *pipes) speak(t *testing.T, s *apitest.Server, from, protocol string) (*caller, net.Conn) {
	t.Helper()
	conf := s.ClientTLS(t)
	conf.NextProtos, conf.ServerName = []string{protocol}, "127.0.0.1"
	conn := tls.Client(p.dial(t, from), conf)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := make(chan net.Conn, 1)
	one <- conn
	var on http.Protocols
	on.SetHTTP1(protocol == "http/1.1")
	on.SetHTTP2(protocol == "h2")
	tr := &http.Transport{Protocols: &on, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		select {
		case conn := <-one:
			return conn, nil
		default:
			return nil, io.ErrUnexpectedEOF
		}
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &caller{http: &http.Client{Transport: tr}, base: "https://127.0.0.1:7443"}, conn
}

// said is what a log says.
type said struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// refused reports whether the other end has closed a connection without a word.
func refused(conn net.Conn) bool {
	n, err := conn.Read(make([]byte, 1))
	return n == 0 && err == io.EOF
}

// counted is a metric of a server without labels, or with this reason.
func counted(t *testing.T, s *apitest.Server, name, reason string) float64 {
	t.Helper()
	families, err := s.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (reason == "" || m.GetLabel()[0].GetValue() == reason) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s %s", name, reason)
	return 0
}
