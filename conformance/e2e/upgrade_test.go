package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// The guests the tests upgrade to.
const (
	counter2Folder = "internal/wasmtest/guests/counter2"
	halfwayFolder  = "internal/wasmtest/guests/halfway"
)

// runningSince waits until every node's replica has come to the newest upgrade that
// was done and runs the module, and returns the index since which they do. It must
// be the same on all.
func runningSince(t *testing.T, ctx context.Context, c *cluster.Cluster, machine string, module client.Digest) uint64 {
	t.Helper()
	upgrades, err := newClient(t, c).History(ctx, machine)
	if err != nil {
		t.Fatal(err)
	}
	var newest uint64
	for _, u := range upgrades {
		if u.State == client.UpgradeDone {
			newest = max(newest, u.Index)
		}
	}
	var since []uint64
	for _, n := range c.Nodes {
		cl, err := client.New(client.Config{Endpoints: []string{n.API}, TLS: c.TLS(), AttemptsMax: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			m, err := cl.Machine(ctx, machine, false)
			if err == nil && m.RunningModule == module && m.RunningSince >= newest {
				since = append(since, m.RunningSince)
				break
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				t.Fatalf("node %v runs %s since %d, not %s since %d: %s, %v", n.ID, m.RunningModule.Short(), m.RunningSince, module.Short(), newest, m.StateReason, err)
			}
		}
	}
	for _, index := range since {
		if index != since[0] {
			t.Fatalf("the replicas switched at %v, not at one index", since)
		}
	}
	return since[0]
}

// digestOf is the digest of a file.
func digestOf(t *testing.T, file string) client.Digest {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return client.DigestOf(data)
}

// wraftdMust runs a client command that has to end well.
func wraftdMust(t *testing.T, ctx context.Context, c *cluster.Cluster, args ...string) cluster.Result {
	t.Helper()
	r := c.Wraftd(ctx, patience(args...)...)
	if r.Code != 0 {
		t.Fatalf("wraftd %s: exit code %d\n%s", strings.Join(args, " "), r.Code, r.Stderr)
	}
	return r
}

// TestUpgradeUnderLoad upgrades a counter that clients keep busy: all replicas
// switch at the same index and every acknowledged increment is there once. An
// upgrade whose restore traps leaves version 1 serving and tells the deployer why;
// a rollback goes back; and a restart of all nodes comes to the same module.
func TestUpgradeUnderLoad(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	skipShort(t)
	one, two := module(t, counterFolder), module(t, counter2Folder)
	c := startCluster(t, ctx, "upgrade", one, two, module(t, halfwayFolder))
	deploy(t, ctx, c, one, "counter")
	load := counter.Start(ctx, counter.Config{Clients: []*client.Client{newClient(t, c), newClient(t, c)}, Workers: 8, Patience: 2 * time.Minute})
	more := func() {
		t.Helper()
		if err := load.WaitFor(ctx, load.Acknowledged()+200); err != nil {
			t.Fatal(err)
		}
	}
	more()
	refusedHalfway(t, ctx, c)
	more()
	if since := runningSince(t, ctx, c, "counter", digestOf(t, one)); since != 0 {
		t.Fatalf("after a refused upgrade the replicas run version 1 since %d", since)
	}
	if r := c.Wraftd(ctx, patience("deploy", two, "--name", "counter")...); r.Code != int(client.ExitConflict) || !strings.Contains(r.Stderr, "--upgrade") {
		t.Errorf("a deploy without leave to upgrade ends with %d:\n%s", r.Code, r.Stderr)
	}
	began := time.Now()
	wraftdMust(t, ctx, c, "deploy", two, "--name", "counter", "--upgrade")
	took := time.Since(began)
	switched := runningSince(t, ctx, c, "counter", digestOf(t, two))
	more()
	wraftdMust(t, ctx, c, "machines", "rollback", "counter")
	back := runningSince(t, ctx, c, "counter", digestOf(t, one))
	more()
	if back <= switched || switched == 0 {
		t.Errorf("switched at %d, back at %d", switched, back)
	}
	if err := c.KillAll(); err != nil {
		t.Fatal(err)
	}
	startAll(t, ctx, c)
	if again := runningSince(t, ctx, c, "counter", digestOf(t, one)); again != back {
		t.Errorf("after a restart the replicas run version 1 since %d, before it since %d", again, back)
	}
	report, err := load.Settle(ctx, c.Endpoints(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	checkHistory(t, ctx, c)
	t.Logf("acknowledged=%d replayed=%d switched_at=%d back_at=%d deploy_s=%.2f", report.Acknowledged, report.Replayed, switched, back, took.Seconds())
}

// refusedHalfway upgrades to a module that traps in the middle of the state.
func refusedHalfway(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	r := c.Wraftd(ctx, patience("deploy", module(t, halfwayFolder), "--name", "counter", "--upgrade")...)
	if r.Code != int(client.ExitRefused) {
		t.Fatalf("an upgrade whose restore traps ends with %d:\n%s", r.Code, r.Stderr)
	}
	for _, words := range []string{string(client.CodeUpgradeRefused), "wraft_restore: unreachable: panic: the migration of the second byte is not written", "goes on"} {
		if !strings.Contains(r.Stderr, words) {
			t.Errorf("the deployer is not told %q:\n%s", words, r.Stderr)
		}
	}
}

// checkHistory wants the three upgrades of TestUpgradeUnderLoad, told alike.
func checkHistory(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	upgrades, err := newClient(t, c).History(ctx, "counter")
	if err != nil || len(upgrades) != 3 {
		t.Fatalf("%d upgrades in the history, %v", len(upgrades), err)
	}
	back, done, refused := upgrades[0], upgrades[1], upgrades[2]
	if !back.Rollback || back.State != client.UpgradeDone || back.To != done.From || done.State != client.UpgradeDone || done.Rollback {
		t.Errorf("the history tells %+v, %+v", back, done)
	}
	if refused.State != client.UpgradeRefused || !strings.Contains(refused.Reason, "second byte") || refused.Index == 0 {
		t.Errorf("the history tells %+v", refused)
	}
	for _, u := range upgrades {
		if u.By != "admin" || time.Since(u.At) > time.Hour || time.Since(u.At) < 0 {
			t.Errorf("asked for by %q at %v", u.By, u.At)
		}
	}
	r := wraftdMust(t, ctx, c, "machines", "history", "counter")
	if !strings.Contains(r.Stdout, "rollback") || !strings.Contains(r.Stdout, "second byte") {
		t.Errorf("the command line tells\n%s", r.Stdout)
	}
}

// TestUpgradeThroughKills upgrades forth and back under load while whoever leads the
// machine is killed at a moment that differs each time: every upgrade takes place,
// once, and at the same index everywhere.
func TestUpgradeThroughKills(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	skipShort(t)
	files := []string{module(t, counter2Folder), module(t, counterFolder)}
	c := startCluster(t, ctx, "kills", files...)
	deploy(t, ctx, c, files[1], "counter")
	wraftdMust(t, ctx, c, "deploy", files[0], "--name", "spare") // so that both modules are compiled
	load := counter.Start(ctx, counter.Config{Clients: []*client.Client{newClient(t, c), newClient(t, c)}, Workers: 8, Patience: 2 * time.Minute})
	last := uint64(0)
	n := min(rounds(t), 10)
	for round := range n {
		if err := load.WaitFor(ctx, load.Acknowledged()+50); err != nil {
			t.Fatal(err)
		}
		want := digestOf(t, files[round%2])
		asked := make(chan cluster.Result, 1)
		go func() { asked <- c.Wraftd(ctx, "machines", "activate", "counter", string(want)) }()
		victim := c.Nodes[leader(t, ctx, c)-1]
		wait := time.NewTimer(rand.N(400 * time.Millisecond))
		select {
		case <-wait.C:
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if r := <-asked; r.Code != 0 {
			// The node that was asked may be the one that was killed before it wrote
			// anything down. Asking again joins what is under way, or finds it done.
			t.Logf("round %d: exit code %d: %s", round, r.Code, strings.SplitN(r.Stderr, "\n", 2)[0])
			if err := c.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
			wraftdMust(t, ctx, c, "machines", "activate", "counter", string(want))
		}
		if err := c.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		since := runningSince(t, ctx, c, "counter", want)
		if since <= last {
			t.Fatalf("round %d: switched at %d, the round before at %d", round, since, last)
		}
		last = since
	}
	report, err := load.Settle(ctx, c.Endpoints(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	upgrades, err := newClient(t, c).History(ctx, "counter")
	if err != nil || len(upgrades) != n {
		t.Errorf("%d upgrades in the history of %d rounds, %v", len(upgrades), n, err)
	}
	t.Logf("rounds=%d acknowledged=%d replayed=%d", n, report.Acknowledged, report.Replayed)
}
