package native_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/native"
)

// patience is how long tests wait for what has to come.
const patience = time.Minute

// backend answers commands as the test says, and nothing else.
type backend struct {
	command func(ctx context.Context, c client.Command) (client.CommandResult, error)
	// token is of a writer, unless it is 0.
	token pki.TokenHash
	// emissions has the events; nil: there are none to ask for.
	api.Emissions
}

func (b backend) Command(ctx context.Context, _ string, c client.Command) (client.CommandResult, error) {
	return b.command(ctx, c)
}

func (b backend) OpenSession(context.Context, string) (client.SessionID, error) { return 1, nil }

func (b backend) Query(context.Context, string, client.Query) (client.QueryResult, error) {
	return client.QueryResult{}, nil
}

func (b backend) Machine(context.Context, string, bool) (client.MachineInfo, error) {
	return client.MachineInfo{}, nil
}

func (b backend) FindToken(hash pki.TokenHash) (client.TokenInfo, error) {
	if hash == b.token {
		return client.TokenInfo{Role: pki.RoleWriter}, nil
	}
	return client.TokenInfo{}, client.NewProblem(client.CodeBadToken, "there is no such token")
}

// node is a server of the native protocol.
type node struct {
	*native.Server
	address   net.Addr
	authority *pki.Authority
	metrics   *prometheus.Registry
}

// serve serves a backend until the test ends.
func serve(t *testing.T, config native.Config, b backend) *node {
	t.Helper()
	authority, err := pki.NewAuthority("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueNode(1, []string{"127.0.0.1"}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if config.Conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	n := &node{address: config.Conn.LocalAddr(), authority: authority, metrics: prometheus.NewRegistry()}
	config.TLS, config.Metrics, config.Log = api.ServerTLS(pair.TLS), n.metrics, slog.New(slog.DiscardHandler)
	trust, err := pki.ParseTrust(authority.CertPEM())
	if err != nil {
		t.Fatal(err)
	}
	bounds, err := api.New(api.Config{Node: 1, TLS: config.TLS, Metrics: n.metrics, Log: config.Log}, api.Backend{})
	if err != nil {
		t.Fatal(err)
	}
	if config.Bounds == nil {
		config.Bounds = bounds
	}
	config.Cluster, config.Trust = "test", func() *pki.Trust { return trust }
	if n.Server, err = native.New(config, b); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.Serve() }()
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := n.Shutdown(ended); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("shut down: %v", err)
		}
		if err := errors.Join(<-served, config.Conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// closed is how many connections were closed for a reason.
func (n *node) closed(t *testing.T, reason string) float64 {
	t.Helper()
	return n.count(t, "wraft_native_closed_total", reason)
}

// count is a metric without labels, or with this reason; -1 if it is not there.
func (n *node) count(t *testing.T, name, reason string) float64 {
	t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (reason == "" || m.GetLabel()[0].GetValue() == reason) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// caller is a client as raw as it gets: one connection, one stream.
type caller struct {
	t      *testing.T
	conn   *quicgo.Conn
	stream *quicgo.Stream
	in     *bufio.Reader
}

// dial connects, with windows that let no more than few answers through.
func (n *node) dial(t *testing.T, versions ...string) *caller {
	t.Helper()
	conn, err := n.tryDial(t, versions...)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	return &caller{t: t, conn: conn, stream: stream, in: bufio.NewReader(stream)}
}

func (n *node) tryDial(t *testing.T, versions ...string) (*quicgo.Conn, error) {
	t.Helper()
	if len(versions) == 0 {
		versions = wire.ALPNs()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conf := &tls.Config{RootCAs: n.authority.Pool(), NextProtos: versions, MinVersion: tls.VersionTLS13}
	conn, err := quicgo.DialAddr(ctx, n.address.String(), conf, &quicgo.Config{
		InitialStreamReceiveWindow: 64 << 10, MaxStreamReceiveWindow: 64 << 10, KeepAlivePeriod: time.Second,
	})
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseWithError(0, "") }) // it may have ended
	}
	return conn, err
}

// write writes bytes as they are.
func (c *caller) write(data []byte) {
	c.t.Helper()
	if _, err := c.stream.Write(data); err != nil {
		c.t.Fatal(err)
	}
}

// send sends requests in one write.
func (c *caller) send(requests ...*wire.Request) {
	c.t.Helper()
	var b bytes.Buffer
	for _, r := range requests {
		if err := wire.Append(&b, r); err != nil {
			c.t.Fatal(err)
		}
	}
	c.write(b.Bytes())
}

// receive reads an answer.
func (c *caller) receive() *wire.Answer {
	c.t.Helper()
	if err := c.stream.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	size, err := wire.ReadSize(c.in, 16<<20)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := wire.ReadBody(c.in, size)
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := wire.DecodeAnswer(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// wantClosed waits for the end of the connection and checks who ended it, and why.
func (c *caller) wantClosed(code wire.CloseCode) {
	c.t.Helper()
	wantEnd(c.t, endOf(c.t, c.conn), code)
}

// wantSentAway dials, says nothing, and checks that the node ends the connection, and why. Its
// word may come while the client still takes itself to be dialling.
func (n *node) wantSentAway(t *testing.T, code wire.CloseCode, versions ...string) {
	t.Helper()
	conn, err := n.tryDial(t, versions...)
	if err == nil {
		err = endOf(t, conn)
	}
	wantEnd(t, err, code)
}

// endOf waits for the end of a connection and returns why it came.
func endOf(t *testing.T, conn *quicgo.Conn) error {
	t.Helper()
	select {
	case <-conn.Context().Done():
	case <-time.After(patience):
		t.Fatal("the connection was not closed")
	}
	return context.Cause(conn.Context())
}

// wantEnd checks that the node ended a connection, and why.
func wantEnd(t *testing.T, err error, code wire.CloseCode) {
	t.Helper()
	var closed *quicgo.ApplicationError
	if !errors.As(err, &closed) || !closed.Remote || closed.ErrorCode != quicgo.ApplicationErrorCode(code) {
		t.Fatalf("the connection ended with %v, want code %d", err, code)
	}
}

// wantCode checks the problem of an answer.
func wantCode(t *testing.T, a *wire.Answer, code client.Code) {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal(a.Problem, &p); err != nil || p.Code != code {
		t.Fatalf("the answer is %s, want %s", a.Problem, code)
	}
}

func command(id uint64, data string) *wire.Request {
	return &wire.Request{ID: id, Kind: wire.KindCommand, Machine: "m", Data: []byte(data)}
}
