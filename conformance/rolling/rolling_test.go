package rolling

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/conformance/replicas"
	"github.com/wraft/wraft/internal/metric"
)

// before names the commit of the release before this one, which has feature level levelBefore.
// A release that raises FeatureLevelMax moves both on. Why a file: .ci/history reads it too.
//
//go:embed before
var before string

const levelBefore = 1

// Times and sizes of the test.
const (
	timeout  = 10 * time.Minute // far above what it takes
	patience = 3 * time.Minute  // of a client
	batch    = 100              // commands of the witness after each step; the last one burns
)

// witness is the machine that runs out of fuel.
const witness = "witness"

// TestRollingUpgrade: N-1 to N with one step back, then the feature level.
func TestRollingUpgrade(t *testing.T) {
	if os.Getenv("WRAFT_ROLLING") == "" {
		t.Skip("for the long suites: it builds two releases; WRAFT_ROLLING=1 runs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	old, err := cluster.BuildCommit(ctx, strings.TrimSpace(before))
	if errors.Is(err, cluster.ErrNoHistory) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := begin(t, ctx, old)
	r.same("all nodes of the release before")
	for i, n := range r.c.Nodes {
		r.change(n, r.new)
		r.same(fmt.Sprintf("node %d upgraded", n.ID))
		if i == 1 {
			r.change(n, r.old)
			r.same(fmt.Sprintf("node %d taken back", n.ID))
			r.change(n, r.new)
		}
		if i < len(r.c.Nodes)-1 {
			r.raise(levelBefore) // somebody serves no more
			r.deploys(fmt.Sprintf("by-%d", i), n, r.c.Nodes[i+1])
		}
	}
	r.same("all nodes of this release")
	r.news(false)
	r.raise(levelBefore + 1)
	r.same("the level raised")
	r.news(true)
	r.oldRefuses(r.c.Nodes[0])
	r.same("all is done")
	r.settle()
}

// roll is an upgrade that is under way.
type roll struct {
	t        *testing.T
	ctx      context.Context
	c        *cluster.Cluster
	old, new string // programs
	slow     string // the witness's module
	load     *counter.Load
	session  *client.Session // of the witness
	sent     int             // to the witness
	added    int             // by those commands that did not fail
}

// begin starts three nodes of the release before, with the two machines.
func begin(t *testing.T, ctx context.Context, old string) *roll {
	t.Helper()
	dir := t.TempDir()
	// Why set up by the old release: what this one writes there is for its own nodes.
	c, err := cluster.New(ctx, cluster.Config{Wraftd: old, Dir: filepath.Join(dir, "cluster"), Name: "rolling", Flags: cluster.SmallSnapshots})
	if err != nil {
		t.Fatal(err)
	}
	c.EndWith(t)
	r := &roll{t: t, ctx: ctx, c: c, old: old}
	count, slow := filepath.Join(dir, "counter.wasm"), filepath.Join(dir, "slow.wasm")
	r.must(cluster.BuildModule(ctx, "examples/wasm-counter", count), cluster.BuildModule(ctx, "internal/wasmtest/guests/slow", slow))
	r.slow = slow
	r.new, err = cluster.BuildVersion(ctx, dir, "next")
	r.must(err, c.Launch(ctx, count, "counter"), c.Deploy(ctx, slow, witness, "--fuel", "20M"))
	c.Use(r.new)
	for _, n := range c.Nodes {
		n.Use(old)
	}
	var clients []*client.Client
	for range 2 {
		cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20})
		r.must(err)
		t.Cleanup(cl.Close)
		clients = append(clients, cl)
	}
	r.session, err = clients[0].Register(ctx, witness)
	r.must(err)
	r.load = counter.Start(ctx, counter.Config{Clients: clients, Workers: 4, Patience: patience})
	return r
}

func (r *roll) must(errs ...error) {
	r.t.Helper()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
}

// change drains a node, stops it and starts another release on its disk.
func (r *roll) change(n *cluster.Node, program string) {
	r.t.Helper()
	r.wraftd("", "nodes", "drain", n.ID.String(), "--timeout", patience.String())
	code, err := n.Stop(r.ctx)
	r.must(err)
	if code != 0 {
		r.t.Fatalf("node %d ended with exit code %d", n.ID, code)
	}
	n.Use(program)
	r.must(n.Start(), n.WaitReady(r.ctx), r.load.WaitForLater(r.ctx, r.load.Begun()))
}

// same has the witness obey a batch of commands, the last of which runs out of fuel, and
// wants all nodes to hold the same behind them.
func (r *roll) same(when string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	for i := range batch - 1 {
		if _, err := r.session.Command(ctx, fmt.Appendf(nil, "add %d", i)); err != nil {
			r.t.Fatalf("%s: %v", when, err)
		}
		r.added += i
	}
	_, err := r.session.Command(ctx, []byte("mix 1000000000"))
	if p := (*client.Problem)(nil); !errors.As(err, &p) || p.Code != client.CodeOutOfFuel {
		r.t.Fatalf("%s: a command that spends without end: %v", when, err)
	}
	r.sent += batch
	held, err := replicas.Compare(ctx, r.c.Endpoints(), r.c.TLS(), witness)
	if err != nil {
		r.t.Fatalf("%s: %v", when, err)
	}
	for _, n := range r.c.Nodes {
		m, err := n.Metrics(ctx)
		for ; err != nil && ctx.Err() == nil; m, err = n.Metrics(ctx) { // Why again: on a busy machine it may take long
		}
		r.must(err)
		for name, v := range m {
			if strings.HasPrefix(name, metric.MachineRebuildsTotal) && v > 0 {
				r.t.Fatalf("%s: node %d had another state than the others: %s %v", when, n.ID, name, v)
			}
		}
	}
	r.t.Logf("%s: %d increments; the witness holds %s at %d on all nodes", when, r.load.Acknowledged(), held[0].Digest.Short(), held[0].Applied)
}

// wraftd runs a client command of this release, which has to end well and say something.
func (r *roll) wraftd(says string, args ...string) {
	r.t.Helper()
	got := r.c.Wraftd(r.ctx, args...)
	if got.Code != 0 || !strings.Contains(got.Stdout+got.Stderr, says) {
		r.t.Fatalf("wraftd %s: exit code %d, want %q\n%s%s", strings.Join(args, " "), got.Code, says, got.Stdout, got.Stderr)
	}
}

// raise raises the feature level to whatever all nodes serve, which has to be a level.
func (r *roll) raise(want int) {
	r.t.Helper()
	r.wraftd(fmt.Sprintf(`"feature_level": %d`, want), "cluster", "raise-level", "-o", "json", "--timeout", patience.String())
}

// deploys deploys a machine while releases are mixed: a node of the release before makes what
// all nodes run, and it runs there; what a node of this one makes is refused.
func (r *roll) deploys(machine string, upgraded, before *cluster.Node) {
	r.t.Helper()
	r.tries(false, r.deploy(machine, "--server", upgraded.URL()))
	r.tries(true, r.deploy(machine, "--server", before.URL()))
	r.tries(true, []string{"call", machine, "add 7", "--timeout", patience.String()})
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if _, err := replicas.Compare(ctx, r.c.Endpoints(), r.c.TLS(), machine); err != nil {
		r.t.Fatal(err)
	}
}

// deploy is a client command that deploys the witness's module under another name.
func (r *roll) deploy(machine string, flags ...string) []string {
	return append([]string{"deploy", r.slow, "--name", machine, "--memory", "32MiB", "--timeout", patience.String()}, flags...)
}

// tries runs a client command, which has to end well if it is allowed, and else with the code
// of the feature level.
func (r *roll) tries(allowed bool, args []string) {
	r.t.Helper()
	got := r.c.Wraftd(r.ctx, args...)
	if allowed && got.Code != 0 || !allowed && !strings.Contains(got.Stderr, string(client.CodeFeatureLevel)) {
		r.t.Fatalf("allowed: %v; wraftd %s: exit code %d\n%s", allowed, strings.Join(args, " "), got.Code, got.Stderr)
	}
}

// news tries what the level brings: tokens, machines of this release's pass, and commands under
// idempotency keys, of which the witness obeys one however often it comes. Below the level all
// are refused with its code.
func (r *roll) news(raised bool) {
	r.t.Helper()
	keyed := []string{"call", witness, "add 7", "--idempotency-key", "news", "--timeout", patience.String()}
	for _, args := range [][]string{{"token", "create", "--role", "reader", "--name", "news"}, r.deploy("news"), keyed, keyed} {
		r.tries(raised, args)
	}
	if raised {
		r.added += 7
		r.sent++
	}
}

// oldRefuses starts the release before where the level is beyond it; then this one again.
func (r *roll) oldRefuses(n *cluster.Node) {
	r.t.Helper()
	_, err := n.Stop(r.ctx)
	r.must(err)
	n.Use(r.old)
	r.must(n.Start())
	code, err := n.Wait(r.ctx)
	r.must(err)
	if code == 0 || !strings.Contains(n.LogTail(4000), string(client.CodeReleaseTooOld)) {
		r.t.Fatalf("the release before ends with exit code %d:\n%s", code, n.LogTail(4000))
	}
	n.Use(r.new)
	r.must(n.Start(), n.WaitReady(r.ctx))
}

// settle ends the load: each increment is there, once, and so is the witness's sum.
func (r *roll) settle() {
	r.t.Helper()
	report, err := r.load.Settle(r.ctx, r.c.Endpoints(), r.c.TLS())
	r.must(err)
	got, err := r.session.Command(r.ctx, []byte("get"))
	r.must(err)
	if string(got.Data) != fmt.Sprint(r.added) {
		r.t.Errorf("the witness has %s, want %d", got.Data, r.added)
	}
	r.t.Logf("rolling: acknowledged=%d replayed=%d witness=%d", report.Acknowledged, report.Replayed, r.sent)
	stop, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	r.must(r.c.Stop(stop))
}
