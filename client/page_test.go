package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

func TestPagesOfANode(t *testing.T) {
	b := apitest.New(nil)
	s := apitest.Start(t, b, apitest.Options{})
	c, err := client.New(client.Config{Endpoints: []string{s.Address}, TLS: s.ClientTLS(t), AttemptsMax: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Machines(t.Context()); err != nil { // and so there is something to count
		t.Fatal(err)
	}
	page, err := c.Page(t.Context(), "/metrics", "")
	if err != nil || page.Status != 200 || !strings.Contains(string(page.Body), "wraft_api_requests_total") {
		t.Fatalf("%d, %v\n%s", page.Status, err, page.Body)
	}
	if apart := time.Since(page.Time); apart < -time.Second || apart > time.Minute {
		t.Errorf("the node says that it is %v", page.Time)
	}
	b.SetChecks(client.Check{Name: "disk", Detail: "full"})
	page, err = c.Page(t.Context(), "/readyz", "verbose")
	if err != nil || page.Status != 503 || string(page.Body) != "FAILED disk: full\n" {
		t.Errorf("%d, %v, %s", page.Status, err, page.Body)
	}
	for path, code := range map[string]client.Code{"/readyz": client.CodeNotReady, "/nothing": client.CodeUnknownPath} {
		var p *client.Problem
		if _, err := c.Page(t.Context(), path, ""); !errors.As(err, &p) || p.Code != code || p.Outcome != client.NotApplied {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTheLastAnswerSaysMoreThanTheEndOfTime: a call that is cut off while it is repeated fails
// with what a node said before.
func TestTheLastAnswerSaysMoreThanTheEndOfTime(t *testing.T) {
	var mu sync.Mutex
	requests := map[string]int{} // by query, which names the try: one that was given up may arrive in the next
	over := make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests[r.URL.RawQuery]++
		again := requests[r.URL.RawQuery] > 1
		mu.Unlock()
		if again {
			<-over // Why not until the client has gone: an answer may reach it even then
			return
		}
		w.Header().Set("Content-Type", client.ProblemMediaType)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"code":%q,"detail":"disk: full","retryable":true,"outcome":"not-applied"}`, client.CodeNotReady)
	}))
	defer s.Close()
	defer close(over)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := newClient(t, &tls.Config{RootCAs: pool}, s.URL)
	for d := 300 * time.Millisecond; ; d *= 2 { // Why again: a busy machine may not come to the second request
		ctx, cancel := context.WithTimeout(t.Context(), d)
		_, err := c.Page(ctx, "/readyz", d.String())
		cancel()
		mu.Lock()
		again := requests[d.String()] > 1
		mu.Unlock()
		if !again {
			continue
		}
		if wantCode(t, err, client.CodeNotReady, client.NotApplied); !strings.Contains(err.Error(), "disk: full") {
			t.Error(err)
		}
		return
	}
}
