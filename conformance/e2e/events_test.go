package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// TestEventsGoOnThroughKills has a machine emit an event for each command while the nodes that
// lead it are killed one after the other: a reader that goes from node to node, and afterwards one
// of each node alone, see every event once and in the same order.
func TestEventsGoOnThroughKills(t *testing.T) {
	const machine, events, kills = "slow", 240, 2
	ctx := within(t, 6*time.Minute)
	c := startCluster(t, ctx, "events", module(t, slowFolder))
	deploy(t, ctx, c, module(t, slowFolder), machine)
	cl := newClient(t, c)
	following := make(chan []string, 1)
	go func() { following <- readEvents(t, ctx, cl, machine, client.EventQuery{From: 1}, events) }()

	var dead *cluster.Node
	s := session(t, ctx, cl, machine)
	for i := range events {
		if i > 0 && i%(events/(kills+1)) == 0 {
			if dead != nil { // Why: two of three have to run
				startAll(t, ctx, c)
			}
			dead = leaderOf(t, ctx, c, machine, 1, 2, 3)
			if err := dead.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Command(ctx, fmt.Appendf(nil, "emit %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	want := <-following
	for i, e := range want {
		if !strings.HasSuffix(e, fmt.Sprintf(" %d", i)) {
			t.Fatalf("event %d is %q", i, e)
		}
	}
	startAll(t, ctx, c)
	for _, n := range c.Nodes {
		alone, err := client.New(client.Config{Endpoints: []string{n.API}, TLS: c.TLS(), AttemptsMax: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer alone.Close()
		if got := readEvents(t, ctx, alone, machine, client.EventQuery{}, events); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("node %v has %q, the reader of all saw %q", n.ID, got, want)
		}
	}
	r := c.Wraftd(ctx, patience("machines", "events", machine, "--after", strings.Fields(want[events-2])[0])...)
	if r.Code != 0 || strings.TrimSpace(r.Stdout) != strings.Replace(want[events-1], " ", "  ", 1) {
		t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	r = c.Wraftd(ctx, patience("log", "tail", "--machine", machine, "--newest", "50", "--data")...)
	// Why more than once: a command that is repeated stands there each time, and counts once.
	if last := fmt.Sprintf("  emit %d\n", events-1); r.Code != 0 || strings.Count(r.Stdout, last) < 1 || !strings.Contains(r.Stdout, "  session ") {
		t.Errorf("the log, exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
}

// readEvents reads so many events.
func readEvents(t *testing.T, ctx context.Context, cl *client.Client, machine string, q client.EventQuery, n int) (out []string) {
	for e, err := range cl.Events(ctx, machine, q) {
		if err != nil {
			t.Errorf("behind %d events: %v", len(out), err)
			break
		}
		if out = append(out, fmt.Sprintf("%v %s", e.EventID, e.Data)); len(out) == n {
			break
		}
	}
	return out
}
