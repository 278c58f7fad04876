package replicas

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

func TestAgreeAndLevel(t *testing.T) {
	good := func() []Replica {
		return []Replica{{"a:1", 9, "sha256:aa"}, {"b:1", 9, "sha256:aa"}, {"c:1", 9, "sha256:aa"}}
	}
	if err := agree(good()); err != nil || !level(good()) {
		t.Fatal(err)
	}
	for says, change := range map[string]func([]Replica){
		"b:1 exports":    func(h []Replica) { h[1].Digest = "sha256:bb" },
		`a:1 exports ""`: func(h []Replica) { h[0].Digest, h[1].Digest, h[2].Digest = "", "", "" },
	} {
		h := good()
		change(h)
		if err := agree(h); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	uneven := good()
	uneven[1].Applied = 8
	if level(uneven) {
		t.Error("replicas at different indexes are called level")
	}
}

// TestCompareWaitsForAll: a node that is behind at first is waited for, and one that
// never comes is named.
func TestCompareWaitsForAll(t *testing.T) {
	pool := x509.NewCertPool()
	node := func(applied func() uint64) string {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"name":"m","export_digest":"%s","export_index":%d}`, client.DigestOf([]byte("state")), applied())
		}))
		t.Cleanup(server.Close)
		pool.AddCert(server.Certificate())
		return server.URL
	}
	var late atomic.Uint64
	whole := node(func() uint64 { return 3 })
	catchesUp := node(func() uint64 { return min(3, late.Add(1)) })
	behind := node(func() uint64 { return 2 })
	conf := &tls.Config{RootCAs: pool}
	held, err := Compare(t.Context(), []string{whole, catchesUp}, conf, "m")
	if err != nil || len(held) != 2 || held[1].Applied != 3 || late.Load() < 3 {
		t.Fatalf("%+v, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Compare(ctx, []string{whole, behind}, conf, "m"); err == nil || !strings.Contains(err.Error(), "don't come level") {
		t.Fatalf("a node behind: %v", err)
	}
}
