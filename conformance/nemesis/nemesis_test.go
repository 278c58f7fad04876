package nemesis

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// budget is how long trouble lasts: WRAFT_NEMESIS, a duration.
func budget(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("WRAFT_NEMESIS")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("WRAFT_NEMESIS=%q is no duration above 0", text)
	}
	return d
}

// seed is WRAFT_NEMESIS_SEED, or else follows from the commit's name in it.
func seed() uint64 {
	text := os.Getenv("WRAFT_NEMESIS_SEED")
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n
	}
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// TestNemesis counts while the nemesis strikes.
func TestNemesis(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	lasts, s := budget(t), seed()
	t.Logf("repeat with: WRAFT_NEMESIS=%v WRAFT_NEMESIS_SEED=%d go test -run TestNemesis ./conformance/nemesis", lasts, s)
	ctx, cancel := context.WithTimeout(t.Context(), lasts+8*time.Minute)
	defer cancel()
	n := setUp(t, ctx, s)
	clients := []*client.Client{newClient(t, n.c), newClient(t, n.c), newClient(t, n.c)}
	load := counter.Start(ctx, counter.Config{Clients: clients, Workers: 8, Patience: 3 * time.Minute})
	if err := load.WaitFor(ctx, 20); err != nil {
		t.Fatal(err)
	}
	trouble, end := context.WithTimeout(ctx, lasts)
	defer end()
	for trouble.Err() == nil {
		if err := n.strike(func(d time.Duration) error { return pauseFor(trouble, d) }); err != nil && trouble.Err() == nil {
			t.Fatal(err)
		}
		// Between two strikes the cluster must come back to work, however long it takes.
		over := time.Now()
		if err := load.WaitFor(ctx, load.Acknowledged()+10); err != nil {
			t.Fatal(err)
		}
		t.Logf("at work again after %.1f s", time.Since(over).Seconds())
	}
	settle(t, ctx, n, load)
}

// settle ends all trouble and holds what was acknowledged against what is there.
func settle(t *testing.T, ctx context.Context, n *nemesis, load *counter.Load) {
	t.Helper()
	if err := errors.Join(n.heal(), n.c.Start()); err != nil {
		t.Fatal(err)
	}
	if err := n.c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	report, err := load.Settle(ctx, n.c.Endpoints(), n.c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	was := n.links.Total()
	snapshots, err := n.c.Snapshots()
	t.Logf("acknowledged=%d replayed=%d troubles=%v snapshots: %+v datagrams: %+v", report.Acknowledged, report.Replayed, n.struck, snapshots, was)
	if err != nil || report.Acknowledged > snapshotCommands && snapshots.Taken == 0 {
		t.Errorf("after %d commands: %+v, %v", report.Acknowledged, snapshots, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := n.c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// snapshotCommands have more log than lies between two snapshots, however they are
// batched.
const snapshotCommands = 1000

// setUp starts three nodes with relays between them and a counter on them.
func setUp(t *testing.T, ctx context.Context, seed uint64) *nemesis {
	t.Helper()
	dir := t.TempDir()
	program, err := cluster.Build(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, "counter.wasm")
	if err := cluster.BuildModule(ctx, "examples/wasm-counter", module); err != nil {
		t.Fatal(err)
	}
	// Compiled once and not by three nodes at once: that is not what is tested here.
	compiled := filepath.Join(dir, "compiled")
	if err := cluster.Compile(ctx, cluster.Config{Wraftd: program, Dir: filepath.Join(dir, "compiler"), Compiled: compiled}, module); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(ctx, cluster.Config{Wraftd: program, Dir: filepath.Join(dir, "cluster"), Name: "nemesis", Compiled: compiled, Flags: cluster.SmallSnapshots})
	if err != nil {
		t.Fatal(err)
	}
	links, err := c.Link(seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.KillAll(), links.Close()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, n := range c.Nodes {
				t.Logf("the end of node %v's log:\n%s", n.ID, n.LogTail(8000))
			}
		}
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if r := c.Wraftd(ctx, "deploy", module, "--name", "counter"); r.Code != 0 {
		t.Fatalf("deploy: exit code %d\n%s", r.Code, r.Stderr)
	}
	return &nemesis{c: c, links: links, rng: rand.New(rand.NewPCG(seed, 0)), struck: map[string]int{}, log: t.Logf}
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

// pauseFor waits, or returns the context's error when that ends first.
func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
