package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/counter"
)

// TestDelete deletes a machine while a node is dead, and deploys another one of its
// name: the dead one has to remove its part when it comes back.
func TestDelete(t *testing.T) {
	ctx := within(t, 5*time.Minute)
	skipShort(t)
	c := startCluster(t, ctx, "delete", module(t, counterFolder))
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	cl := newClient(t, c)
	if _, err := session(t, ctx, cl, "counter").Command(ctx, []byte("add 41")); err != nil {
		t.Fatal(err)
	}
	dead := c.Nodes[2]
	if err := dead.Kill(); err != nil {
		t.Fatal(err)
	}
	if r := c.Wraftd(ctx, patience("machines", "delete", "counter", "--yes")...); r.Code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	_, err := cl.Command(ctx, "counter", []byte("incr"))
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Code != client.CodeMachineDeleted {
		t.Errorf("a command to what is deleted: %v", err)
	}
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	if err := dead.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if r, err := session(t, ctx, cl, "counter").Command(ctx, []byte("incr")); err != nil || string(r.Data) != `{"value":1}` {
		t.Errorf("the new machine answers %q, %v", r.Data, err)
	}
	// Why: whoever is ready may still remove the old one, and open the new one.
	if _, err := counter.Compare(ctx, c.Endpoints(), c.TLS(), "counter"); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		untilSaid(t, ctx, n, "the replica of a deleted machine is removed")
	}
	if err := c.Stop(within(t, stopPatience)); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		if r := c.Wraftd(ctx, "log", "stats", "--group", "2", "--config", n.ConfigFile()); r.Code == 0 {
			t.Errorf("node %v still has the log:\n%s", n.ID, r.Stdout)
		}
		if r := c.Wraftd(ctx, "log", "stats", "--group", "3", "--config", n.ConfigFile()); r.Code != 0 {
			t.Errorf("node %v has no log of the new machine:\n%s", n.ID, r.Stderr)
		}
		if _, err := os.Stat(filepath.Join(n.Dir, "data", "snapshots", "2")); err == nil {
			t.Errorf("node %v still has snapshots", n.ID)
		}
	}
}
