package api_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// versions are the transports of HTTP/1.1, 2 and 3, by the version that answers must have.
var versions = map[string]func(*testing.T, *tls.Config) http.RoundTripper{
	"HTTP/1.1": func(t *testing.T, conf *tls.Config) http.RoundTripper {
		tr := &http.Transport{TLSClientConfig: conf}
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	},
	"HTTP/2.0": func(t *testing.T, conf *tls.Config) http.RoundTripper {
		tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	},
	"HTTP/3.0": func(t *testing.T, conf *tls.Config) http.RoundTripper {
		tr := &http3.Transport{TLSClientConfig: conf}
		t.Cleanup(func() { tr.Close() })
		return tr
	},
}

// TestVersionsAnswerAlike sends the same requests over all three.
func TestVersionsAnswerAlike(t *testing.T) {
	for version, transport := range versions {
		t.Run(version, func(t *testing.T) {
			b, _, s := setup(t, apitest.Options{Native: true, CommandBytesMax: 64})
			b.Emit("counter", []byte("hello"))
			admin := &caller{http: &http.Client{Transport: transport(t, s.ClientTLS(t))}, base: "https://" + s.Address}
			nobody := &caller{http: &http.Client{Transport: transport(t, s.AnonymousTLS())}, base: "https://" + s.Address}
			ok := func(r reply, body string) {
				t.Helper()
				if r.status != 200 || r.body != body || r.header.Get(client.HeaderServedBy) != "1" || !strings.Contains(r.header.Get("Alt-Svc"), "h3=") {
					t.Errorf("got %+v", r)
				}
			}
			ok(admin.do(t, "POST", commands, strings.NewReader("add 41")), `{"value":41}`)
			ok(admin.do(t, "POST", queries, strings.NewReader("get")), `{"value":41}`)
			ok(admin.do(t, "HEAD", "/v1/machines", nil), "")
			ok(admin.do(t, "GET", eventsPath+"?follow=false", nil), "id: 0-0\n\nid: 3-0\ndata: hello\n\n")
			checkProblem(t, admin.do(t, "POST", commands+"?forwrad=false", nil), 400, client.CodeUnknownParameter, "takes forward")
			checkProblem(t, admin.do(t, "POST", commands, strings.NewReader(strings.Repeat("x", 100))), 413, client.CodeCommandTooLarge, "64 bytes")
			checkProblem(t, admin.do(t, "DELETE", commands, nil), 405, client.CodeMethodNotAllowed, "POST")
			checkProblem(t, nobody.do(t, "POST", commands, strings.NewReader("incr")), 403, client.CodeNoCertificate, "")
			if b.State("counter") != "41" {
				t.Errorf("the state is %s", b.State("counter"))
			}
			s.Revoke(t)
			checkProblem(t, admin.do(t, "POST", commands, strings.NewReader("incr")), 403, client.CodeNoCertificate, "")
		})
	}
}

// TestVersionsStreamEvents as they come, and end streams when the node stops.
func TestVersionsStreamEvents(t *testing.T) {
	for version, transport := range versions {
		t.Run(version, func(t *testing.T) {
			b, _, s := setup(t, apitest.Options{Native: true})
			hc := &http.Client{Transport: transport(t, s.ClientTLS(t))}
			req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Address+eventsPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := hc.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.Proto != version {
				t.Errorf("answered over %s", res.Proto)
			}
			in := lines{t, bufio.NewReader(res.Body)}
			in.want("id: 0-0")
			b.Emit("counter", []byte("a"))
			in.want("id: 3-0\ndata: a")
			ended := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), shutdownDeadline)
			defer cancel()
			go func() { ended <- errors.Join(s.API.Shutdown(ctx), s.Native.Shutdown(ctx)) }()
			// Why before the end: what a QUIC connection has not handed on when it closes is lost.
			if line, err := in.in.ReadString('\n'); line != "event: problem\n" {
				t.Errorf("%q, %v", line, err)
			}
			res.Body.Close()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
