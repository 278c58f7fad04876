package e2e

import (
	"context"
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
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/readyz/nothing": 404, "/metrics": 200, "/": 404} {
		status, by, _ := probe(t, ctx, c.Nodes[1], hc, path)
		for ; status != want && path == "/readyz" && ctx.Err() == nil; status, by, _ = probe(t, ctx, c.Nodes[1], hc, path) {
			<-time.After(20 * time.Millisecond) // Why again: on a busy machine there may be no leader for a moment
		}
		if status != want || by != "2" {
			t.Errorf("%s: status %d, want %d; served by %q", path, status, want, by)
		}
	}
	var problems []string
	for deadline := time.Now().Add(time.Minute); ; <-time.After(100 * time.Millisecond) {
		_, _, scrape := probe(t, ctx, c.Nodes[1], hc, "/metrics")
		problems = append(metricsAreDocumented(t, scrape), expressionsHold(t, observe(t, ctx, c))...)
		// Why again: a scrape shows what it can get in time.
		if len(problems) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// probe asks a node, and returns the status, who answered, and the answer.
func probe(t *testing.T, ctx context.Context, n *cluster.Node, hc *http.Client, path string) (status int, by, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get(client.HeaderServedBy), string(text)
}

// metricsAreDocumented holds a scrape against the page for operators, both ways.
func metricsAreDocumented(t *testing.T, scrape string) (problems []string) {
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
			problems = append(problems, "docs/OPERATIONS.md does not name the metric "+m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(wraft_\\w+)`").FindAllStringSubmatch(string(page), -1) {
		// Followers are known to whoever leads them, and this node may lead none.
		if !names[m[1]] && !strings.HasPrefix(m[1], "wraft_raft_follower_") {
			problems = append(problems, "docs/OPERATIONS.md names "+m[1]+", which the node does not have")
		}
	}
	return problems
}
