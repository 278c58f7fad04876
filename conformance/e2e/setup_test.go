package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// work is a folder for what all tests share; TestMain removes it.
var work string

func TestMain(m *testing.M) {
	if dir := os.Getenv("WRAFT_E2E_ALONE"); dir != "" { // a process of a test's own, see alone
		work = dir
		os.Exit(m.Run())
	}
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

// compiled is where the compiled code of modules lies for the clusters of all tests.
func compiled() string { return filepath.Join(work, "compiled") }

// compileOnce has the code of modules in compiled, from a node of its own. Files that
// have been there before are known by their paths.
func compileOnce(t *testing.T, files ...string) {
	t.Helper()
	program, err := wraftd()
	if err != nil {
		t.Fatal(err)
	}
	modulesMu.Lock()
	defer modulesMu.Unlock()
	files = slices.DeleteFunc(slices.Clone(files), func(f string) bool { return compiledFiles[f] })
	if len(files) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	cfg := cluster.Config{Wraftd: program, Dir: filepath.Join(t.TempDir(), "compiler"), Name: "compiler", Compiled: compiled()}
	if err := cluster.Compile(ctx, cfg, files...); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		compiledFiles[f] = true
	}
}

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

// modulesMu lets one build or compilation of a guest run at a time. It guards
// compiledFiles, which compileOnce has seen to.
var (
	modulesMu     sync.Mutex
	compiledFiles = map[string]bool{}
)

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

// newCluster writes the identities of three nodes and starts none. The nodes find
// code for the modules, paths of files, when they want to compile them. When the
// test fails it shows the end of each node's log.
func newCluster(t *testing.T, ctx context.Context, name string, modules ...string) *cluster.Cluster {
	t.Helper()
	skipShort(t)
	// Why: most tests have other questions than whether a node can compile, and with
	// the same few modules. TestNodesCompileInProcessesOfTheirOwn has that one.
	compileOnce(t, modules...)
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
	c.EndWith(t)
	return c
}

// startCluster is a cluster of three nodes that are ready.
func startCluster(t *testing.T, ctx context.Context, name string, modules ...string) *cluster.Cluster {
	t.Helper()
	c := newCluster(t, ctx, name, modules...)
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

// untilSaid waits until a node has logged a message.
func untilSaid(t *testing.T, ctx context.Context, n *cluster.Node, message string) {
	t.Helper()
	for m := map[string]int{}; m[message] == 0; <-time.After(50 * time.Millisecond) {
		var err error
		if m, err = n.Messages(message); err != nil || ctx.Err() != nil || !n.Running() {
			t.Fatalf("node %v does not say %q: %v, running %v\n%s", n.ID, message, err, n.Running(), n.LogTail(2000))
		}
	}
}

// newClient is a client that does not give up before its context ends.
func newClient(t *testing.T, c *cluster.Cluster) *client.Client {
	t.Helper()
	return newClientWith(t, c, client.ProtocolAuto)
}

// newClientWith is newClient with a protocol.
func newClientWith(t *testing.T, c *cluster.Cluster, protocol client.Protocol) *client.Client {
	t.Helper()
	cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20, Protocol: protocol})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// session registers one. Why tests use sessions also for a single command: on a busy
// machine a leader may change at any time, and what becomes of a command without a
// session is then unknown.
func session(t *testing.T, ctx context.Context, cl *client.Client, machine string) *client.Session {
	t.Helper()
	s, err := cl.Register(ctx, machine)
	if err != nil {
		t.Fatalf("%s: register: %v", machine, err)
	}
	return s
}

// patience makes a client command try for as long as a machine with much else to do
// may take.
func patience(args ...string) []string { return append(args, "--timeout", "5m") }

// stopPatience bounds how long nodes take to end in good order.
const stopPatience = 2 * time.Minute

// deploy makes a machine through the command line.
func deploy(t *testing.T, ctx context.Context, c *cluster.Cluster, file, name string, flags ...string) {
	t.Helper()
	if r := c.Wraftd(ctx, patience(append([]string{"deploy", file, "--name", name}, flags...)...)...); r.Code != 0 {
		t.Fatalf("deploy %s: exit code %d\n%s", name, r.Code, r.Stderr)
	}
}
