package nodetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// release is an opener as one release has it: its pass makes an artefact of its own
// of a module. It remembers what it opened.
type release struct {
	pass   uint32
	forges bool // its artefacts are not what they claim to be

	mu     sync.Mutex // guards opened
	opened []string
}

func (r *release) Check(context.Context, []byte) error { return nil }

func (r *release) Prepare(_ context.Context, module []byte, _ node.MachineLimits) (node.Prepared, error) {
	made := fmt.Appendf(nil, "pass %d of %s", r.pass, module)
	if r.forges {
		made = append(made, " and more"...)
	}
	return node.Prepared{Artefact: made, Pass: r.pass, Host: 1}, nil
}

func (r *release) Verify(_ context.Context, artefact, module []byte) error {
	if text := string(artefact); !strings.HasPrefix(text, "pass ") || !strings.HasSuffix(text, " of "+string(module)) {
		return fmt.Errorf("%q was not made of %q", artefact, module)
	}
	return nil
}

func (r *release) Open(_ context.Context, artefact []byte, _ node.OpenConfig) (node.Machine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened = append(r.opened, string(artefact))
	return &adder{}, nil
}

func (r *release) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.opened
	r.opened = nil
	return out
}

// inRelease runs a scenario on three nodes of one release.
func inRelease(t *testing.T, r *release, tune func(*node.Config), scenario func(ctx context.Context, t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, r, tune)
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		scenario(ctx, t, b)
	})
}

// reboot stops all nodes and starts them again on their disks.
func (b *bubble) reboot() {
	for id := raft.NodeID(1); id <= 3; id++ {
		disk := b.crash(id)
		defer b.boot(id, disk)
	}
}

// awaitMachine waits until a node's catalogue has a machine that runs there.
func (b *bubble) awaitMachine(ctx context.Context, at raft.NodeID, name string) node.MachineRecord {
	b.t.Helper()
	for ctx.Err() == nil {
		if m, ok := b.nodes[at].node.Catalogue().Machine(name); ok {
			if info, err := b.nodes[at].node.Group(ctx, m.Group, name); err == nil && info.Phase == node.PhaseRunning {
				return m
			}
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the node replay its log
	}
	b.t.Fatalf("node %v never runs %s", at, name)
	return node.MachineRecord{}
}

// TestANewerReleaseRunsWhatWasDeployed: the artefact of the deploying node is what
// all replicas run, and a release with another pass runs it on, to the byte.
func TestANewerReleaseRunsWhatWasDeployed(t *testing.T) {
	old, next := &release{pass: 1}, &release{pass: 2}
	inRelease(t, old, nil, func(ctx context.Context, t *testing.T, b *bubble) {
		module := []byte("module")
		b.deploy(ctx, 2, "adder", module)
		before := b.awaitMachine(ctx, 1, "adder")
		if want := node.DigestOf([]byte("pass 1 of module")); before.Run.Artefact != want || before.Run.Module != node.DigestOf(module) || before.Run.Pass != 1 {
			t.Errorf("it runs %+v", before.Run)
		}
		if _, err := b.nodes[1].node.Call(ctx, "adder", node.Call{Data: []byte("abc"), Forward: true}); err != nil {
			t.Fatal(err)
		}
		b.opener = func(raft.NodeID) node.MachineOpener { return next }
		b.reboot()
		for id := raft.NodeID(1); id <= 3; id++ {
			if m := b.awaitMachine(ctx, id, "adder"); m.Run != before.Run || m.Run.ID() != before.Run.ID() {
				t.Errorf("node %v runs %+v, before it ran %+v", id, m.Run, before.Run)
			}
			b.expectSum(ctx, id, 3)
		}
		for _, artefact := range next.take() {
			if artefact != "pass 1 of module" {
				t.Errorf("the new release opened %q", artefact)
			}
		}
		m, created, err := b.nodes[3].node.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: node.DigestOf(module)})
		if err != nil || created || m.Run != before.Run {
			t.Errorf("deployed again: %+v, %v, %v", m.Run, created, err)
		}
		m, created, err = b.nodes[3].node.Deploy(ctx, node.DeployRequest{Machine: "other", Module: node.DigestOf(module)})
		if err != nil || !created || m.Run.Artefact != node.DigestOf([]byte("pass 2 of module")) {
			t.Errorf("a machine of its own: %+v, %v", m.Run, err)
		}
	})
}

// TestForgedArtefactsAreNotReplicated: the other nodes compare an artefact with the
// module before they keep it, so that a deploy without a quorum fails.
func TestForgedArtefactsAreNotReplicated(t *testing.T) {
	inRelease(t, &release{pass: 1, forges: true}, nil, func(ctx context.Context, t *testing.T, b *bubble) {
		module := []byte("module")
		n := b.nodes[1].node
		if _, _, err := n.PutModule(ctx, node.DigestOf(module), bytes.NewReader(module)); err != nil {
			t.Fatal(err)
		}
		_, _, err := n.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: node.DigestOf(module)})
		if !errors.Is(err, node.ErrNoQuorum) || !strings.Contains(err.Error(), "was not made of") {
			t.Errorf("the deploy ended with %v", err)
		}
		if _, err := b.nodes[2].node.Find(ctx, "adder"); !errors.Is(err, node.ErrNoMachine) {
			t.Errorf("there is such a machine: %v", err)
		}
	})
}

// TestANewerPassIsRefusedBeforeItIsSpread: below its level nobody is asked to keep what the
// newer release makes. The others would not: they are of the release before.
func TestANewerPassIsRefusedBeforeItIsSpread(t *testing.T) {
	old, next := &release{pass: 1}, &release{pass: plugins.PassVersion + 1, forges: true} // which the others do not keep
	inRelease(t, old, nil, func(ctx context.Context, t *testing.T, b *bubble) {
		module := []byte("module")
		b.deploy(ctx, 2, "adder", module)
		b.opener = func(id raft.NodeID) node.MachineOpener {
			if id == 1 {
				return next
			}
			return old
		}
		b.boot(1, b.crash(1))
		b.awaitMachine(ctx, 1, "adder")
		var level *node.LevelRefusedError
		_, _, err := b.nodes[1].node.Deploy(ctx, node.DeployRequest{Machine: "other", Module: node.DigestOf(module)})
		if !errors.As(err, &level) || !strings.Contains(err.Error(), "allows no machine of pass") {
			t.Errorf("deployed through the newer release: %v", err)
		}
		_, _, _, err = b.nodes[1].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: node.DigestOf(module), Limits: node.MachineLimits{MemoryBytes: 1 << 20}})
		if !errors.As(err, &level) {
			t.Errorf("upgraded through the newer release: %v", err)
		}
		if _, created, err := b.nodes[3].node.Deploy(ctx, node.DeployRequest{Machine: "other", Module: node.DigestOf(module)}); err != nil || !created {
			t.Errorf("deployed through the release before: %v, %v", created, err)
		}
		b.awaitMachine(ctx, 1, "other")
	})
}

// TestALevelThatWasRaisedElsewhereHolds: a node that has not heard of it asks before it refuses
// what the level allows.
func TestALevelThatWasRaisedElsewhereHolds(t *testing.T) {
	tune := func(c *node.Config) { c.Serves = node.Level1 }
	old, next := &release{pass: 1}, &release{pass: plugins.PassVersion}
	inRelease(t, old, tune, func(ctx context.Context, t *testing.T, b *bubble) {
		module := []byte("module")
		b.deploy(ctx, 3, "adder", module)
		b.tune, b.opener = nil, func(raft.NodeID) node.MachineOpener { return next }
		b.reboot()
		b.awaitServed(ctx, node.Level2)
		b.handTo(ctx, node.MetaGroup, 1)
		b.router.isolate(bubbleAddr(3))
		if err := b.nodes[1].node.RaiseLevel(ctx, node.Level2); err != nil {
			t.Fatal(err)
		}
		b.router.rejoin(bubbleAddr(3))
		if level := b.nodes[3].node.Catalogue().Level; level != node.Level1 {
			t.Fatalf("it knows of level %d", level)
		}
		for {
			m, created, err := b.nodes[3].node.Deploy(ctx, node.DeployRequest{Machine: "other", Module: node.DigestOf(module)})
			if err == nil && created && m.Run.Pass == plugins.PassVersion {
				return
			}
			if !errors.Is(err, node.ErrNoLeader) { // which it may still be looking for
				t.Fatalf("%+v, %v, %v", m, created, err)
			}
		}
	})
}

// awaitServed waits until the catalogues have all nodes serve a level.
func (b *bubble) awaitServed(ctx context.Context, want node.FeatureLevel) {
	b.t.Helper()
	for at, n := range b.nodes {
		for id := range b.nodes {
			for r, _ := n.node.Catalogue().Node(id); r.Serves != want; r, _ = n.node.Catalogue().Node(id) {
				if ctx.Err() != nil {
					b.t.Fatalf("node %v believes that %v serves %d", at, id, r.Serves)
				}
				time.Sleep(10 * time.Millisecond) // virtual
			}
		}
	}
}

// TestNodesAnnounceTheirMemory: what a node has is known to all, also after it was
// started with less; a deploy that does not fit says by how much.
func TestNodesAnnounceTheirMemory(t *testing.T) {
	const mib = 1 << 20
	budget := map[raft.NodeID]uint64{1: 1000 * mib, 2: 800 * mib, 3: 900 * mib}
	tune := func(c *node.Config) { c.MemoryBudget = budget[c.Self] }
	inRelease(t, &release{pass: 1}, tune, func(ctx context.Context, t *testing.T, b *bubble) {
		b.awaitBudgets(ctx, budget)
		module := []byte("module")
		b.deploy(ctx, 1, "adder", module) // counts for 512 MiB
		deploy := func(name string, memory uint64) error {
			_, _, err := b.nodes[3].node.Deploy(ctx, node.DeployRequest{Machine: name, Module: node.DigestOf(module), Limits: node.MachineLimits{MemoryBytes: memory}})
			return err
		}
		var missing *node.MemoryError
		if err := deploy("second", 150*mib); !errors.As(err, &missing) || missing.Node != 2 || missing.Missing() != 12*mib {
			t.Errorf("300 MiB where 288 are left: %v", err)
		}
		if err := deploy("second", 100*mib); err != nil {
			t.Errorf("200 MiB where 288 are left: %v", err)
		}
		budget[2] = 600 * mib
		disk := b.crash(2)
		b.boot(2, disk)
		b.awaitBudgets(ctx, budget)
		b.awaitMachine(ctx, 2, "adder")
		m := b.awaitMachine(ctx, 1, "second")
		info, err := b.nodes[2].node.Group(ctx, m.Group, "second")
		if err != nil || info.Phase != node.PhaseFailed || !errors.As(info.Cause, &missing) || missing.Missing() != 112*mib {
			t.Errorf("on the node with less memory: %+v, %v", info, err)
		}
		if r, err := b.nodes[1].node.Call(ctx, "second", node.Call{Data: []byte{1}, Forward: true}); err != nil || r.Status != 0 {
			t.Errorf("the others go on: %+v, %v", r, err)
		}
	})
}

// awaitBudgets waits until every node knows what every node has.
func (b *bubble) awaitBudgets(ctx context.Context, want map[raft.NodeID]uint64) {
	b.t.Helper()
	for at, n := range b.nodes {
		for id := range want {
			for r, _ := n.node.Catalogue().Node(id); r.MemoryBudget != want[id]; r, _ = n.node.Catalogue().Node(id) {
				if ctx.Err() != nil {
					b.t.Fatalf("node %v believes that %v has %d", at, id, r.MemoryBudget)
				}
				time.Sleep(10 * time.Millisecond) // virtual
			}
		}
	}
}

// TestAnOlderReleaseDoesNotStart: once the level is raised, a node whose release
// serves less refuses to start, and the others go on.
func TestAnOlderReleaseDoesNotStart(t *testing.T) {
	tune := func(c *node.Config) { c.Serves = 2 }
	inRelease(t, &release{pass: 1}, tune, func(ctx context.Context, t *testing.T, b *bubble) {
		b.deploy(ctx, 1, "adder", []byte("module"))
		for {
			err := b.nodes[1].node.RaiseLevel(ctx, 2)
			var early *node.LevelRefusedError
			if err == nil {
				break
			}
			if !errors.As(err, &early) { // not all have said yet what they serve
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond) // virtual
		}
		var early *node.LevelRefusedError
		if err := b.nodes[2].node.RaiseLevel(ctx, 3); !errors.As(err, &early) || !strings.Contains(err.Error(), "serves up to 2, 3 was asked for") {
			t.Errorf("raised to what nobody serves: %v", err)
		}
		b.expectSum(ctx, 3, 0)
		disk := b.crash(3)
		b.tune = func(c *node.Config) { c.Serves = 1 }
		var level *node.LevelError
		if err := b.tryBoot(3, disk); !errors.As(err, &level) || level.Cluster != 2 || level.Serves != 1 {
			t.Errorf("the older release starts: %v", err)
		}
		b.expectSum(ctx, 1, 0)
	})
}
