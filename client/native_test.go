package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api/apitest"
)

// startNative serves a counter over both protocols.
func startNative(t *testing.T, o apitest.Options) (*apitest.Backend, *apitest.Server) {
	t.Helper()
	b := apitest.New(nil)
	b.AddMachine("counter")
	o.Native = true
	return b, apitest.Start(t, b, o)
}

// sum is the sum of a counter metric's series, over those whose label has the value.
func sum(t *testing.T, s *apitest.Server, metric, label, value string) float64 {
	t.Helper()
	families, err := s.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label && l.GetValue() == value {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

func TestNativeCalls(t *testing.T) {
	b, s := startNative(t, apitest.Options{})
	c := s.ClientWith(t, client.ProtocolNative)
	r, err := c.Command(t.Context(), "counter", []byte("incr"))
	if err != nil || string(r.Data) != `{"value":1}` || r.Index == 0 || r.Term != 1 || r.Replayed {
		t.Fatalf("%+v, %v", r, err)
	}
	session, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	failTimes(b, 1, "Command:after", client.CodeTimeoutUnknown)
	if r, err = session.Command(t.Context(), []byte("incr")); err != nil || string(r.Data) != `{"value":2}` || !r.Replayed {
		t.Fatalf("%+v, %v", r, err)
	}
	if last := b.LastCommand(); last.Session != session.ID() || last.Sequence != 1 || last.AcknowledgedBelow != 1 || !last.Forward {
		t.Errorf("the backend saw %+v", last)
	}
	for _, consistency := range []client.Consistency{"", client.Linearizable, client.Stale} {
		q, err := c.Query(t.Context(), "counter", client.Query{Data: []byte("get"), Consistency: consistency, MinIndex: 1, Wait: time.Second})
		if err != nil || string(q.Data) != `{"value":2}` || q.AppliedIndex != r.Index || q.Staleness != 0 {
			t.Errorf("%s: %+v, %v", consistency, q, err)
		}
	}
	failTimes(b, 1, "Command:after", client.CodeTimeoutUnknown)
	if r, err := c.KeyedCommand(t.Context(), "counter", "key", []byte("incr")); err != nil || string(r.Data) != `{"value":3}` || !r.Replayed {
		t.Errorf("%+v, %v", r, err)
	}
	info, err := c.Machine(t.Context(), "counter", true)
	if err != nil || info.Name != "counter" || info.ExportDigest == "" {
		t.Errorf("%+v, %v", info, err)
	}
	for kind, want := range map[string]float64{"command": 5, "query": 3, "session": 1, "machine": 1} {
		if n := sum(t, s, "wraft_native_requests_total", "kind", kind); n != want {
			t.Errorf("%v requests of kind %s, want %v", n, kind, want)
		}
	}
	if n := sum(t, s, "wraft_api_requests_total", "status", "200"); n != 0 {
		t.Errorf("%v requests went over HTTP", n)
	}
}

// mistake is a call that fails.
type mistake func(context.Context, *client.Client) error

func badQuery(q client.Query) mistake {
	return func(ctx context.Context, c *client.Client) error {
		q := q // Why: it is sent over both protocols
		q.Data = append([]byte("get"), q.Data...)
		_, err := c.Query(ctx, "counter", q)
		return err
	}
}

func badCommand(machine string, data []byte) mistake {
	return func(ctx context.Context, c *client.Client) error {
		_, err := c.Command(ctx, machine, data)
		return err
	}
}

// failing is a call while the backend fails.
func failing(b *apitest.Backend, code client.Code, f mistake) mistake {
	return func(ctx context.Context, c *client.Client) error {
		b.Fail(func(op string) error {
			if op == "Query" || op == "Command" {
				return client.NewProblem(code, "as the test wants it")
			}
			return nil
		})
		defer b.Fail(nil)
		return f(ctx, c)
	}
}

// TestBothProtocolsFailAlike: the same mistakes are the same problems.
func TestBothProtocolsFailAlike(t *testing.T) {
	b, s := startNative(t, apitest.Options{CommandBytesMax: 1000})
	for name, f := range map[string]mistake{
		"unknown machine": badCommand("nobody", []byte("incr")),
		"refused":         badCommand("counter", []byte("dance")),
		"too long":        badCommand("counter", make([]byte, 1001)),
		"query too long":  badQuery(client.Query{Data: make([]byte, 1000)}),
		"lease":           badQuery(client.Query{Consistency: client.Lease}),
		"no consistency":  badQuery(client.Query{Consistency: "strong"}),
		"wait for what":   badQuery(client.Query{Wait: time.Second}),
		"wait too long":   badQuery(client.Query{Wait: time.Hour, MinIndex: 1}),
		"min-index":       badQuery(client.Query{MinIndex: 1 << 40}),
		"in doubt":        failing(b, client.CodeTimeoutUnknown, badCommand("counter", []byte("incr"))),
		"read in doubt":   failing(b, client.CodeTimeoutUnknown, badQuery(client.Query{})),
		"conflict":        failing(b, client.CodeSessionExpired, badCommand("counter", []byte("incr"))),
		"our fault":       failing(b, client.CodeInternal, badCommand("counter", []byte("incr"))),
		"no such machine": func(ctx context.Context, c *client.Client) error {
			_, err := c.Machine(ctx, "nobody", false)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[client.Protocol]client.Problem{}
			for _, protocol := range []client.Protocol{client.ProtocolHTTP, client.ProtocolNative} {
				c, err := client.New(client.Config{
					Endpoints: []string{s.Address}, TLS: s.ClientTLS(t), Protocol: protocol, AttemptsMax: 2, BackoffMax: time.Millisecond,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				var p *client.Problem
				if err := f(t.Context(), c); !errors.As(err, &p) {
					t.Fatalf("%s: %v", protocol, err)
				}
				if name == "no consistency" { // the native protocol has no word for what it does not know
					p.Detail = ""
				}
				got[protocol] = *p
			}
			if got[client.ProtocolHTTP] != got[client.ProtocolNative] {
				t.Errorf("over HTTP: %+v\nnatively:  %+v", got[client.ProtocolHTTP], got[client.ProtocolNative])
			}
		})
	}
}

func TestAutoGoesOverToTheNativeProtocol(t *testing.T) {
	_, s := startNative(t, apitest.Options{})
	c := s.Client(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for sum(t, s, "wraft_native_requests_total", "kind", "command") == 0 {
		if _, err := c.Command(ctx, "counter", []byte("incr")); err != nil {
			t.Fatal(err)
		}
	}
	http := sum(t, s, "wraft_api_requests_total", "status", "200")
	if http == 0 {
		t.Error("nothing went over HTTP before")
	}
	for range 20 {
		if _, err := c.Command(ctx, "counter", []byte("incr")); err != nil {
			t.Fatal(err)
		}
	}
	if n := sum(t, s, "wraft_api_requests_total", "status", "200"); n != http {
		t.Errorf("%v requests more went over HTTP", n-http)
	}
}

// TestAutoStaysWithHTTPWhereUDPIsBlocked: the port swallows what comes over UDP.
func TestAutoStaysWithHTTPWhereUDPIsBlocked(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{Announce: true})
	conn, err := net.ListenPacket("udp", s.Address)
	if err != nil {
		t.Skip("the port is taken over UDP: ", err)
	}
	defer conn.Close()
	c := s.Client(t)
	for range 50 {
		if _, err := c.Command(t.Context(), "counter", []byte("incr")); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := conn.ReadFrom(make([]byte, 2000)); err != nil || n < 1200 {
		t.Errorf("the client did not try: %d bytes, %v", n, err)
	}
}

func TestNativeAloneSaysThatNobodyListens(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{})
	_, err := s.ClientWith(t, client.ProtocolNative).Command(t.Context(), "counter", []byte("incr"))
	wantCode(t, err, client.CodeUnreachable, client.NotApplied)
}

func TestNativeStrangersAreTold(t *testing.T) {
	b, s := startNative(t, apitest.Options{})
	for name, conf := range map[string]*tls.Config{"nobody": s.AnonymousTLS(), "stranger": s.StrangerTLS(t)} {
		c, err := client.New(client.Config{Endpoints: []string{s.Address}, TLS: conf, Protocol: client.ProtocolNative, Timeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Command(t.Context(), "counter", []byte("incr"))
		c.Close()
		t.Log(name)
		wantCode(t, err, client.CodeNoCertificate, client.NotApplied)
	}
	if b.Seen("Command") != 0 {
		t.Error("a stranger's command reached the backend")
	}
	if n := sum(t, s, "wraft_native_closed_total", "reason", "no-certificate"); n < 2 {
		t.Errorf("%v strangers were counted", n)
	}
}

// TestNativeConnectionOfARevokedClient: a connection that stands carries nothing any more
// when its client's certificate is taken back.
func TestNativeConnectionOfARevokedClient(t *testing.T) {
	b, s := startNative(t, apitest.Options{})
	c := s.ClientWith(t, client.ProtocolNative)
	if _, err := c.Command(t.Context(), "counter", []byte("incr")); err != nil {
		t.Fatal(err)
	}
	s.Revoke(t)
	_, err := c.Command(t.Context(), "counter", []byte("incr"))
	if wantCode(t, err, client.CodeNoCertificate, client.NotApplied); b.State("counter") != "1" {
		t.Errorf("the count is %s", b.State("counter"))
	}
}

// TestRolesCountOverBothProtocols: who may do what does not depend on the way.
func TestRolesCountOverBothProtocols(t *testing.T) {
	_, s := startNative(t, apitest.Options{})
	calls := map[string]mistake{
		"command": badCommand("counter", []byte("incr")),
		"query":   badQuery(client.Query{}),
		"session": func(ctx context.Context, c *client.Client) error {
			_, err := c.Register(ctx, "counter")
			return err
		},
		"machine": func(ctx context.Context, c *client.Client) error {
			_, err := c.Machine(ctx, "counter", false)
			return err
		},
	}
	refused := 0
	for _, role := range []string{pki.RoleReader, pki.RoleWriter, pki.Deployer("counter"), pki.RoleOperator, pki.RoleAdmin} {
		var clients []*client.Client
		for _, protocol := range []client.Protocol{client.ProtocolHTTP, client.ProtocolNative} {
			c, err := client.New(client.Config{Endpoints: []string{s.Address}, TLS: s.RoleTLS(t, role), Protocol: protocol})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			clients = append(clients, c)
		}
		for name, call := range calls {
			overHTTP, natively := call(t.Context(), clients[0]), call(t.Context(), clients[1])
			var p, q *client.Problem
			if errors.As(overHTTP, &p) != errors.As(natively, &q) || p != nil && *p != *q {
				t.Errorf("%s as %s: over HTTP %v, natively %v", name, role, overHTTP, natively)
			}
			if p != nil && p.Code == client.CodeNotAllowed {
				refused++
			}
		}
	}
	if refused != 6 { // commands and sessions of a reader, a deployer and an operator
		t.Errorf("%d calls were refused", refused)
	}
}

func TestNativeServerIsVerified(t *testing.T) {
	_, s := startNative(t, apitest.Options{})
	_, other := startNative(t, apitest.Options{})
	c, err := client.New(client.Config{Endpoints: []string{s.Address}, TLS: other.AnonymousTLS(), Protocol: client.ProtocolNative})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Command(t.Context(), "counter", []byte("incr"))
	wantCode(t, err, client.CodeTLS, client.NotApplied)
}

// TestNativeManyCallersOfASession: commands of one session from many goroutines, on one
// connection, some of them large, some answered late or lost.
func TestNativeManyCallersOfASession(t *testing.T) {
	var mu sync.Mutex
	n := 0
	b := apitest.New(func(state *string, command []byte) ([]byte, error) {
		return command, nil
	})
	b.AddMachine("echo")
	s := apitest.Start(t, b, apitest.Options{Native: true})
	b.Fail(func(op string) error {
		mu.Lock()
		defer mu.Unlock()
		switch n++; {
		case op == "Command:after" && n%5 == 0:
			return client.NewProblem(client.CodeTimeoutUnknown, "lost answer")
		case op == "Command" && n%7 == 0:
			return client.NewProblem(client.CodeNoLeader, "election")
		}
		return nil
	})
	session, err := s.ClientWith(t, client.ProtocolNative).Register(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for k := range 5 {
				data := bytes.Repeat([]byte{byte(i), byte(k)}, 1+i*k*100)
				if r, err := session.Command(t.Context(), data); err != nil || !bytes.Equal(r.Data, data) {
					t.Errorf("%d bytes came back as %d: %v", len(data), len(r.Data), err)
				}
			}
		})
	}
	wg.Wait()
}

// TestCallsOutliveTheNativeServer: commands go on over HTTP when the native protocol
// ends, each once, and none is in doubt that a session does not settle.
func TestCallsOutliveTheNativeServer(t *testing.T) {
	b, s := startNative(t, apitest.Options{})
	c := s.Client(t)
	session, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var counted atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for !stop.Load() {
				if _, err := session.Command(ctx, []byte("incr")); err != nil {
					t.Error(err)
					return
				}
				counted.Add(1)
			}
		})
	}
	until := func(what string, reached func() bool) {
		for !reached() && ctx.Err() == nil && !t.Failed() {
			runtime.Gosched()
		}
		if ctx.Err() != nil {
			t.Errorf("waited in vain until %s", what)
		}
	}
	until("much went over the native protocol", func() bool { return sum(t, s, "wraft_native_requests_total", "kind", "command") > 200 })
	if err := s.Native.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	over := sum(t, s, "wraft_api_requests_total", "status", "200")
	until("more went over HTTP", func() bool { return sum(t, s, "wraft_api_requests_total", "status", "200") > over+100 })
	stop.Store(true)
	wg.Wait()
	if want := strconv.FormatInt(counted.Load(), 10); b.State("counter") != want {
		t.Errorf("the count is %s, want %s", b.State("counter"), want)
	}
}

// patience is how long tests wait for what has to come.
const patience = time.Minute
