package e2e

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// rewrite changes a node's configuration file by an expression; it must match.
func rewrite(t *testing.T, n *cluster.Node, expression, replacement string) {
	t.Helper()
	old, err := os.ReadFile(n.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(expression)
	if !re.Match(old) {
		t.Fatalf("%s does not match %s:\n%s", n.ConfigFile(), expression, old)
	}
	if err := os.WriteFile(n.ConfigFile(), re.ReplaceAll(old, []byte(replacement)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// refusesToStart starts a node and wants it to end with the problem's exit code,
// having said the code and the words.
func refusesToStart(t *testing.T, ctx context.Context, n *cluster.Node, code client.Code, words ...string) {
	t.Helper()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	exit, err := n.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := client.Lookup(code)
	log := n.LogTail(4000)
	if exit != int(kind.Exit) {
		t.Errorf("the node ends with %d, want %d", exit, kind.Exit)
	}
	for _, w := range append(words, string(code)) {
		if !strings.Contains(log, w) {
			t.Errorf("the node does not say %q:\n%s", w, log)
		}
	}
}

// dataDir is where a node of `wraftd init` keeps its data.
func dataDir(n *cluster.Node) string { return filepath.Join(n.Dir, "data") }

// TestDataDirectoryOfAnotherCluster gives a node the data of a node that belongs
// to another cluster, and that of another node of its own.
func TestDataDirectoryOfAnotherCluster(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	ours, theirs := startCluster(t, ctx, "ours"), startCluster(t, ctx, "theirs")
	if err := ours.KillAll(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.KillAll(); err != nil {
		t.Fatal(err)
	}
	rewrite(t, ours.Nodes[0], `(?m)^data-dir:.*$`, "data-dir: "+dataDir(theirs.Nodes[0]))
	refusesToStart(t, ctx, ours.Nodes[0], client.CodeDataDirForeign, "ours", "theirs")
	rewrite(t, ours.Nodes[1], `(?m)^data-dir:.*$`, "data-dir: "+dataDir(ours.Nodes[2]))
	refusesToStart(t, ctx, ours.Nodes[1], client.CodeDataDirForeign)
	// The refusals changed nothing: both clusters go on with their own data.
	rewrite(t, ours.Nodes[0], `(?m)^data-dir:.*$`, "data-dir: "+dataDir(ours.Nodes[0]))
	rewrite(t, ours.Nodes[1], `(?m)^data-dir:.*$`, "data-dir: "+dataDir(ours.Nodes[1]))
	for _, c := range []*cluster.Cluster{ours, theirs} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDataDirectoryInUse starts a second process on a running node's data, and on
// its addresses.
func TestDataDirectoryInUse(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	c := startCluster(t, ctx, "inuse")
	first := c.Nodes[0]
	r := c.Wraftd(ctx, "run", "--config", first.ConfigFile())
	if r.Code == 0 || !strings.Contains(r.Stderr+r.Stdout, string(client.CodeDataDirInUse)) &&
		!strings.Contains(r.Stderr+r.Stdout, string(client.CodeAddressInUse)) {
		t.Errorf("a second process ends with %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	// With addresses of its own it gets as far as the lock.
	second := newCluster(t, ctx, "inuse")
	rewrite(t, second.Nodes[0], `(?m)^data-dir:.*$`, "data-dir: "+dataDir(first))
	refusesToStart(t, ctx, second.Nodes[0], client.CodeDataDirInUse, dataDir(first))
	if err := c.WaitReady(ctx); err != nil {
		t.Fatalf("the first process minds: %v", err)
	}
}

// TestBadConfiguration wants every mistake in a configuration named.
func TestBadConfiguration(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	c := newCluster(t, ctx, "badconfig")
	n := c.Nodes[0]
	rewrite(t, n, `(?m)^data-dir:`, "data-dri:")
	refusesToStart(t, ctx, n, client.CodeConfig, "data-dri", "data-dir")
	rewrite(t, n, `(?m)^data-dri:`, "data-dir:")
	rewrite(t, n, `(?m)\A`, "raft: {heartbeat: soon}\n")
	refusesToStart(t, ctx, n, client.CodeConfig, "heartbeat")
	if r := c.Wraftd(ctx, "run", "--config", filepath.Join(n.Dir, "none.yaml")); r.Code != int(client.ExitUsage) && r.Code != int(client.ExitFailed) {
		t.Errorf("a missing configuration ends with %d:\n%s", r.Code, r.Stderr)
	}
}

// TestInitTwice wants a second and a differing bootstrap refused, with the first
// one's files untouched.
func TestInitTwice(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	c := newCluster(t, ctx, "twice")
	before, err := os.ReadFile(c.Nodes[0].ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	r := c.Wraftd(ctx, "init", "--dir", c.Dir, "--cluster", "other", "--nodes", "1=127.0.0.1:7444/127.0.0.1:7443")
	if r.Code != int(client.ExitConflict) || !strings.Contains(r.Stderr, string(client.CodeAlreadyInitialized)) {
		t.Errorf("a second init ends with %d:\n%s", r.Code, r.Stderr)
	}
	after, err := os.ReadFile(c.Nodes[0].ConfigFile())
	if err != nil || string(after) != string(before) {
		t.Errorf("the second init changed the configuration: %v", err)
	}
}

// TestWrongCertificates wants clients without a certificate, and with one of
// another cluster, refused by an answer that says so, and a server of another
// cluster refused by the client.
func TestWrongCertificates(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	c := startCluster(t, ctx, "certs")
	foreign := newCluster(t, ctx, "certs") // the same name, another authority
	ours, theirs := filepath.Join(c.Dir, "client"), filepath.Join(foreign.Dir, "client")
	for _, m := range []struct {
		name string
		code client.Code
		args []string
	}{
		{"no certificate", client.CodeNoCertificate, []string{"--ca", filepath.Join(ours, "ca.crt"), "--cert", "", "--key", ""}},
		{"foreign certificate", client.CodeNoCertificate, []string{"--ca", filepath.Join(ours, "ca.crt"),
			"--cert", filepath.Join(theirs, "admin.crt"), "--key", filepath.Join(theirs, "admin.key")}},
		{"foreign authority", client.CodeTLS, []string{"--ca", filepath.Join(theirs, "ca.crt")}},
	} {
		r := c.Wraftd(ctx, append([]string{"status"}, m.args...)...)
		if r.Code != int(client.ExitTLS) || !strings.Contains(r.Stderr, string(m.code)) {
			t.Errorf("%s: wraftd ends with %d:\n%s", m.name, r.Code, r.Stderr)
		}
	}
	bare := c.TLS()
	bare.Certificates = nil
	foreignPair := c.TLS()
	foreignPair.Certificates = foreign.TLS().Certificates
	for name, conf := range map[string]*tls.Config{"no certificate": bare, "foreign certificate": foreignPair} {
		cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: conf})
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		if _, err := cl.Cluster(ctx); err == nil {
			t.Errorf("%s: the node answers", name)
		}
	}
}

// TestStopIsOrderly wants SIGTERM to end a node with exit code 0 and the data to
// be there afterwards.
func TestStopIsOrderly(t *testing.T) {
	ctx := within(t, 6*time.Minute)
	skipShort(t)
	c := startCluster(t, ctx, "stop", module(t, counterFolder))
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	if r := c.Wraftd(ctx, patience("call", "counter", "add 7")...); r.Code != 0 || strings.TrimSpace(r.Stdout) != `{"value":7}` {
		t.Fatalf("call: %d %q\n%s", r.Code, r.Stdout, r.Stderr)
	}
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	startAll(t, ctx, c)
	if r := c.Wraftd(ctx, patience("query", "counter", "get")...); r.Code != 0 || strings.TrimSpace(r.Stdout) != `{"value":7}` {
		t.Fatalf("query: %d %q\n%s", r.Code, r.Stdout, r.Stderr)
	}
}
