package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/child"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/ports"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/storage"
)

// brittleEnv has the test binary run a node, whose configuration is the file it names, on a
// disk whose syncs fail while there is a file of that name with failSuffix.
const (
	brittleEnv = "SERVER_TEST_NODE"
	failSuffix = ".fail"
)

func TestMain(m *testing.M) {
	file := os.Getenv(brittleEnv)
	if file == "" {
		os.Exit(m.Run())
	}
	if err := runBrittle(file); err != nil {
		fmt.Fprintln(os.Stderr, "the node ended:", err)
		os.Exit(3)
	}
}

// runBrittle is what `wraftd run` does, on a disk that can fail.
func runBrittle(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var cfg Config
	if err := json.Unmarshal(text, &cfg); err != nil {
		return err
	}
	s, err := startOn(context.Background(), brittleDisk{FS: vfs.Default, fail: file + failSuffix}, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	return s.Wait()
}

// brittleNode is a node in a process of its own.
type brittleNode struct {
	config Config
	file   string // its configuration
	log    string
	run    *child.Process
}

// brittleCluster writes the configurations of three nodes.
func brittleCluster(t *testing.T) (nodes []*brittleNode, identity *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	plan := bootstrap.Plan{Cluster: "brittle"}
	for id := client.NodeID(1); id <= 3; id++ {
		plan.Nodes = append(plan.Nodes, nodeconfig.Node{ID: id, Peer: freeAddress(t), API: freeAddress(t)})
	}
	if err := plan.Write(filepath.Join(dir, "c"), time.Now()); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, n := range plan.Nodes {
		home := filepath.Join(dir, "c", bootstrap.NodeDir(n.ID))
		authority := filepath.Join(home, pki.AuthorityCertFile)
		b := &brittleNode{file: filepath.Join(home, "node.json"), log: filepath.Join(home, "log"), config: Config{
			Cluster: plan.Cluster, Node: n.ID, DataDir: filepath.Join(home, "data"), Nodes: plan.Nodes, ListenAPI: n.API, ListenPeer: n.Peer, Native: nodeconfig.NativeOff,
			TLS: nodeconfig.TLSFiles{CA: authority, Cert: filepath.Join(home, "node.crt"), Key: filepath.Join(home, "node.key"), ClientAuth: nodeconfig.ClientAuthNone},
		}}
		text, err := json.Marshal(b.config)
		pem, again := os.ReadFile(authority)
		if err := errors.Join(err, again, os.WriteFile(b.file, text, 0o600)); err != nil || !roots.AppendCertsFromPEM(pem) {
			t.Fatal(err)
		}
		nodes = append(nodes, b)
		t.Cleanup(func() { b.end(t) })
	}
	return nodes, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
}

// freeAddress is one that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := ports.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	return free[0]
}

func (b *brittleNode) start(t *testing.T) {
	t.Helper()
	out, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() // the process has a descriptor of its own
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), brittleEnv+"="+b.file), out, out
	if b.run, err = child.Start(cmd); err != nil {
		t.Fatal(err)
	}
}

// end kills the process and shows its log if the test has failed.
func (b *brittleNode) end(t *testing.T) {
	if b.run == nil {
		return
	}
	if err := b.run.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	<-b.run.Done()
	if text, err := os.ReadFile(b.log); t.Failed() {
		t.Logf("node %d: %v\n%s", b.config.Node, err, text[max(0, len(text)-4000):])
	}
}

// increaser is a machine that counts its commands and answers how many there were.
func increaser() []byte {
	const header, count = wasmtest.OutputAt, wasmtest.OutputAt + 8
	return wasmtest.NewMachine(
		wasmtest.I32Const(header), wasmtest.I32Const(0), wasmtest.I32Store(0),
		wasmtest.I32Const(header+4), wasmtest.I32Const(4), wasmtest.I32Store(0),
		wasmtest.I32Const(count), wasmtest.I32Const(count), wasmtest.I32Load(0), wasmtest.I32Const(1), wasmtest.I32Add, wasmtest.I32Store(0),
		wasmtest.Answer(header, 12)).Bytes()
}

// reach returns a client of nodes that may be starting still.
func reach(t *testing.T, ctx context.Context, identity *tls.Config, endpoints ...string) *client.Client {
	t.Helper()
	cl, err := client.New(client.Config{Endpoints: endpoints, TLS: identity, AttemptsMax: 1 << 20, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	for _, err := cl.Cluster(ctx); err != nil; _, err = cl.Cluster(ctx) {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
	return cl
}

// TestAServerEndsWithASyncThatFails lets the disk of the leader's process answer EIO to a
// sync: the process says so and ends with an error, the cluster goes on without it, nothing
// acknowledged is lost, and on a disk that works the node takes part again.
func TestAServerEndsWithASyncThatFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	nodes, identity := brittleCluster(t)
	var endpoints []string
	for _, b := range nodes {
		b.start(t)
		endpoints = append(endpoints, "https://"+b.config.ListenAPI)
	}
	cl := reach(t, ctx, identity, endpoints...)
	module := increaser()
	digest := client.DigestOf(module)
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(module))), nil }
	if _, _, err := cl.PutModule(ctx, digest, int64(len(module)), open); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cl.Deploy(ctx, "increaser", client.DeploySpec{Module: digest}); err != nil {
		t.Fatal(err)
	}
	session, err := cl.Register(ctx, "increaser")
	if err != nil {
		t.Fatal(err)
	}
	count := uint32(0)
	increase := func() {
		t.Helper()
		for range 20 {
			r, err := session.Command(ctx, []byte("one more"))
			count++
			if err != nil || len(r.Data) != 4 || binary.LittleEndian.Uint32(r.Data) != count {
				t.Fatalf("command %d: %x, %v", count, r.Data, err)
			}
		}
	}
	increase()
	info, err := cl.Machine(ctx, "increaser", false)
	for ; err != nil || info.Leader == 0; info, err = cl.Machine(ctx, "increaser", false) { // Why again: it may move just now
		if ctx.Err() != nil {
			t.Fatalf("%+v, %v", info, err)
		}
		<-time.After(20 * time.Millisecond)
	}
	failing := nodes[slices.IndexFunc(nodes, func(b *brittleNode) bool { return b.config.Node == info.Leader })]
	if err := os.WriteFile(failing.file+failSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	increase()
	expectFailedDisk(t, ctx, failing)
	increase()
	if err := os.Remove(failing.file + failSuffix); err != nil {
		t.Fatal(err)
	}
	failing.start(t)
	increase()
	expectCount(t, ctx, "https://"+failing.config.ListenAPI, identity, count)
}

// TestAFailedDiskHasOneExitCode: the store ends a process by itself, and knows no catalogue.
func TestAFailedDiskHasOneExitCode(t *testing.T) {
	if kind, _ := client.Lookup(client.CodeDiskFailed); int(kind.Exit) != storage.ExitCode {
		t.Errorf("the store ends a process with %d, the catalogue says %d", storage.ExitCode, kind.Exit)
	}
}

// expectFailedDisk wants a process to have ended by itself, with words for an operator.
func expectFailedDisk(t *testing.T, ctx context.Context, b *brittleNode) {
	t.Helper()
	select {
	case <-b.run.Done():
	case <-ctx.Done():
		t.Fatal("the node goes on with a disk that failed")
	}
	text, err := os.ReadFile(b.log)
	if err != nil {
		t.Fatal(err)
	}
	if code := b.run.ExitCode(); code != int(client.ExitDiskFailed) {
		t.Errorf("it ends with exit code %d", code)
	}
	for _, says := range []string{"the disk failed and this node ends", string(client.CodeDiskFailed), syscall.EIO.Error()} {
		if !strings.Contains(string(text), says) {
			t.Errorf("it does not say %q", says)
		}
	}
}

// expectCount asks a node for the count that a query would lead to, which is one more.
func expectCount(t *testing.T, ctx context.Context, endpoint string, identity *tls.Config, count uint32) {
	t.Helper()
	cl := reach(t, ctx, identity, endpoint)
	r, err := cl.Query(ctx, "increaser", client.Query{})
	if err != nil || len(r.Data) != 4 || binary.LittleEndian.Uint32(r.Data) != count+1 {
		t.Errorf("it says %x, %v, want %d", r.Data, err, count+1)
	}
}

// TestADiskThatFailsAtTheStart: a node whose disk fails while its store is opened says so, as one
// does that runs: whoever starts it again can tell that from a mistake in its configuration.
func TestADiskThatFailsAtTheStart(t *testing.T) {
	nodes, _ := brittleCluster(t)
	fail := filepath.Join(t.TempDir(), "fail")
	start := func() (*Server, error) {
		return startOn(t.Context(), brittleDisk{FS: vfs.Default, fail: fail}, nodes[0].config, slog.New(slog.DiscardHandler))
	}
	for _, name := range []string{"a new directory", "one that was used"} {
		if err := os.WriteFile(fail, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var problem *client.Problem
		if _, err := start(); !errors.As(err, &problem) || problem.Code != client.CodeDiskFailed {
			t.Errorf("%s: %T %v", name, err, err)
		}
		if err := os.Remove(fail); err != nil {
			t.Fatal(err)
		}
		s, err := start()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
