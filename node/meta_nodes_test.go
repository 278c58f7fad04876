package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// testRun is a run of a module with so many bytes of memory, which every level allows.
func testRun(module byte, memory uint64) MachineRun {
	return MachineRun{
		Module: Digest{module}, Artefact: Digest{module, 1}, Pass: features[Level1].pass, Host: features[Level1].host,
		Limits: MachineLimits{MemoryBytes: memory},
	}
}

// metaLog is a meta machine and its log.
type metaLog struct {
	t         *testing.T
	machine   *MetaMachine
	index     uint64
	catalogue *Catalogue
}

// newMetaLog is a cluster of three nodes.
func newMetaLog(t *testing.T, level, serves FeatureLevel) *metaLog {
	l := &metaLog{t: t}
	l.machine = NewMetaMachine(func(c *Catalogue) { l.catalogue = c })
	l.machine.serves = serves
	l.apply(metaCommand{Bootstrap: &bootstrapCommand{Cluster: "blue", Nodes: []NodeRecord{{ID: 1}, {ID: 2}, {ID: 3}}, Level: level}}.encode())
	return l
}

func (l *metaLog) try(data []byte, err error) (plugins.Result, error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	l.index++
	r, err := l.machine.Apply(context.Background(), plugins.Moment{Index: l.index}, [][]byte{data})
	if err != nil {
		return plugins.Result{}, err
	}
	return r[0], nil
}

func (l *metaLog) apply(data []byte, err error) plugins.Result {
	l.t.Helper()
	r, err := l.try(data, err)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// TestDeploysThatDoNotFitAreRefused: the nodes' budgets are part of the catalogue,
// so every replica of it refuses alike and says by how much.
func TestDeploysThatDoNotFitAreRefused(t *testing.T) {
	l := newMetaLog(t, 1, 1)
	if r := l.apply(DeployCommand("a", testRun(1, 100*mib), SnapshotDefault)); r.Status != metaOK {
		t.Fatalf("before any budget is known: %+v", r)
	}
	l.apply(AnnounceCommand(NodeRecord{ID: 1, MemoryBudget: gib, Serves: 1}))
	l.apply(AnnounceCommand(NodeRecord{ID: 2, MemoryBudget: 500 * mib, Serves: 1}))
	l.apply(AnnounceCommand(NodeRecord{ID: 3, MemoryBudget: 420 * mib, Serves: 1}))
	if r := l.apply(AnnounceCommand(NodeRecord{ID: 4, MemoryBudget: gib, Serves: 1})); r.Status != metaUnknownNode {
		t.Errorf("a node that is none: status %d", r.Status)
	}
	r := l.apply(DeployCommand("b", testRun(1, 150*mib), SnapshotDefault))
	var missing *MemoryError
	if r.Status != metaMemory || !errors.As(decodeMemoryError(r.Data), &missing) {
		t.Fatalf("it was taken: %+v", r)
	}
	if want := (MemoryError{Node: 3, Needs: 300 * mib, Used: 200 * mib, Budget: 420 * mib}); *missing != want || missing.Missing() != 80*mib {
		t.Errorf("refused with %+v, want %+v", missing, want)
	}
	if text := missing.Error(); !strings.Contains(text, "n3 has 83886080 bytes too few") {
		t.Errorf("it says %s", text)
	}
	if len(l.catalogue.Machines) != 1 || l.catalogue.MemoryUsed(3) != 200*mib || l.catalogue.MemoryUsed(9) != 0 {
		t.Errorf("the catalogue is %+v", l.catalogue)
	}
	if r := l.apply(DeployCommand("b", testRun(1, 110*mib), SnapshotDefault)); r.Status != metaOK {
		t.Errorf("what fits to the byte: %+v", r)
	}
	if r := l.apply(DeployCommand("c", testRun(1, 1), SnapshotDefault)); r.Status != metaMemory {
		t.Errorf("two bytes too many: %+v", r)
	}
	l.apply(AnnounceCommand(NodeRecord{ID: 3, MemoryBudget: 0, Serves: 1}))
	if r := l.apply(DeployCommand("c", testRun(1, 30*mib), SnapshotDefault)); r.Status != metaOK {
		t.Errorf("with node 3 without bound: %+v", r)
	}
	if r := l.apply(DeployCommand("d", testRun(1, 1<<63), SnapshotDefault)); r.Status != metaMemory {
		t.Errorf("a limit that wraps around when doubled: %+v", r)
	}
}

// TestFeatureLevels: a level is reached when all nodes serve it, and gates what is
// deployed.
func TestFeatureLevels(t *testing.T) {
	l := newMetaLog(t, 1, 2)
	newer := testRun(1, 5)
	newer.Pass++
	if r := l.apply(DeployCommand("a", newer, SnapshotDefault)); r.Status != metaLevel || !strings.Contains(string(r.Data), "level 1 allows no machine of pass") {
		t.Errorf("an artefact of a later pass: %+v", r)
	}
	newer = testRun(1, 5)
	newer.Host++
	if r := l.apply(DeployCommand("a", newer, SnapshotDefault)); r.Status != metaLevel {
		t.Errorf("an artefact for later semantics: %+v", r)
	}
	l.apply(AnnounceCommand(NodeRecord{ID: 1, MemoryBudget: 0, Serves: 2}))
	l.apply(AnnounceCommand(NodeRecord{ID: 2, MemoryBudget: 0, Serves: 2}))
	if r := l.apply(RaiseCommand(2)); r.Status != metaLevel || string(r.Data) != "n3 serves up to 0, 2 was asked for" {
		t.Errorf("with a node that was never up: %+v", r)
	}
	l.apply(AnnounceCommand(NodeRecord{ID: 3, MemoryBudget: 0, Serves: 2}))
	if r := l.apply(RaiseCommand(2)); r.Status != metaOK || l.catalogue.Level != 2 {
		t.Errorf("raise: %+v, level %d", r, l.catalogue.Level)
	}
	if r := l.apply(RaiseCommand(1)); r.Status != metaExists || l.catalogue.Level != 2 {
		t.Errorf("back: %+v, level %d", r, l.catalogue.Level)
	}
	if FeatureLevel(99).allows(0, 0) || !FeatureLevelMax.allows(plugins.PassVersion, plugins.HostVersion) {
		t.Error("an unknown level allows something, or this release's own does not allow what it makes")
	}
}

// TestALevelBeyondThisReleaseEndsIt: an older release stops at the entry that it
// cannot follow, with an error that says so.
func TestALevelBeyondThisReleaseEndsIt(t *testing.T) {
	l := newMetaLog(t, 1, 1)
	for id := raft.NodeID(1); id <= 3; id++ {
		l.apply(AnnounceCommand(NodeRecord{ID: id, MemoryBudget: 0, Serves: 2}))
	}
	_, err := l.try(RaiseCommand(2))
	var level *LevelError
	if !errors.As(err, &level) || *level != (LevelError{Cluster: 2, Serves: 1}) {
		t.Errorf("raised to what it does not serve: %v", err)
	}
}

// TestTheSameModuleOfANewerPassIsTheSameMachine: what runs is what was deployed
// first, whatever a newer release would make of the module.
func TestTheSameModuleOfANewerPassIsTheSameMachine(t *testing.T) {
	l := newMetaLog(t, 1, 1)
	first := testRun(1, 5)
	l.apply(DeployCommand("a", first, SnapshotDefault))
	again := first
	again.Artefact = Digest{9}
	if r := l.apply(DeployCommand("a", again, SnapshotDefault)); r.Status != metaExists {
		t.Errorf("another artefact of the same module: %+v", r)
	}
	if m, _ := l.catalogue.Machine("a"); m.Run != first || m.Run.ID() == again.ID() {
		t.Errorf("it runs %+v", m.Run)
	}
}

// TestNodesAnnounceWhereTheyAre: an address that is another node's is not taken, all else
// is; one that is not named stays.
func TestNodesAnnounceWhereTheyAre(t *testing.T) {
	l := newMetaLog(t, 1, 1)
	for _, row := range []struct {
		what   string
		say    NodeRecord
		status int32
		want   NodeRecord
	}{
		{"both", NodeRecord{ID: 1, PeerAddress: "a:1", APIAddress: "a:2"}, metaOK, NodeRecord{PeerAddress: "a:1", APIAddress: "a:2"}},
		{"none", NodeRecord{ID: 1, MemoryBudget: 7}, metaOK, NodeRecord{PeerAddress: "a:1", APIAddress: "a:2", MemoryBudget: 7}},
		{"another's", NodeRecord{ID: 2, PeerAddress: "a:1", APIAddress: "b:2", MemoryBudget: 8}, metaConflict, NodeRecord{MemoryBudget: 8}},
		{"its own", NodeRecord{ID: 2, PeerAddress: "b:1", APIAddress: "a:2"}, metaOK, NodeRecord{PeerAddress: "b:1", APIAddress: "a:2"}},
		{"a move", NodeRecord{ID: 1, PeerAddress: "c:1"}, metaOK, NodeRecord{PeerAddress: "c:1", APIAddress: "a:2"}},
		{"what became free", NodeRecord{ID: 3, PeerAddress: "a:1"}, metaOK, NodeRecord{PeerAddress: "a:1"}},
		{"what became taken", NodeRecord{ID: 1, PeerAddress: "a:1"}, metaConflict, NodeRecord{PeerAddress: "c:1", APIAddress: "a:2"}},
	} {
		r := l.apply(AnnounceCommand(row.say))
		got, _ := l.catalogue.Node(row.say.ID)
		if r.Status != row.status || got.PeerAddress != row.want.PeerAddress || got.APIAddress != row.want.APIAddress || got.MemoryBudget != row.want.MemoryBudget {
			t.Errorf("%s: status %d (%s), %+v, want %d, %+v", row.what, r.Status, r.Data, got, row.status, row.want)
		}
		now := l.machine.catalogue
		if again := l.apply(AnnounceCommand(row.say)); again.Status != row.status || l.machine.catalogue != now {
			t.Errorf("%s, again: status %d, and the catalogue is a new one: %t", row.what, again.Status, l.machine.catalogue != now)
		}
	}
}
