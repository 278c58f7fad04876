package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// metaDesk is a meta machine with one machine, of module 1, in group 2.
type metaDesk struct {
	t     *testing.T
	m     *MetaMachine
	seen  *Catalogue
	index uint64
}

func newMetaDesk(t *testing.T) *metaDesk {
	d := &metaDesk{t: t}
	d.m = NewMetaMachine(func(c *Catalogue) { d.seen = c })
	d.apply(BootstrapCommand("blue", []NodeRecord{{ID: 1}, {ID: 2}, {ID: 3}}))
	d.apply(DeployCommand("counter", testRun(1, 5), SnapshotDefault))
	return d
}

func (d *metaDesk) apply(data []byte, err error) plugins.Result {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	d.index++
	r, err := d.m.Apply(context.Background(), plugins.Moment{Index: d.index}, [][]byte{data})
	if err != nil {
		d.t.Fatal(err)
	}
	return r[0]
}

func (d *metaDesk) begin(r UpgradeRequest) (int32, uint64) {
	d.t.Helper()
	r.Machine = "counter"
	m, _ := d.seen.Machine(r.Machine)
	got := d.apply(BeginUpgradeCommand(r, testRun(r.Module[0], r.Limits.orElse(m.Active.Run.Limits).MemoryBytes)))
	if len(got.Data) == 0 {
		return got.Status, 0
	}
	return got.Status, binary.BigEndian.Uint64(got.Data)
}

func (d *metaDesk) decide(o UpgradeOutcome) int32 {
	d.t.Helper()
	return d.apply(DecideUpgradeCommand(2, o)).Status
}

func (d *metaDesk) expect(status int32, id uint64) func(int32, uint64) {
	d.t.Helper()
	return func(gotStatus int32, gotID uint64) {
		d.t.Helper()
		if gotStatus != status || gotID != id {
			d.t.Fatalf("status %d, ID %d; want %d, %d", gotStatus, gotID, status, id)
		}
	}
}

// TestMetaUpgrade walks a machine through an upgrade, a refusal and a rollback.
func TestMetaUpgrade(t *testing.T) {
	d := newMetaDesk(t)
	d.expect(metaExists, 0)(d.begin(UpgradeRequest{Module: Digest{1}}))
	d.expect(metaNoPrevious, 0)(d.begin(UpgradeRequest{Rollback: true}))
	d.expect(metaOK, 1)(d.begin(UpgradeRequest{Module: Digest{2}, Limits: MachineLimits{MemoryBytes: 50}, By: "ann", At: 99}))
	d.expect(metaOK, 1)(d.begin(UpgradeRequest{Module: Digest{2}, Limits: MachineLimits{MemoryBytes: 50}, By: "bob"}))
	d.expect(metaUpgrading, 1)(d.begin(UpgradeRequest{Module: Digest{3}}))
	if r := d.apply(BeginUpgradeCommand(UpgradeRequest{Machine: "nobody"}, MachineRun{})); r.Status != metaUnknownMachine {
		t.Errorf("an unknown machine: %d", r.Status)
	}
	m, _ := d.seen.Machine("counter")
	if p := m.Pending; p == nil || p.By != "ann" || p.At != 99 || p.From != testRun(1, 5) || p.To != testRun(2, 50) {
		t.Fatalf("pending %+v", p)
	}
	d.decide(UpgradeOutcome{ID: 1, Index: 40, Module: Digest{2}})
	if s := d.decide(UpgradeOutcome{ID: 1, Index: 41}); s != metaDecided {
		t.Errorf("a second report: %d", s)
	}
	d.expect(metaOK, 2)(d.begin(UpgradeRequest{Module: Digest{3}}))
	if s := d.decide(UpgradeOutcome{ID: 1, Index: 42}); s != metaDecided {
		t.Errorf("a late report of another upgrade: %d", s)
	}
	d.decide(UpgradeOutcome{ID: 2, Index: 50, Status: StatusUpgradeRefused, Reason: "it traps"})
	d.expect(metaOK, 3)(d.begin(UpgradeRequest{Rollback: true}))
	d.decide(UpgradeOutcome{ID: 3, Index: 60})
	m, _ = d.seen.Machine("counter")
	if m.Run != testRun(1, 5) || m.Created != 2 {
		t.Errorf("what the log begins with has changed: %+v", m)
	}
	if m.Active.Run != testRun(1, 5) || m.Active.Since != 60 || m.Previous.Run != testRun(2, 50) || m.Pending != nil {
		t.Errorf("after the rollback: %+v, before it %+v", m.Active, m.Previous)
	}
	got := ""
	for _, u := range m.History {
		got += fmt.Sprintf("%d %x>%x %v at %d %q; ", u.ID, u.From.Module[:1], u.To.Module[:1], u.State, u.Index, u.Reason)
	}
	if want := `1 01>02 done at 40 ""; 2 02>03 refused at 50 "it traps"; 3 02>01 done at 60 ""; `; got != want {
		t.Errorf("history\n%s, want\n%s", got, want)
	}
	if u, ok := m.Upgrade(2); !ok || u.Reason != "it traps" {
		t.Errorf("finding an upgrade: %+v, %v", u, ok)
	}
	if r := d.apply(DeployCommand("counter", testRun(1, 5), SnapshotDefault)); r.Status != metaExists {
		t.Errorf("a deploy of what runs: %d", r.Status)
	}
	if r := d.apply(DeployCommand("counter", testRun(2, 5), SnapshotDefault)); r.Status != metaConflict {
		t.Errorf("a deploy of what does not run: %d", r.Status)
	}
}

// TestMetaHistoryIsBounded, and what was published before never changes.
func TestMetaHistoryIsBounded(t *testing.T) {
	d := newMetaDesk(t)
	first := d.seen
	for id := uint64(1); id <= UpgradeHistoryMax+10; id++ {
		d.expect(metaOK, id)(d.begin(UpgradeRequest{Module: Digest{2}}))
		d.decide(UpgradeOutcome{ID: DeployID(id), Index: raft.Index(id), Status: StatusUpgradeRefused})
	}
	m, _ := d.seen.Machine("counter")
	if len(m.History) != UpgradeHistoryMax || m.History[0].ID != 11 || m.History[UpgradeHistoryMax-1].ID != UpgradeHistoryMax+10 {
		t.Errorf("%d upgrades are kept, from %d", len(m.History), m.History[0].ID)
	}
	if m, _ := first.Machine("counter"); m.Pending != nil || m.History != nil {
		t.Errorf("a published catalogue changed: %+v", m)
	}
}

// TestMetaUpgradesAreAdmitted: for a moment both modules have an instance, so both
// must fit; and the level holds for upgrades too, but not for going back.
func TestMetaUpgradesAreAdmitted(t *testing.T) {
	d := newMetaDesk(t)
	d.apply(AnnounceCommand(NodeRecord{ID: 3, MemoryBudget: 100, Serves: 1})) // the machine counts for 10
	to := func(module byte, memory uint64) plugins.Result {
		return d.apply(BeginUpgradeCommand(UpgradeRequest{Machine: "counter"}, testRun(module, memory)))
	}
	if r := to(2, 46); r.Status != metaMemory {
		t.Errorf("92 bytes where 90 are left: %+v", r)
	}
	later := testRun(2, 40)
	later.Pass = plugins.PassVersion + 1
	if r := d.apply(BeginUpgradeCommand(UpgradeRequest{Machine: "counter"}, later)); r.Status != metaLevel {
		t.Errorf("a later pass: %+v", r)
	}
	if r := to(2, 45); r.Status != metaOK || d.seen.MemoryUsed(3) != 100 {
		t.Errorf("what fits: %+v, %d in use", r, d.seen.MemoryUsed(3))
	}
	if r := d.apply(DeployCommand("other", testRun(1, 1), SnapshotDefault)); r.Status != metaMemory {
		t.Errorf("a deploy beside the upgrade: %+v", r)
	}
	d.decide(UpgradeOutcome{ID: 1, Index: 9})
	if used := d.seen.MemoryUsed(3); used != 90 {
		t.Errorf("after the upgrade it counts for %d", used)
	}
}

// TestMetaUpgradeToANewerPass: the same module, made anew by a newer release, is an
// upgrade like any other; made by the same one it is nothing.
func TestMetaUpgradeToANewerPass(t *testing.T) {
	d := newMetaDesk(t)
	m, _ := d.seen.Machine("counter")
	older := m.Run
	older.Pass--
	older.Artefact = Digest{8}
	if r := d.apply(BeginUpgradeCommand(UpgradeRequest{Machine: "counter"}, older)); r.Status != metaExists {
		t.Errorf("what an older release makes of it: %+v", r)
	}
	d.apply(DeployCommand("second", older, SnapshotDefault))
	if r := d.apply(BeginUpgradeCommand(UpgradeRequest{Machine: "second"}, m.Run)); r.Status != metaOK {
		t.Errorf("what this release makes of it: %+v", r)
	}
}
