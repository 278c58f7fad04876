package nodetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// heir is an adder that can be upgraded: its module is a text of which the first
// letter says what its restore does (t traps).
type heir struct {
	adder
	module string
	from   uint32
}

func (h *heir) Import(ctx context.Context, at plugins.Moment, r io.Reader, from uint32) error {
	if h.module[0] == 't' {
		return &plugins.GuestError{Export: "wraft_restore", Status: plugins.StatusTrap, Text: "unreachable"}
	}
	h.from = from
	return h.adder.Import(ctx, at, r, from)
}

func (h *heir) Version(context.Context) (uint32, error) { return uint32(len(h.module)), nil }

// heirs opens every module as an heir.
type heirs struct{ adders }

func (o heirs) Open(_ context.Context, artefact []byte, _ node.OpenConfig) (node.Machine, error) {
	return &heir{adder: adder{ballast: o.ballast}, module: strings.TrimPrefix(string(artefact), "artefact of ")}, nil
}

// Restore implements node.MachineRestorer.
func (o heirs) Restore(ctx context.Context, artefact []byte, c node.OpenConfig, parts ...io.Reader) (node.Machine, error) {
	m, err := o.adders.Restore(ctx, artefact, c, parts...)
	if err != nil {
		return nil, err
	}
	return &heir{adder: *m.(*adder), module: strings.TrimPrefix(string(artefact), "artefact of ")}, nil
}

// upload stores a module through one node.
func (b *bubble) upload(ctx context.Context, via raft.NodeID, binary []byte) node.Digest {
	b.t.Helper()
	d := node.DigestOf(binary)
	if _, _, err := b.nodes[via].node.PutModule(ctx, d, bytes.NewReader(binary)); err != nil {
		b.t.Fatalf("upload: %v", err)
	}
	return d
}

// expectRunning waits until a node runs a module since an index.
func (b *bubble) expectRunning(ctx context.Context, at raft.NodeID, d node.Digest, since raft.Index) {
	b.t.Helper()
	for {
		r := b.nodes[at].node.Running(2)
		if r.Run.Module == d && r.Since == since {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v runs %v since %d, want %v since %d", at, r.Run.Module, r.Since, d, since)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}

// TestBubbleUpgrade upgrades a machine of a production cluster under load, lets an
// upgrade be refused, rolls back, and restarts every node: the log leads them all
// to the same module.
func TestBubbleUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, heirs{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		first, second := []byte("first"), []byte("second")
		b.deploy(ctx, 1, "adder", first)
		answers, failed := make(chan uint64, 100), make(chan error, 1)
		go func() { failed <- b.client(ctx, 100, answers) }()
		n := b.nodes[2].node
		m, u, changed, err := n.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, 2, second), By: "ann", At: 5})
		if err != nil || !changed || u.State != node.UpgradeDone || m.Active.Run.Module != node.DigestOf(second) || m.Active.Since != u.Index || u.By != "ann" {
			t.Fatalf("%+v, %+v, %v, %v", m, u, changed, err)
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		close(answers)
		for want := uint64(1); want <= 100; want++ {
			if got := <-answers; got != want {
				t.Fatalf("an answer is %d, want %d: a command was lost or doubled", got, want)
			}
		}
		for id := range b.nodes {
			b.expectRunning(ctx, id, node.DigestOf(second), u.Index)
		}
		b.refusedAndRolledBack(ctx, n, u)
		was := n.Running(2)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, b.crash(id))
		}
		for id := range b.nodes {
			b.expectRunning(ctx, id, node.DigestOf(first), was.Since)
			b.expectSum(ctx, id, 100)
		}
	})
}

// refusedAndRolledBack tries a module whose restore traps, repeats what is done,
// and goes back to the module of the beginning.
func (b *bubble) refusedAndRolledBack(ctx context.Context, n *node.Node, last node.UpgradeRecord) {
	b.t.Helper()
	var refused *node.UpgradeRefusedError
	_, _, _, err := n.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, 3, []byte("traps"))})
	if !errors.As(err, &refused) || !strings.Contains(refused.Upgrade.Reason, "wraft_restore: unreachable") {
		b.t.Fatalf("an upgrade whose restore traps: %v", err)
	}
	for id := range b.nodes {
		b.expectRunning(ctx, id, last.To.Module, last.Index)
	}
	if _, _, changed, err := n.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: last.To.Module}); err != nil || changed {
		b.t.Errorf("an upgrade to what runs: %v, %v", changed, err)
	}
	if _, _, _, err := n.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: node.Digest{9}}); !errors.Is(err, node.ErrNoModule) {
		b.t.Errorf("an upgrade to a module nobody has: %v", err)
	}
	m, u, _, err := n.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Rollback: true})
	if err != nil || u.To != last.From || !u.Rollback || len(m.History) != 3 {
		b.t.Fatalf("rollback: %+v, %v", u, err)
	}
	for id := range b.nodes {
		b.expectRunning(ctx, id, last.From.Module, u.Index)
		b.expectSum(ctx, id, 100)
	}
}

// TestBubbleUpgradeWithoutTheModule cuts a node off during an upgrade: when it is
// back it meets the entry without the module, gets it, and loses nothing.
func TestBubbleUpgradeWithoutTheModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, heirs{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("first"))
		away := b.leader(2)%3 + 1
		disk := b.crash(away)
		via := away%3 + 1
		_, u, _, err := b.nodes[via].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, via, []byte("second"))})
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan uint64, 20)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		b.boot(away, disk)
		b.expectRunning(ctx, away, u.To.Module, u.Index)
		b.expectSum(ctx, away, 20)
	})
}

// TestBubbleUpgradeWASM upgrades between two versions of a real module, and back;
// one that refuses a state, and one that traps halfway, change nothing.
func TestBubbleUpgradeWASM(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles Go guests")
	}
	first, second := wasmtest.Counter(t), wasmtest.Counter2(t)
	engine := sharedEngine(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, node.NewWASM(engine))
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 3, "counter", first)
		call := func(command, want string) {
			t.Helper()
			r, err := b.nodes[1].node.Call(ctx, "counter", node.Call{Data: []byte(command), Forward: true})
			if err != nil || string(r.Data) != want {
				t.Fatalf("%s: %q, %v; want %s", command, r.Data, err, want)
			}
		}
		call("add 13", `{"value":13}`)
		b.refuses(ctx, "counter", second, "wraft_restore: status 13: an unlucky number")
		b.refuses(ctx, "counter", wasmtest.Halfway(t), "wraft_restore: unreachable: panic: the migration of the second byte is not written")
		call("incr", `{"value":14}`)
		_, u, _, err := b.nodes[1].node.Upgrade(ctx, node.UpgradeRequest{Machine: "counter", Module: b.upload(ctx, 1, second)})
		if err != nil {
			t.Fatal(err)
		}
		call("incr", `{"value":15,"version":2,"from":0}`)
		if _, _, _, err := b.nodes[2].node.Upgrade(ctx, node.UpgradeRequest{Machine: "counter", Rollback: true}); err != nil {
			t.Fatal(err)
		}
		call("incr", `{"value":16}`)
		b.boot(3, b.crash(3))
		back := b.nodes[1].node.Running(2)
		if back.Run.Module != node.DigestOf(first) || back.Since <= u.Index {
			t.Errorf("after the rollback %+v", back)
		}
		digests := map[string]bool{}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectCounter(ctx, id, `{"value":16}`)
			b.expectRunning(ctx, id, back.Run.Module, back.Since)
			d, at, err := b.nodes[id].node.Digest(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			digests[fmt.Sprintf("%x", d)] = true
			t.Logf("node %v exports %x at %d", id, d[:4], at)
		}
		if len(digests) != 1 {
			t.Errorf("the nodes export %d different states", len(digests))
		}
	})
}

// refuses wants an upgrade refused with words on every node.
func (b *bubble) refuses(ctx context.Context, machine string, binary []byte, words string) {
	b.t.Helper()
	var refused *node.UpgradeRefusedError
	_, _, _, err := b.nodes[2].node.Upgrade(ctx, node.UpgradeRequest{Machine: machine, Module: b.upload(ctx, 2, binary)})
	if !errors.As(err, &refused) || !strings.Contains(refused.Upgrade.Reason, words) {
		b.t.Fatalf("an upgrade that must fail: %v, want %q", err, words)
	}
}

// short is an opener on a node that has no memory for one module.
type short struct {
	heirs
	module string
}

func (s short) Open(ctx context.Context, artefact []byte, o node.OpenConfig) (node.Machine, error) {
	if string(artefact) == "artefact of "+s.module {
		return nil, errors.New("no memory for it here")
	}
	return s.heirs.Open(ctx, artefact, o)
}

// TestBubbleUpgradeHaltsWhereItCannotRun: trouble of one node is no verdict. Its
// replica halts at the entry, alone, and goes on when the trouble is over.
func TestBubbleUpgradeHaltsWhereItCannotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, heirs{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("first"))
		lame := b.leader(2)%3 + 1
		b.opener = func(raft.NodeID) node.MachineOpener { return short{module: "second"} }
		b.boot(lame, b.crash(lame))
		via := lame%3 + 1
		_, u, _, err := b.nodes[via].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, via, []byte("second"))})
		if err != nil {
			t.Fatal(err)
		}
		b.awaitPhase(ctx, lame, node.PhaseFailed, "no memory for it here")
		answers := make(chan uint64, 20)
		if err := b.client(ctx, 20, answers); err != nil {
			t.Fatal(err)
		}
		b.opener = func(raft.NodeID) node.MachineOpener { return heirs{} }
		b.boot(lame, b.crash(lame))
		b.expectRunning(ctx, lame, u.To.Module, u.Index)
		b.expectSum(ctx, lame, 20)
	})
}

// awaitPhase waits until the machine is in a phase on a node, for a cause with words.
func (b *bubble) awaitPhase(ctx context.Context, at raft.NodeID, want node.DeployPhase, words string) {
	b.t.Helper()
	for {
		info, err := b.nodes[at].node.Group(ctx, 2, "adder")
		if err == nil && info.Phase == want && info.Cause != nil && strings.Contains(info.Cause.Error(), words) {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v: %v, %v, %v", at, info.Phase, info.Cause, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}
