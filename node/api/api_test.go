package api_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/apitest"
)

// reply is an answer read to its end.
type reply struct {
	status  int
	header  http.Header
	body    string
	problem client.Problem
}

// caller speaks plain HTTP to a server, as curl does.
type caller struct {
	http  *http.Client
	base  string
	token string // shown where it is not ""
}

func newCaller(t *testing.T, s *apitest.Server, conf *tls.Config) *caller {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &caller{http: &http.Client{Transport: tr, CheckRedirect: noRedirect}, base: "https://" + s.Address}
}

// do sends a request; headers are "Name: value".
func (c *caller) do(t *testing.T, method, path string, body io.Reader, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, body: string(data)}
	if res.Header.Get("Content-Type") == client.ProblemMediaType {
		if err := json.Unmarshal(data, &r.problem); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	}
	return r
}

// setup is a fake with machine "counter" and an admin's caller.
func setup(t *testing.T, o apitest.Options) (*apitest.Backend, *caller, *apitest.Server) {
	t.Helper()
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, o)
	return b, newCaller(t, s, s.ClientTLS(t)), s
}

func TestCommand(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	r := c.do(t, "POST", "/v1/machines/counter/commands", strings.NewReader("add 41"))
	if r.status != 200 || r.body != `{"value":41}` {
		t.Fatalf("got %+v", r)
	}
	for name, want := range map[string]string{
		client.HeaderServedBy: "1", client.HeaderIndex: "3", client.HeaderTerm: "1", client.HeaderReplayed: "",
		"Content-Type": "application/octet-stream", "Cache-Control": "no-store",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if last := b.LastCommand(); !last.Forward || last.Session != 0 {
		t.Errorf("the backend saw %+v", last)
	}
	c.do(t, "POST", "/v1/machines/counter/commands?forward=false", strings.NewReader("incr"))
	if b.LastCommand().Forward {
		t.Error("forward=false did not reach the backend")
	}
}

func TestCommandInSessionIsReplayed(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	r := c.do(t, "POST", "/v1/machines/counter/sessions", nil)
	var opened struct {
		Session string `json:"session"`
	}
	if err := json.Unmarshal([]byte(r.body), &opened); err != nil || r.status != 201 || opened.Session == "" {
		t.Fatalf("got %+v, %v", r, err)
	}
	headers := []string{"Wraft-Session: " + opened.Session, "Wraft-Sequence: 1", "Wraft-Acknowledged-Below: 1"}
	first := c.do(t, "POST", "/v1/machines/counter/commands", strings.NewReader("incr"), headers...)
	again := c.do(t, "POST", "/v1/machines/counter/commands", strings.NewReader("incr"), headers...)
	if first.body != `{"value":1}` || again.body != first.body || b.State("counter") != "1" {
		t.Fatalf("answers %q, %q, state %s", first.body, again.body, b.State("counter"))
	}
	if first.header.Get(client.HeaderReplayed) != "" || again.header.Get(client.HeaderReplayed) != "true" {
		t.Errorf("replayed: %q, %q", first.header.Get(client.HeaderReplayed), again.header.Get(client.HeaderReplayed))
	}
}

func TestCommandUnderAKeyIsReplayed(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	first := c.do(t, "POST", commands, strings.NewReader("incr"), "Idempotency-Key: order-17")
	again := c.do(t, "POST", commands, strings.NewReader("incr"), "Idempotency-Key: order-17")
	if first.body != `{"value":1}` || first.header.Get(client.HeaderReplayed) != "" || again.body != first.body ||
		again.header.Get(client.HeaderReplayed) != "true" || again.header.Get(client.HeaderIndex) != first.header.Get(client.HeaderIndex) {
		t.Errorf("answers %+v, %+v", first, again)
	}
	checkProblem(t, c.do(t, "POST", commands, strings.NewReader("add 2"), "Idempotency-Key: order-17"), 422, client.CodeKeyReused, "another command")
	if b.State("counter") != "1" || b.LastCommand().Key != "order-17" {
		t.Errorf("the state is %s, the last command %+v", b.State("counter"), b.LastCommand())
	}
}

func TestAFullNodeSaysWhenToComeBack(t *testing.T) {
	b, c, s := setup(t, apitest.Options{})
	api.Fill(s.API)
	for _, path := range []string{commands, queries, "/v1/machines/counter/sessions"} {
		r := c.do(t, "POST", path, strings.NewReader("incr"))
		checkProblem(t, r, 429, client.CodeBackpressure, "under way")
		if r.header.Get("Retry-After") != "1" {
			t.Errorf("%s: Retry-After is %q", path, r.header.Get("Retry-After"))
		}
	}
	if r := c.do(t, "GET", "/v1/machines", nil); r.status != 200 || b.Seen("Command") != 0 {
		t.Errorf("got %+v; %d commands reached the backend", r, b.Seen("Command"))
	}
}

func TestReadsThatANodeCannotGive(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	checkProblem(t, c.do(t, "POST", queries+"?consistency=lease", nil), 409, client.CodeLeaseNotAllowed, "not allowed")
	r := c.do(t, "POST", queries+"?consistency=stale&max-staleness=1s", nil)
	checkProblem(t, r, 412, client.CodeTooStale, "may be 7s old")
	if r.header.Get(client.HeaderStaleness) != "7000" || !strings.Contains(r.body, `"staleness_ms":7000`) {
		t.Errorf("got %+v", r)
	}
}

func TestQuery(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	for _, query := range []string{"", "?consistency=linearizable", "?consistency=stale&min-index=1&wait=1s&forward=false"} {
		r := c.do(t, "POST", "/v1/machines/counter/queries"+query, strings.NewReader("get"))
		if r.status != 200 || r.body != `{"value":0}` || r.header.Get(client.HeaderAppliedIndex) != "2" || r.header.Get(client.HeaderStaleness) != "0" {
			t.Errorf("%s: got %+v", query, r)
		}
	}
}

func TestDeployAndShow(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	module := append([]byte("\x00asm\x01\x00\x00\x00"), "more"...)
	digest := client.DigestOf(module)
	for i, want := range []int{201, 200} {
		if r := c.do(t, "PUT", "/v1/modules/"+string(digest), bytes.NewReader(module)); r.status != want {
			t.Fatalf("upload %d: %+v", i, r)
		}
	}
	for i, want := range []int{201, 200} {
		r := c.do(t, "PUT", "/v1/machines/kv", strings.NewReader(`{"module":"`+string(digest)+`","limits":{"memory_bytes":1048576}}`))
		if r.status != want {
			t.Fatalf("deploy %d: %+v", i, r)
		}
	}
	var info client.MachineInfo
	r := c.do(t, "GET", "/v1/machines/kv?export=true", nil)
	if err := json.Unmarshal([]byte(r.body), &info); err != nil || info.Module != digest || info.Limits.MemoryBytes != 1<<20 || info.ExportDigest == "" {
		t.Fatalf("got %s, %v", r.body, err)
	}
	if r := c.do(t, "GET", "/v1/machines", nil); strings.Count(r.body, `"name"`) != 2 {
		t.Errorf("list is %s", r.body)
	}
	var cluster client.ClusterInfo
	r = c.do(t, "GET", "/v1/cluster", nil)
	if err := json.Unmarshal([]byte(r.body), &cluster); err != nil || len(cluster.Groups) != 3 || cluster.ServedBy != 1 {
		t.Errorf("cluster is %s, %v", r.body, err)
	}
}

func TestFeatureLevelIsRaised(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	if r := c.do(t, "PUT", "/v1/cluster/feature-level", strings.NewReader(`{"level":1}`)); r.status != 200 || strings.TrimSpace(r.body) != `{"level":1}` {
		t.Errorf("raised: %+v", r)
	}
	r := c.do(t, "PUT", "/v1/cluster/feature-level", strings.NewReader(`{"level":2}`))
	checkProblem(t, r, 409, client.CodeFeatureLevel, "serves up to 1, 2 was asked for")
	if n := b.Seen("RaiseFeatureLevel"); n != 2 {
		t.Errorf("it reached the backend %d times", n)
	}
}

func TestEmptyListIsAnArray(t *testing.T) {
	s := apitest.Start(t, apitest.New(nil), apitest.Options{})
	if r := newCaller(t, s, s.ClientTLS(t)).do(t, "GET", "/v1/machines", nil); r.body != "{\"machines\":[]}\n" {
		t.Errorf("got %q", r.body)
	}
}

func TestProbesAndMetrics(t *testing.T) {
	b, admin, s := setup(t, apitest.Options{})
	c := newCaller(t, s, s.AnonymousTLS())
	for _, path := range []string{"/livez", "/readyz", "/readyz/disk"} {
		if r := c.do(t, "GET", path, nil); r.status != 200 || r.body != "ok\n" {
			t.Errorf("%s: %+v", path, r)
		}
	}
	b.SetChecks(client.Check{Name: "meta-leader", Detail: "no leader is known"}, client.Check{Name: "disk", OK: true, Detail: "writable"})
	if r := c.do(t, "GET", "/readyz", nil); r.status != 503 || r.problem.Code != client.CodeNotReady || r.problem.Detail != "meta-leader: no leader is known" {
		t.Errorf("got %+v", r)
	}
	if r := c.do(t, "GET", "/readyz?verbose", nil); r.status != 503 || r.body != "FAILED meta-leader: no leader is known\nok     disk: writable\n" {
		t.Errorf("got %+v", r)
	}
	if r := c.do(t, "GET", "/readyz/disk", nil); r.status != 200 {
		t.Errorf("got %+v", r)
	}
	if r := c.do(t, "HEAD", "/livez", nil); r.status != 200 || r.body != "" {
		t.Errorf("HEAD: got %+v", r)
	}
	if r := admin.do(t, "GET", "/metrics", nil); !strings.Contains(r.body, `wraft_api_requests_total{method="GET",route="/readyz",status="503"} 2`) {
		t.Errorf("metrics are:\n%s", r.body)
	}
}

func TestNotLeaderRedirectsWithoutLosingTheQuery(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	b.Fail(func(string) error {
		return client.NewProblem(client.CodeNotLeader, "node 2 leads").WithLeader(client.NodeRef{ID: 2, API: "10.0.0.2:7443"})
	})
	r := c.do(t, "POST", "/v1/machines/counter/commands?forward=false", strings.NewReader("incr"))
	if r.status != 307 || r.header.Get("Location") != "https://10.0.0.2:7443/v1/machines/counter/commands?forward=false" {
		t.Fatalf("got %+v", r)
	}
	if r.header.Get(client.HeaderLeader) != "10.0.0.2:7443" || r.problem.Leader.ID != 2 || r.problem.Status != 307 {
		t.Errorf("got %+v", r)
	}
	b.Fail(func(string) error {
		return client.NewProblem(client.CodeNotLeader, "node 2 leads").WithLeader(client.NodeRef{ID: 2})
	})
	if r := c.do(t, "POST", "/v1/machines/counter/commands?forward=false", strings.NewReader("incr")); r.status != 503 || r.problem.Leader.ID != 2 {
		t.Errorf("got %+v", r)
	}
}
