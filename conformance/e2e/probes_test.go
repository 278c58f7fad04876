package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// TestProbes keeps the probes honest: alive and ready are 200, and what is not
// there is 404. Every metric of a node stands in docs/OPERATIONS.md, and those that the
// dashboard and the alerts in deploy name are there.
func TestProbes(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	c := startCluster(t, ctx, "probes")
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS(), ForceAttemptHTTP2: true}}
	defer hc.CloseIdleConnections()
	bodies := map[string]string{}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/readyz/nothing": 404, "/metrics": 200, "/": 404} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Nodes[1].URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := hc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		bodies[path] = string(body)
		if resp.StatusCode != want || resp.Header.Get(client.HeaderServedBy) != "2" {
			t.Errorf("%s: status %d, want %d; served by %q", path, resp.StatusCode, want, resp.Header.Get(client.HeaderServedBy))
		}
	}
	metricsAreDocumented(t, bodies["/metrics"])
	expressionsHold(t, observe(t, ctx, c))
}

// metricsAreDocumented holds a scrape against the page for operators, both ways.
func metricsAreDocumented(t *testing.T, scrape string) {
	t.Helper()
	root, err := cluster.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "OPERATIONS.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (wraft_\w+)`).FindAllStringSubmatch(scrape, -1) {
		names[m[1]] = true
		if !strings.Contains(string(page), "`"+m[1]+"`") {
			t.Errorf("docs/OPERATIONS.md does not name the metric %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(wraft_\\w+)`").FindAllStringSubmatch(string(page), -1) {
		// Followers are known to whoever leads them, and this node may lead none.
		if !names[m[1]] && !strings.HasPrefix(m[1], "wraft_raft_follower_") {
			t.Errorf("docs/OPERATIONS.md names %s, which the node does not have", m[1])
		}
	}
}
