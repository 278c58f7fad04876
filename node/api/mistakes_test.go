package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

const (
	commands = "/v1/machines/counter/commands"
	queries  = "/v1/machines/counter/queries"
	batches  = "/v1/machines/counter/batch"
	someHash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)

// mistake is a request that must be refused before it reaches the backend.
type mistake struct {
	method, path, body string
	headers            []string
	status             int
	code               client.Code
	detail             string // part of the words
}

var mistakes = []mistake{
	{method: "POST", path: commands + "?forwrad=false", status: 400, code: client.CodeUnknownParameter, detail: "takes forward"},
	{method: "POST", path: commands + "?forward=true&forward=false", status: 400, code: client.CodeUnknownParameter, detail: "2 times"},
	{method: "POST", path: commands + "?forward=yes", status: 400, code: client.CodeBadRequest, detail: "true or false"},
	{method: "POST", path: commands + "?forward=%zz", status: 400, code: client.CodeBadRequest, detail: "cannot be read"},
	{method: "GET", path: "/v1/machines?x", status: 400, code: client.CodeUnknownParameter, detail: "takes deleted"},
	{method: "POST", path: commands, headers: []string{"Wraft-Timeout: soon"}, status: 400, code: client.CodeBadRequest, detail: "such as 5s"},
	{method: "POST", path: commands, headers: []string{"Wraft-Timeout: -1s"}, status: 400, code: client.CodeBadRequest, detail: "above 0"},
	{method: "POST", path: commands, headers: []string{"Wraft-Timeout: 1h"}, status: 400, code: client.CodeBadRequest, detail: "up to 5m"},
	{method: "POST", path: commands, headers: []string{"Wraft-Session: 7"}, status: 400, code: client.CodeBadRequest, detail: "together"},
	{method: "POST", path: commands, headers: []string{"Wraft-Sequence: 7"}, status: 400, code: client.CodeBadRequest, detail: "together"},
	{method: "POST", path: commands, headers: []string{"Wraft-Session: x", "Wraft-Sequence: 1"}, status: 400, code: client.CodeBadRequest, detail: "decimal"},
	{method: "POST", path: commands, headers: []string{"Wraft-Session: 7", "Wraft-Sequence: 0"}, status: 400, code: client.CodeBadRequest, detail: "above 0"},
	{method: "POST", path: commands, headers: []string{"Wraft-Session: 7", "Wraft-Sequence: 2", "Wraft-Acknowledged-Below: 3"},
		status: 400, code: client.CodeBadRequest, detail: "still waited for"},
	{method: "POST", path: commands, headers: []string{"Wraft-Session: 7", "Wraft-Sequence: 2", "Idempotency-Key: k"}, status: 400, code: client.CodeBadRequest, detail: "two ways"},
	{method: "POST", path: commands, headers: []string{"Idempotency-Key: "}, status: 400, code: client.CodeBadRequest, detail: "0 bytes"},
	{method: "POST", path: commands, headers: []string{"Idempotency-Key: a b"}, status: 400, code: client.CodeBadRequest, detail: "0x20"},
	{method: "POST", path: commands, headers: []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, status: 400, code: client.CodeBadRequest, detail: "256 bytes"},
	{method: "POST", path: batches, body: `{"commands":[]}`, status: 400, code: client.CodeBadRequest, detail: "use 1 to 1024"},
	{method: "POST", path: batches, body: `{"commands":[{"data":"?"}]}`, status: 400, code: client.CodeBadRequest, detail: "the JSON of a batch"},
	{method: "POST", path: batches, body: `{"commands":[{"date":""}]}`, status: 400, code: client.CodeBadRequest, detail: "date"},
	{method: "POST", path: batches, body: `{"commands":[{"data":"MTIzNDU2Nzg5"}]}`, status: 413, code: client.CodeCommandTooLarge, detail: "limit of 8 bytes"},
	{method: "POST", path: batches, body: `{"commands":[{"data":"","key":" "}]}`, status: 400, code: client.CodeBadRequest, detail: "0x20"},
	{method: "POST", path: batches, body: `{}`, headers: []string{"Idempotency-Key: k"}, status: 400, code: client.CodeBadRequest, detail: "keys of their own"},
	{method: "POST", path: commands, body: "123456789", status: 413, code: client.CodeCommandTooLarge, detail: "limit of 8 bytes"},
	{method: "POST", path: queries, body: "123456789", status: 413, code: client.CodeCommandTooLarge, detail: "limit of 8 bytes"},
	{method: "POST", path: commands, headers: []string{"Content-Encoding: gzip"}, status: 415, code: client.CodeMediaType, detail: "gzip"},
	{method: "POST", path: "/v1/machines/counter/sessions", body: "x", status: 413, code: client.CodeCommandTooLarge, detail: "0 bytes"},
	{method: "POST", path: "/v1/machines/Counter/commands", status: 400, code: client.CodeBadName, detail: "lower-case"},
	{method: "POST", path: "/v1/machines/a%2Fb/commands", status: 400, code: client.CodeBadName, detail: "contains '/'"},
	{method: "POST", path: queries + "?consistency=strong", status: 400, code: client.CodeBadRequest, detail: "linearizable, lease or stale"},
	{method: "POST", path: queries + "?max-staleness=1s", status: 400, code: client.CodeBadRequest, detail: "is of consistency=stale"},
	{method: "POST", path: queries + "?consistency=stale&max-staleness=0", status: 400, code: client.CodeBadRequest, detail: "of no age"},
	{method: "POST", path: queries + "?consistency=stale&max-staleness=1h", status: 400, code: client.CodeBadRequest, detail: "from 0 to 5m"},
	{method: "POST", path: queries + "?min-index=-1", status: 400, code: client.CodeBadRequest, detail: "whole number"},
	{method: "POST", path: queries + "?min-index=1&wait=1h", status: 400, code: client.CodeBadRequest, detail: "from 0 to 5m"},
	{method: "POST", path: queries + "?wait=1s", status: 400, code: client.CodeBadRequest, detail: "which are missing"},
	{method: "PUT", path: "/v1/machines/kv", body: `not json`, status: 400, code: client.CodeBadRequest, detail: "not the JSON"},
	{method: "PUT", path: "/v1/machines/kv", body: `{"modul":"x"}`, status: 400, code: client.CodeBadRequest, detail: "modul"},
	{method: "PUT", path: "/v1/machines/kv", body: `{"module":"` + someHash + `"} more`, status: 400, code: client.CodeBadRequest, detail: "goes on"},
	{method: "PUT", path: "/v1/machines/kv", body: `{}`, status: 400, code: client.CodeBadRequest, detail: "must begin"},
	{method: "PUT", path: "/v1/machines/-", body: `{}`, status: 400, code: client.CodeBadName},
	{method: "PUT", path: "/v1/machines/kv", body: `{}`, headers: []string{"Content-Type: text/plain"}, status: 415, code: client.CodeMediaType},
	{method: "PUT", path: "/v1/cluster/feature-level", body: `{"levle":1}`, status: 400, code: client.CodeBadRequest, detail: "the JSON of a feature level"},
	{method: "PUT", path: "/v1/cluster/feature-level", body: `{"level":-1}`, status: 400, code: client.CodeBadRequest, detail: "the JSON of a feature level"},
	{method: "PUT", path: "/v1/cluster/feature-level", body: `{"level":1} 2`, status: 400, code: client.CodeBadRequest, detail: "goes on after the JSON of a feature level"},
	{method: "GET", path: "/v1/cluster/feature-level", status: 405, code: client.CodeMethodNotAllowed, detail: "allowed: PUT"},
	{method: "PUT", path: "/v1/modules/md5:12", status: 400, code: client.CodeBadRequest, detail: "must begin"},
	{method: "PUT", path: "/v1/modules/" + someHash, body: strings.Repeat("x", 65), status: 413, code: client.CodeModuleTooLarge, detail: "limit of 64 bytes"},
	{method: "GET", path: "/v1/machines/counter?export=1", status: 400, code: client.CodeBadRequest, detail: "true or false"},
	{method: "GET", path: "/v2/machines", status: 404, code: client.CodeUnknownPath, detail: "/v2/machines"},
	{method: "GET", path: "/v1/machines/", status: 404, code: client.CodeUnknownPath},
	{method: "POST", path: "//v1/machines/counter/commands", status: 404, code: client.CodeUnknownPath},
	{method: "POST", path: "/v1/./cluster", status: 404, code: client.CodeUnknownPath},
	{method: "GET", path: commands, status: 405, code: client.CodeMethodNotAllowed, detail: "allowed: POST"},
	{method: "GET", path: "/readyz/nothing", status: 404, code: client.CodeUnknownCheck, detail: "nothing"},
}

func TestMistakesNeverReachTheBackend(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{CommandBytesMax: 8, ModuleBytesMax: 64})
	for _, m := range mistakes {
		t.Run(m.method+" "+m.path+" "+strings.Join(m.headers, " "), func(t *testing.T) {
			r := c.do(t, m.method, m.path, strings.NewReader(m.body), m.headers...)
			checkProblem(t, r, m.status, m.code, m.detail)
		})
	}
	for _, operation := range []string{"Command", "Query", "OpenSession", "Machine", "Machines", "Deploy", "PutModule", "RaiseFeatureLevel"} {
		if n := b.Seen(operation); n != 0 {
			t.Errorf("%s reached the backend %d times", operation, n)
		}
	}
}

// checkProblem checks what holds of every problem besides its kind.
func checkProblem(t *testing.T, r reply, status int, code client.Code, detail string) {
	t.Helper()
	p := r.problem
	if r.status != status || p.Status != status || p.Code != code || !strings.Contains(p.Detail, detail) {
		t.Fatalf("want %d %s %q, got %+v", status, code, detail, r)
	}
	kind, _ := client.Lookup(code)
	if p.Title != kind.Title || p.Type != kind.TypeURI() || p.Hint == "" || p.Outcome == "" || r.header.Get(client.HeaderServedBy) != "1" {
		t.Errorf("incomplete: %+v", r)
	}
	if (status == 405) != (r.header.Get("Allow") != "") {
		t.Errorf("Allow is %q", r.header.Get("Allow"))
	}
}

// chunked hides its length, so that the limit is met while reading.
type chunked struct{ io.Reader }

func TestLimitsHoldForBodiesOfUnknownLength(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{CommandBytesMax: 8, ModuleBytesMax: 64})
	r := c.do(t, "POST", commands, chunked{strings.NewReader("123456789")})
	checkProblem(t, r, 413, client.CodeCommandTooLarge, "limit of 8 bytes")
	r = c.do(t, "PUT", "/v1/modules/"+someHash, chunked{strings.NewReader(strings.Repeat("x", 65))})
	checkProblem(t, r, 413, client.CodeModuleTooLarge, "limit of 64 bytes")
	if r := c.do(t, "POST", commands, chunked{strings.NewReader("add 1234")}); r.status != 200 {
		t.Errorf("at the limit: %+v", r)
	}
}

func TestBackendProblemsArriveWhole(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	for _, kind := range client.Kinds() {
		if kind.Status == 0 || kind.Code == client.CodeInternal {
			continue
		}
		b.Fail(func(string) error { return client.NewProblem(kind.Code, "because").WithIndex(17) })
		r := c.do(t, "POST", commands, strings.NewReader("incr"))
		if kind.Code == client.CodeMethodNotAllowed {
			continue // Allow is the router's, which did not refuse.
		}
		checkProblem(t, r, kind.Status, kind.Code, "because")
		if r.header.Get(client.HeaderIndex) != "17" || r.problem.Index != 17 || r.problem.Retryable != kind.Retryable {
			t.Errorf("%s: %+v", kind.Code, r)
		}
		if want := kind.Status == http.StatusTooManyRequests; (r.header.Get("Retry-After") != "") != want {
			t.Errorf("%s: Retry-After is %q", kind.Code, r.header.Get("Retry-After"))
		}
	}
}

func TestOtherErrors(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	for _, test := range []struct {
		err    error
		path   string
		status int
		code   client.Code
	}{
		{errors.New("wires crossed"), commands, 500, client.CodeInternal},
		{context.DeadlineExceeded, commands, 504, client.CodeTimeoutUnknown},
		{context.DeadlineExceeded, queries, 503, client.CodeTimeout},
		{errors.New("wires crossed"), queries, 500, client.CodeInternal},
	} {
		b.Fail(func(string) error { return test.err })
		r := c.do(t, "POST", test.path, strings.NewReader("get"))
		checkProblem(t, r, test.status, test.code, test.err.Error())
		if doubt := r.problem.Outcome == client.Unknown; doubt != (test.path == commands) {
			t.Errorf("%s: the outcome of %v is %s", test.path, test.err, r.problem.Outcome)
		}
	}
}

func TestModuleProblems(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	text := []byte("this is a text file")
	r := c.do(t, "PUT", "/v1/modules/"+string(client.DigestOf(text)), bytes.NewReader(text))
	checkProblem(t, r, 422, client.CodeModuleRefused, "no WebAssembly module")
	r = c.do(t, "PUT", "/v1/modules/"+someHash, bytes.NewReader(text))
	checkProblem(t, r, 422, client.CodeDigestMismatch, string(client.DigestOf(text)))
	r = c.do(t, "PUT", "/v1/machines/kv", strings.NewReader(`{"module":"`+someHash+`"}`))
	checkProblem(t, r, 404, client.CodeUnknownModule, someHash)
}

func TestClientCertificateIsRequired(t *testing.T) {
	b, _, s := setup(t, apitest.Options{})
	c := newCaller(t, s, s.AnonymousTLS())
	for _, path := range []string{"/v1/cluster", "/metrics", commands} {
		checkProblem(t, c.do(t, "GET", path, nil), 403, client.CodeNoCertificate, "certificate")
	}
	if n := b.Seen("ClusterInfo"); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
	stranger := newCaller(t, s, s.StrangerTLS(t))
	for range 2 { // the second answer is the verdict that was kept
		checkProblem(t, stranger.do(t, "GET", "/v1/cluster", nil), 403, client.CodeNoCertificate, "not accepted")
	}
	if r := stranger.do(t, "GET", "/livez", nil); r.status != 200 {
		t.Errorf("a probe: %+v", r)
	}
	if n := b.Seen("ClusterInfo"); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// TestARevokedClientIsRefusedAtOnce: the verdict on its certificate was kept for the
// connection, which stands.
func TestARevokedClientIsRefusedAtOnce(t *testing.T) {
	_, c, s := setup(t, apitest.Options{})
	if r := c.do(t, "GET", "/v1/cluster", nil); r.status != 200 {
		t.Fatalf("got %+v", r)
	}
	s.Revoke(t)
	for range 2 {
		checkProblem(t, c.do(t, "GET", "/v1/cluster", nil), 403, client.CodeNoCertificate, "revoked")
	}
}

func TestNoClientAuthServesAnyone(t *testing.T) {
	_, _, s := setup(t, apitest.Options{NoClientAuth: true})
	if r := newCaller(t, s, s.AnonymousTLS()).do(t, "GET", "/v1/cluster", nil); r.status != 200 {
		t.Errorf("got %+v", r)
	}
}
