package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// fakeNode ends when it is told to, or when it is closed.
type fakeNode struct {
	end    chan error
	closed chan struct{}
}

func newFakeNode() *fakeNode { return &fakeNode{make(chan error, 1), make(chan struct{})} }

func (n *fakeNode) APIAddr() string { return "127.0.0.1:1" }

func (n *fakeNode) Wait() error {
	select {
	case err := <-n.end:
		return err
	case <-n.closed:
		return nil
	}
}

func (n *fakeNode) Close(context.Context) error {
	close(n.closed)
	return nil
}

// runNode runs `wraftd run` of a fresh cluster with a fake node.
func runNode(t *testing.T, ctx context.Context, start func(nodeconfig.Config, *slog.Logger) (Node, error)) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	var out, err bytes.Buffer
	p := testProgram(&out, &err)
	p.Start = func(_ context.Context, cfg nodeconfig.Config, log *slog.Logger) (Node, error) { return start(cfg, log) }
	if code := p.run(ctx, []string{"init", "--dir", filepath.Join(dir, "c"), "--nodes", "1", "-o", "name"}); code != 0 {
		t.Fatalf("init: exit code %d\n%s", code, &err)
	}
	file := strings.TrimSpace(out.String())
	out.Reset()
	err.Reset()
	code = p.run(ctx, []string{"run", "--config", file})
	return code, out.String(), err.String()
}

func TestRunStopsInOrder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	node := newFakeNode()
	code, stdout, stderr := runNode(t, ctx, func(cfg nodeconfig.Config, log *slog.Logger) (Node, error) {
		log.Info("started", "node", cfg.Node)
		cancel() // stands for SIGTERM
		return node, nil
	})
	if code != 0 || stdout != "" {
		t.Errorf("exit code %d, stdout %q, stderr %s", code, stdout, stderr)
	}
	if !strings.Contains(stderr, `"msg":"started","node":1`) {
		t.Errorf("a log that is no terminal is not JSON: %s", stderr)
	}
	select {
	case <-node.closed:
	default:
		t.Error("the node was not closed")
	}
}

func TestRunFailsWhenTheNodeEndsByItself(t *testing.T) {
	for name, test := range map[string]struct {
		cause error
		code  int
		words string
	}{
		"with a problem": {client.NewProblem(client.CodeDiskFailed, "sync: input/output error"), 10, "WRAFT-7009"},
		"with an error":  {errors.New("lightning"), 1, "lightning"},
		"without":        {nil, 1, "ended by itself"},
	} {
		node := newFakeNode()
		node.end <- test.cause
		code, _, stderr := runNode(t, t.Context(), func(nodeconfig.Config, *slog.Logger) (Node, error) { return node, nil })
		if code != test.code || !strings.Contains(stderr, test.words) {
			t.Errorf("%s: exit code %d\n%s", name, code, stderr)
		}
	}
}

func TestRunThatDoesNotStart(t *testing.T) {
	for cause, want := range map[error]int{
		client.NewProblem(client.CodeDataDirForeign, "of another cluster"): 7,
		client.NewProblem(client.CodeAddressInUse, "taken"):                1,
		client.NewProblem(client.CodeTLS, "expired"):                       4,
		errors.New("lightning"):                                            1,
	} {
		code, _, stderr := runNode(t, t.Context(), func(nodeconfig.Config, *slog.Logger) (Node, error) { return nil, cause })
		if code != want || !strings.Contains(stderr, "code:    WRAFT-") {
			t.Errorf("%v: exit code %d, want %d\n%s", cause, code, want, stderr)
		}
	}
}

func TestInterruptedCommandExits130(t *testing.T) {
	var out, stderr bytes.Buffer
	p := testProgram(&out, &stderr, "WRAFT_SERVER=127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := p.run(ctx, []string{"status"}); code != 130 || !strings.Contains(stderr.String(), "WRAFT-7010") {
		t.Errorf("exit code %d\n%s", code, &stderr)
	}
}

func TestProblemIsPrintedWhole(t *testing.T) {
	var out, stderr bytes.Buffer
	p := testProgram(&out, &stderr)
	p.printProblem(client.NewProblem(client.CodeTimeoutUnknown, "one\ntwo").WithIndex(17).WithLeader(client.NodeRef{ID: 2, API: "h:1"}))
	want := `wraftd: Timed out, outcome unknown: one
  two
  outcome: unknown; the command may have been applied, or may still be (log index 17)
  leader:  node 2 h:1
  try:     Repeat it only under the same session and sequence or idempotency key, or read the state first.
  code:    WRAFT-5004 (wraftd errors lookup WRAFT-5004)
`
	if stderr.String() != want {
		t.Errorf("got:\n%s", &stderr)
	}
}

func TestAdvice(t *testing.T) {
	node := func(id client.NodeID, up bool) client.NodeInfo {
		return client.NodeInfo{ID: id, Up: up, Peer: "h:1", State: client.NodeVoter}
	}
	group := func(id client.GroupID, machine string, leader client.NodeID) client.GroupInfo {
		return client.GroupInfo{Group: id, Machine: machine, Leader: leader, State: client.MachineRunning}
	}
	three := []client.NodeInfo{node(1, true), node(2, true), node(3, true)}
	rest := []client.NodeInfo{{ID: 4, State: client.NodeLearner}, {ID: 5, State: client.NodeRemoved}} // down, and no votes
	meta := group(1, "", 1)
	halted := group(2, "kv", 1)
	halted.State, halted.StateReason = client.MachineHalted, "trapped"
	for want, info := range map[string]client.ClusterInfo{
		"next: start more nodes, such as node 2":  {Nodes: []client.NodeInfo{node(1, true), node(2, false), node(3, false)}, Groups: []client.GroupInfo{meta}},
		"next: ask again; the meta group":         {Nodes: three, Groups: []client.GroupInfo{group(1, "", 0)}},
		"next: machine kv is halted":              {Nodes: three, Groups: []client.GroupInfo{meta, halted}},
		"next: ask again; machine kv":             {Nodes: three, Groups: []client.GroupInfo{meta, group(2, "kv", 0)}},
		"next: start node 3":                      {Nodes: []client.NodeInfo{node(1, true), node(2, true), node(3, false)}, Groups: []client.GroupInfo{meta, group(2, "kv", 1)}},
		"next: deploy a machine":                  {Nodes: three, Groups: []client.GroupInfo{meta}},
		"all is well: 3 of 3 nodes are up, 1 may": {Nodes: append(rest, three...), Groups: []client.GroupInfo{meta, group(2, "kv", 1)}},
	} {
		if got := advice(info); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
