package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// TestAWaitIsNoAttempt: a query may wait for its index longer than an attempt may take.
func TestAWaitIsNoAttempt(t *testing.T) {
	const attempt = 50 * time.Millisecond
	var requests atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // Why: behind it the end of the request is seen
		select {
		case <-time.After(4 * attempt):
			_, _ = w.Write([]byte("answer"))
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c, err := client.New(client.Config{Endpoints: []string{s.URL}, TLS: &tls.Config{RootCAs: pool}, Protocol: client.ProtocolHTTP, AttemptTimeout: attempt})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := c.Query(t.Context(), "m", client.Query{Consistency: client.Stale, MinIndex: 7, Wait: time.Minute})
	if err != nil || string(r.Data) != "answer" || requests.Load() != 1 {
		t.Errorf("%q, %v, after %d requests", r.Data, err, requests.Load())
	}
}
