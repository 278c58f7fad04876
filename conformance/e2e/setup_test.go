package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// work is a folder for what all tests share; TestMain removes it.
var work string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wraft-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	work = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// buildTimeout bounds a build from a cold cache on a slow machine.
const buildTimeout = 5 * time.Minute

// wraftd builds the program once.
var wraftd = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	return cluster.Build(ctx, work)
})

// compiled is where the clusters of all tests leave what they have compiled.
func compiled() string { return filepath.Join(work, "compiled") }

// module builds a guest once and returns the path of the binary.
func module(t *testing.T, folder string) string {
	t.Helper()
	modulesMu.Lock()
	defer modulesMu.Unlock()
	out := filepath.Join(work, filepath.Base(folder)+".wasm")
	if _, err := os.Stat(out); err == nil {
		return out
	}
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	if err := cluster.BuildModule(ctx, folder, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// modulesMu lets one build of a guest run at a time.
var modulesMu sync.Mutex

// The guests the tests deploy.
const (
	counterFolder = "examples/wasm-counter"
	slowFolder    = "internal/wasmtest/guests/slow"
)

// skipShort leaves out what starts processes.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
}

// within is a context for the whole of a test.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// newCluster writes the identities of three nodes and starts none. When the test
// fails it shows the end of each node's log.
func newCluster(t *testing.T, ctx context.Context, name string) *cluster.Cluster {
	t.Helper()
	skipShort(t)
	// Why: most tests have other questions than whether a node can compile, and with
	// the same few modules. TestNodesCompileInProcessesOfTheirOwn has that one.
	return clusterFrom(t, ctx, cluster.Config{Name: name, Compiled: compiled()})
}

// clusterFrom is newCluster with a configuration that lacks program and folder.
func clusterFrom(t *testing.T, ctx context.Context, cfg cluster.Config) *cluster.Cluster {
	t.Helper()
	skipShort(t)
	program, err := wraftd()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Wraftd, cfg.Dir = program, filepath.Join(t.TempDir(), "cluster")
	c, err := cluster.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.KillAll(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			if err := c.Collect(compiled()); err != nil {
				t.Error(err)
			}
			return
		}
		for _, n := range c.Nodes {
			t.Logf("the end of node %v's log:\n%s", n.ID, n.LogTail(4000))
		}
	})
	return c
}

// startCluster is a cluster of three nodes that are ready.
func startCluster(t *testing.T, ctx context.Context, name string) *cluster.Cluster {
	t.Helper()
	c := newCluster(t, ctx, name)
	startAll(t, ctx, c)
	return c
}

// startAll starts the nodes that don't run and waits until all are ready.
func startAll(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// newClient is a client that does not give up before its context ends.
func newClient(t *testing.T, c *cluster.Cluster) *client.Client {
	t.Helper()
	cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// deploy makes a machine through the command line.
func deploy(t *testing.T, ctx context.Context, c *cluster.Cluster, file, name string, flags ...string) {
	t.Helper()
	if r := c.Wraftd(ctx, append([]string{"deploy", file, "--name", name}, flags...)...); r.Code != 0 {
		t.Fatalf("deploy %s: exit code %d\n%s", name, r.Code, r.Stderr)
	}
}
