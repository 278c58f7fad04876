package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/ports"
	"github.com/wraft/wraft/node/api/apitest"
)

// start serves a counter and returns a client of it.
func start(t *testing.T) (*apitest.Backend, *client.Client) {
	t.Helper()
	b := apitest.New(nil)
	b.AddMachine("counter")
	return b, apitest.Start(t, b, apitest.Options{}).Client(t)
}

// failTimes makes an operation fail n times.
func failTimes(b *apitest.Backend, n int, operation string, code client.Code) {
	b.Fail(func(op string) error {
		if op != operation || n == 0 {
			return nil
		}
		n--
		return client.NewProblem(code, "as the test wants it")
	})
}

func wantCode(t *testing.T, err error, code client.Code, outcome client.Outcome) {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != code || p.Outcome != outcome {
		t.Fatalf("want %s, %s, got %+v", code, outcome, err)
	}
}

func TestPlainCommandIsNeverRepeatedInDoubt(t *testing.T) {
	b, c := start(t)
	failTimes(b, 1, "Command:after", client.CodeTimeoutUnknown)
	_, err := c.Command(t.Context(), "counter", []byte("incr"))
	if !errors.Is(err, client.ErrUnknownOutcome) || b.State("counter") != "1" || b.Seen("Command") != 1 {
		t.Fatalf("%v, state %s, seen %d", err, b.State("counter"), b.Seen("Command"))
	}
}

func TestSessionRepeatsUnderTheSameSequence(t *testing.T) {
	b, c := start(t)
	s, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	failTimes(b, 3, "Command:after", client.CodeTimeoutUnknown)
	r, err := s.Command(t.Context(), []byte("incr"))
	if err != nil || string(r.Data) != `{"value":1}` || !r.Replayed || b.State("counter") != "1" {
		t.Fatalf("%+v, %v, state %s", r, err, b.State("counter"))
	}
	if last := b.LastCommand(); last.Session != s.ID() || last.Sequence != 1 || last.AcknowledgedBelow != 1 {
		t.Errorf("the backend saw %+v", last)
	}
	if _, err := s.Command(t.Context(), []byte("incr")); err != nil {
		t.Fatal(err)
	}
	if last := b.LastCommand(); last.Sequence != 2 || last.AcknowledgedBelow != 2 {
		t.Errorf("the backend saw %+v", last)
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	b, c := start(t)
	failTimes(b, 1, "Command", client.CodeBackpressure)
	began := time.Now()
	if r, err := c.Command(t.Context(), "counter", []byte("incr")); err != nil || string(r.Data) != `{"value":1}` {
		t.Fatalf("%+v, %v", r, err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("the next attempt came %v later, a second was asked for", took)
	}
}

func TestManyCallersOfASessionCountExactly(t *testing.T) {
	b, c := start(t)
	s, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	b.Fail(func(op string) error {
		switch i := n.Add(1); {
		case op == "Command:after" && i%5 == 0:
			return client.NewProblem(client.CodeTimeoutUnknown, "lost answer")
		case op == "Command" && i%7 == 0:
			return client.NewProblem(client.CodeNoLeader, "election")
		}
		return nil
	})
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			for range 5 {
				if _, err := s.Command(t.Context(), []byte("incr")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if b.State("counter") != "200" {
		t.Errorf("the count is %s, want 200", b.State("counter"))
	}
}

func TestDoubtOutlastsLaterAttempts(t *testing.T) {
	b, c := start(t)
	s, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	doubted := false
	b.Fail(func(op string) error {
		switch {
		case op == "Command:after":
			doubted = true
			return client.NewProblem(client.CodeTimeoutUnknown, "lost answer")
		case op == "Command" && doubted:
			return client.NewProblem(client.CodeSessionExpired, "evicted")
		}
		return nil
	})
	_, err = s.Command(t.Context(), []byte("incr"))
	wantCode(t, err, client.CodeSessionExpired, client.Unknown)
	if !errors.Is(err, client.ErrUnknownOutcome) || !errors.Is(err, client.ErrSessionExpired) {
		t.Errorf("got %v", err)
	}
	var p *client.Problem
	if errors.As(err, &p); p.Retryable || !strings.Contains(p.Hint, "read the state") {
		t.Errorf("the advice is %v, %q", p.Retryable, p.Hint)
	}
}

func TestFailedRegistrationLeavesNoCommandInDoubt(t *testing.T) {
	b, c := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.Fail(func(string) error {
		cancel()
		return client.NewProblem(client.CodeTimeoutUnknown, "lost answer")
	})
	if _, err := c.Register(ctx, "counter"); err == nil || errors.Is(err, client.ErrUnknownOutcome) {
		t.Errorf("got %v", err)
	}
}

func TestNotAppliedIsRepeatedUntilItWorks(t *testing.T) {
	b, c := start(t)
	failTimes(b, 4, "Command", client.CodeNoLeader)
	r, err := c.Command(t.Context(), "counter", []byte("add 5"))
	if err != nil || string(r.Data) != `{"value":5}` || b.Seen("Command") != 5 {
		t.Fatalf("%+v, %v, seen %d", r, err, b.Seen("Command"))
	}
}

func TestEndOfContextEndsRepetition(t *testing.T) {
	b, c := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempts := 0
	b.Fail(func(string) error {
		if attempts++; attempts == 3 {
			cancel()
		}
		return client.NewProblem(client.CodeNoLeader, "as the test wants it")
	})
	_, err := c.Command(ctx, "counter", []byte("incr"))
	if err == nil || b.Seen("Command") != 3 {
		t.Fatalf("%v, seen %d", err, b.Seen("Command"))
	}
}

func TestFinalAnswersAreNotRepeated(t *testing.T) {
	b, c := start(t)
	for _, code := range []client.Code{client.CodeBadRequest, client.CodeMachineRejected, client.CodeMinIndex, client.CodeDiskFull, client.CodeInternal} {
		before := b.Seen("Query")
		failTimes(b, -1, "Query", code)
		_, err := c.Query(t.Context(), "counter", client.Query{Data: []byte("get")})
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != code || b.Seen("Query") != before+1 {
			t.Errorf("%s: %v after %d attempts", code, err, b.Seen("Query")-before)
		}
	}
}

// deadAddress is an address of loopback nothing listens at.
func deadAddress(t *testing.T) string {
	t.Helper()
	free, err := ports.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	return free[0]
}

func newClient(t *testing.T, conf *tls.Config, endpoints ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Endpoints: endpoints, TLS: conf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestOtherEndpointsAreTried(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{})
	dead := deadAddress(t)
	c := newClient(t, s.ClientTLS(t), dead, dead, s.Address)
	if _, err := c.Command(t.Context(), "counter", []byte("incr")); err != nil {
		t.Fatal(err)
	}
	_, err := newClient(t, s.ClientTLS(t), dead, dead).Command(t.Context(), "counter", []byte("incr"))
	wantCode(t, err, client.CodeUnreachable, client.NotApplied)
}

func TestLeaderHintsLeadToTheLeader(t *testing.T) {
	follower, leader := apitest.New(nil), apitest.New(nil)
	leader.AddMachine("counter")
	// The two servers have authorities of their own; the client trusts both.
	fs, ls := apitest.Start(t, follower, apitest.Options{NoClientAuth: true}), apitest.Start(t, leader, apitest.Options{NoClientAuth: true})
	follower.Fail(func(string) error {
		return client.NewProblem(client.CodeNotLeader, "").WithLeader(client.NodeRef{ID: 2, API: ls.Address})
	})
	pool := fs.Pool()
	pool.AddCert(ls.Authority())
	c := newClient(t, &tls.Config{RootCAs: pool}, fs.Address)
	for range 3 {
		if _, err := c.Command(t.Context(), "counter", []byte("incr")); err != nil {
			t.Fatal(err)
		}
	}
	if leader.State("counter") != "3" || follower.Seen("Command") != 1 {
		t.Errorf("the leader counts %s, the follower was asked %d times", leader.State("counter"), follower.Seen("Command"))
	}
}

func TestTLSProblems(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{})
	for name, test := range map[string]struct {
		conf *tls.Config
		code client.Code
	}{
		"wrong authority":        {&tls.Config{}, client.CodeTLS},
		"no certificate":         {s.AnonymousTLS(), client.CodeNoCertificate},
		"a stranger's":           {s.StrangerTLS(t), client.CodeNoCertificate},
		"name not in the server": {&tls.Config{RootCAs: s.Pool(), ServerName: "elsewhere.example"}, client.CodeTLS},
	} {
		_, err := newClient(t, test.conf, s.Address).Command(t.Context(), "counter", []byte("incr"))
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != test.code || p.Outcome != client.NotApplied {
			t.Errorf("%s: want %s, got %v", name, test.code, err)
		}
	}
	if b.State("counter") != "" {
		t.Errorf("the counter says %s", b.State("counter"))
	}
}

func TestStrangeServer(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	c := newClient(t, s.Client().Transport.(*http.Transport).TLSClientConfig, s.URL)
	_, err := c.Command(t.Context(), "counter", nil)
	wantCode(t, err, client.CodeBadAnswer, client.Unknown)
	_, err = c.Cluster(t.Context())
	wantCode(t, err, client.CodeBadAnswer, client.NotApplied)
}

func TestSilentServerLeavesACommandInDoubtAndAQueryNot(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	b := apitest.New(func(*string, []byte) ([]byte, error) {
		arrived <- struct{}{}
		<-release
		return nil, nil
	})
	b.AddMachine("slow")
	c := apitest.Start(t, b, apitest.Options{}).Client(t)
	defer close(release)

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := c.Command(ctx, "slow", nil)
		failed <- err
	}()
	<-arrived
	cancel()
	err := <-failed
	wantCode(t, err, client.CodeConnectionLost, client.Unknown)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is %v", err)
	}

	// The fake's lock is still held by the command, so the query stays silent too.
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Query(ctx, "slow", client.Query{})
	if errors.Is(err, client.ErrUnknownOutcome) || err == nil {
		t.Errorf("got %v", err)
	}
}

func TestTooLargeUploadIsRefusedUnread(t *testing.T) {
	b := apitest.New(nil)
	c := apitest.Start(t, b, apitest.Options{ModuleBytesMax: 1 << 10}).Client(t)
	var read atomic.Int64
	open := func() (io.ReadCloser, error) {
		return io.NopCloser(io.TeeReader(bytes.NewReader(make([]byte, 64<<20)), countWriter{&read})), nil
	}
	_, _, err := c.PutModule(t.Context(), client.DigestOf(nil), 64<<20, open)
	wantCode(t, err, client.CodeModuleTooLarge, client.NotApplied)
	// Why any: after a second without a word the client begins to send; a window is a MiB.
	if read.Load() > 8<<20 {
		t.Errorf("%d bytes were read for nothing", read.Load())
	}
}

type countWriter struct{ n *atomic.Int64 }

func (w countWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return len(p), nil
}

func TestUploadDeployAndLook(t *testing.T) {
	_, c := start(t)
	module := []byte("\x00asm\x01\x00\x00\x00")
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(module)), nil }
	info, created, err := c.PutModule(t.Context(), client.DigestOf(module), int64(len(module)), open)
	if err != nil || !created || info.Bytes != 8 {
		t.Fatalf("%+v, %v, %v", info, created, err)
	}
	for _, want := range []bool{true, false} {
		m, created, err := c.Deploy(t.Context(), "kv", client.DeploySpec{Module: info.Digest})
		if err != nil || created != want || m.Module != info.Digest {
			t.Fatalf("%+v, %v, %v", m, created, err)
		}
	}
	_, _, err = c.Deploy(t.Context(), "counter", client.DeploySpec{Module: info.Digest})
	wantCode(t, err, client.CodeMachineExists, client.NotApplied)
	m, err := c.Machine(t.Context(), "kv", true)
	if err != nil || m.ExportDigest == "" {
		t.Errorf("%+v, %v", m, err)
	}
	list, err := c.Machines(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	q, err := c.Query(t.Context(), "counter", client.Query{Data: []byte("get"), Consistency: client.Stale, MinIndex: 1, Wait: time.Second})
	if err != nil || q.AppliedIndex == 0 || q.Staleness != 0 {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestFeatureLevelIsRaised(t *testing.T) {
	b, c := start(t)
	failTimes(b, 1, "RaiseFeatureLevel", client.CodeNoLeader)
	if err := c.RaiseFeatureLevel(t.Context(), 1); err != nil || b.Seen("RaiseFeatureLevel") != 2 {
		t.Errorf("%v, seen %d", err, b.Seen("RaiseFeatureLevel"))
	}
	wantCode(t, c.RaiseFeatureLevel(t.Context(), 9), client.CodeFeatureLevel, client.NotApplied)
}

func TestBadInputIsRefusedBeforeItIsSent(t *testing.T) {
	b, c := start(t)
	_, err := c.Command(t.Context(), "a/b", nil)
	wantCode(t, err, client.CodeBadName, client.NotApplied)
	_, err = c.Query(t.Context(), "", client.Query{})
	wantCode(t, err, client.CodeBadName, client.NotApplied)
	_, err = c.Register(t.Context(), "A")
	wantCode(t, err, client.CodeBadName, client.NotApplied)
	_, err = c.Machine(t.Context(), "..", false)
	wantCode(t, err, client.CodeBadName, client.NotApplied)
	_, _, err = c.PutModule(t.Context(), "md5:1", 0, nil)
	wantCode(t, err, client.CodeBadRequest, client.NotApplied)
	if b.Seen("Command")+b.Seen("Query")+b.Seen("OpenSession")+b.Seen("PutModule") != 0 {
		t.Error("something was sent")
	}
}

func TestPatientCallersAreWelcome(t *testing.T) {
	_, c := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	if _, err := c.Command(ctx, "counter", []byte("incr")); err != nil {
		t.Errorf("a deadline beyond the server's longest: %v", err)
	}
}

func TestConfigProblemsAreJoined(t *testing.T) {
	_, err := client.New(client.Config{Endpoints: []string{"http://x:1", "y"}, Timeout: -1})
	for _, part := range []string{"http://x:1", `"y"`, "negative"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is missing in %v", part, err)
		}
	}
	if _, err := client.New(client.Config{}); err == nil {
		t.Error("no endpoints were taken")
	}
}

func BenchmarkCommand(b *testing.B) {
	backend := apitest.New(nil)
	backend.AddMachine("counter")
	c := apitest.Start(b, backend, apitest.Options{}).Client(b)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Command(context.Background(), "counter", []byte("incr")); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// TestTokensAreShown over HTTP, in the place of a certificate.
func TestTokensAreShown(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{Native: true})
	token := b.AddToken(pki.RoleWriter, time.Time{})
	c, err := client.New(client.Config{Endpoints: []string{s.Address}, TLS: s.AnonymousTLS(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Command(t.Context(), "counter", []byte("incr")); err != nil {
			t.Fatal(err)
		}
	}
	var p *client.Problem
	if _, err := c.CreateToken(t.Context(), client.TokenSpec{Role: pki.RoleReader}); !errors.As(err, &p) || p.Code != client.CodeNotAllowed {
		t.Errorf("a writer makes a token: %v", err)
	}
	if _, err := client.New(client.Config{Endpoints: []string{s.Address}, Token: "a\nb"}); err == nil {
		t.Error("a token of two lines is taken")
	}
}
