package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// TestNodesCompileInProcessesOfTheirOwn: every node has a worker fill its cache, and
// none compiles for itself.
func TestNodesCompileInProcessesOfTheirOwn(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	c := clusterFrom(t, ctx, cluster.Config{Name: "compile"}) // with nothing compiled
	startAll(t, ctx, c)
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	if r, err := session(t, ctx, newClient(t, c), "counter").Command(ctx, []byte("add 5")); err != nil {
		t.Fatalf("%q, %v", r.Data, err)
	}
	for _, n := range c.Nodes {
		receipts := filepath.Join(n.Dir, "data", "cache", "*.receipt")
		for found := []string(nil); len(found) == 0; <-time.After(20 * time.Millisecond) {
			if found, _ = filepath.Glob(receipts); ctx.Err() != nil {
				t.Fatalf("node %v: no %s", n.ID, receipts)
			}
		}
		if log := n.LogTail(1 << 20); strings.Contains(log, "compiled in this process") {
			t.Errorf("node %v compiled for itself", n.ID)
		}
	}
	// What only the worker notices is refused like anything else.
	bad := filepath.Join(t.TempDir(), "bad.wasm")
	if err := os.WriteFile(bad, illTyped(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.Wraftd(ctx, patience("deploy", bad, "--name", "bad")...); r.Code == 0 || !strings.Contains(r.Stderr, string(client.CodeModuleRefused)) || !strings.Contains(r.Stderr, "type check") {
		t.Errorf("exit code %d\n%s", r.Code, r.Stderr)
	}
}

// illTyped is the counter with the type of a constant changed in some function:
// the first i64.const behind its middle becomes an i32.const.
func illTyped(t *testing.T) []byte {
	t.Helper()
	binary, err := os.ReadFile(module(t, counterFolder))
	if err != nil {
		t.Fatal(err)
	}
	// i64.const 8; i64.add, as functions move Go's stack pointer about.
	was, is := "\x42\x08\x7c", "\x41\x08\x7c"
	text := string(binary)
	if !strings.Contains(text, was) {
		t.Fatal("the module has no i64.const 8, i64.add")
	}
	return []byte(strings.Replace(text, was, is, 1))
}
