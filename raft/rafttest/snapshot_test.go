package rafttest

import (
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/quorum"
)

// abc is a log of four entries, committed up to the third, applied in a machine.
func abc() (raft.HardState, []raft.Entry) {
	return raft.HardState{Term: 2, Vote: 1, Commit: 3},
		[]raft.Entry{entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 2, "c"), entry(4, 2, "d")}
}

func metaAt(index raft.Index, term raft.Term) raft.SnapshotMeta {
	return raft.SnapshotMeta{Index: index, Term: term, Configuration: confchange.New(1, 2, 3)}
}

// withSnapshot returns the disk with abc and the bytes of a snapshot at index.
func withSnapshot(t *testing.T, index raft.Index) *Disk {
	t.Helper()
	state, entries := abc()
	d := diskWith(t, state, entries...)
	chain := uint64(0)
	for _, e := range entries[:min(int(index), len(entries))] {
		chain = chainOn(chain, e)
	}
	d.Save(Snapshot{Meta: metaAt(index, 2), Chain: chain, Machine: entries[:min(int(index), len(entries))]})
	return d
}

func TestDiskRefusesImpossibleSnapshots(t *testing.T) {
	three, four := metaAt(3, 2), metaAt(4, 2)
	wrong := metaAt(3, 1)
	for name, c := range map[string]struct {
		bytes raft.Index
		w     raft.Write
	}{
		"without its bytes":       {2, raft.Write{ID: 1, Snapshot: &three}},
		"beyond the commit":       {4, raft.Write{ID: 1, Snapshot: &four}},
		"of another term":         {3, raft.Write{ID: 1, Snapshot: &wrong}},
		"reset and truncation":    {3, raft.Write{ID: 1, Snapshot: &three, Reset: true, Truncate: true, TruncateAfter: 3}},
		"compaction beyond it":    {3, raft.Write{ID: 1, Snapshot: &three, CompactTo: 4}},
		"compaction without one":  {3, raft.Write{ID: 1, CompactTo: 1}},
		"a reset behind a commit": {4, raft.Write{ID: 1, Snapshot: &four, Reset: true}},
	} {
		if err := withSnapshot(t, c.bytes).Begin(c.w); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	d := withSnapshot(t, 3)
	if err := d.Begin(raft.Write{ID: 1, Snapshot: &three, CompactTo: 2}); err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(raft.Write{ID: 2, Snapshot: &three}); err == nil {
		t.Error("one snapshot twice is accepted")
	}
	if d.Entries(2, 9) != nil || len(d.Entries(3, 9)) != 2 {
		t.Error("entries are not purged")
	}
}

// TestACrashKeepsOneSideOfASnapshot: the log and the snapshot change as one.
func TestACrashKeepsOneSideOfASnapshot(t *testing.T) {
	five := metaAt(5, 2)
	for keep, want := range []raft.Restored{
		{PurgedIndex: 0, LastIndex: 4},
		{PurgedIndex: 5, LastIndex: 5, Snapshot: five},
	} {
		d := withSnapshot(t, 5)
		state := raft.HardState{Term: 2, Vote: 1, Commit: 5}
		if err := d.Begin(raft.Write{ID: 1, Snapshot: &five, Reset: true, HardState: &state}); err != nil {
			t.Fatal(err)
		}
		d.Crash(keep)
		r := d.Restored()
		if r.PurgedIndex != want.PurgedIndex || r.LastIndex != want.LastIndex || r.Snapshot.Index != want.Snapshot.Index {
			t.Errorf("%d writes kept: %+v", keep, r)
		}
		if _, err := raft.New(raft.Config{ID: 1, Group: 1}, r, 0); err != nil {
			t.Errorf("%d writes kept: %v", keep, err)
		}
	}
}

// TestCheckSeesAWrongSnapshot: the checker has seen abc committed.
func TestCheckSeesAWrongSnapshot(t *testing.T) {
	state, entries := abc()
	for name, c := range map[string]struct {
		want  string
		spoil func(*image)
	}{
		"sound":                 {"", func(*image) {}},
		"of another term":       {"not committed", func(m *image) { m.snapshot.Term = 1 }},
		"not committed":         {"not committed", func(m *image) { m.snapshot.Index = 4 }},
		"another configuration": {"configuration", func(m *image) { m.snapshot.Configuration = confchange.New(1, 2) }},
		"its index":             {"configuration", func(m *image) { m.snapshot.ConfigIndex = 1 }},
		"another log before":    {"begins behind", func(m *image) { m.base, m.start = place{2, 1}, 7; m.entries, m.chain = m.entries[2:], m.chain[2:] }},
		"a log not committed":   {"begins behind", func(m *image) { m.base, m.start = place{4, 2}, m.chain[3]; m.entries, m.chain = nil, nil }},
	} {
		a, b := lone(t, 1, state, entries...), lone(t, 2, state, entries...)
		k := NewChecker(quorum.Majority{1, 2, 3})
		if err := k.Check(a, []*Node{a, b}); err != nil {
			t.Fatal(err)
		}
		b.Disk.memory.snapshot = metaAt(3, 2)
		c.spoil(&b.Disk.memory)
		err := k.checkSnapshot(b, &seen{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckSeesAnotherStateInASnapshot: a machine that was restored is checked from
// its first entry on.
func TestCheckSeesAnotherStateInASnapshot(t *testing.T) {
	state, entries := abc()
	a, b := lone(t, 1, state, entries...), lone(t, 2, state, entries...)
	k, all := NewChecker(quorum.Majority{1, 2, 3}), []*Node{a, b}
	if err := k.Check(a, all); err != nil {
		t.Fatal(err)
	}
	a.Applied = entries[:3]
	if err := k.Check(a, all); err != nil {
		t.Fatal(err)
	}
	a.Applied = []raft.Entry{entry(1, 1, "z"), entries[1], entries[2]}
	a.restores++
	if err := k.Check(a, all); err == nil {
		t.Error("not seen")
	}
}

func TestASnapshotWithoutItsBytesStopsTheNode(t *testing.T) {
	d := withSnapshot(t, 3)
	three := metaAt(3, 2)
	if err := d.Begin(raft.Write{ID: 1, Snapshot: &three}); err != nil {
		t.Fatal(err)
	}
	d.Sync(1)
	n := &Node{ID: 1, Disk: d}
	if err := n.Start(raft.Config{Group: 1, Seed: 1}, 0); err != nil || len(n.Applied) != 3 {
		t.Fatalf("%v, %d applied", err, len(n.Applied))
	}
	if _, ok := d.Snapshot(); !ok {
		t.Error("the published snapshot is not there")
	}
	if _, ok := n.Receiving(); ok || n.ReceiveSnapshot(Snapshot{Meta: three}) == nil || n.TakeSnapshot(nil) {
		t.Error("a node that waits for nothing takes a snapshot")
	}
	clear(d.snapshots)
	if err := n.Start(raft.Config{Group: 1, Seed: 1}, 0); err == nil {
		t.Error("not seen")
	}
}

func TestSnapshotScriptsFailWhereExpectationsDo(t *testing.T) {
	begin := []string{
		"cluster 3", "limit retained 1", "boot", "elect 1", "propose 1 x", "deliver", "cut 1->3", "propose 1 y", "deliver",
		"tick 10", "snapshot 1", "hold-snapshots", "mend 1->3", "tick 1", "expect-transfers 1->3:3",
	}
	for _, wrong := range []string{
		"snapshot 1", "snapshot 9", "progress 1->3", "progress 1 7", "progress 2->3 7", "fail-snapshot 2->3", "expect-snapshot 1 3 2",
		"expect-snapshot 1 2 3", "expect-snapshot 9 1 1", "expect-snapshot 1", "expect-transfers", "limit retained x",
	} {
		if _, err := NewEnvironment().Run(append(begin[:len(begin):len(begin)], wrong)); err == nil {
			t.Errorf("%q is fine", wrong)
		}
	}
	for _, right := range [][]string{
		{"progress 1->3 7"},
		{"cut 1->3", "release-snapshots", "deliver", "expect-transfers", "expect-snapshot 3 0 0"},
		{"crash 1 keep-unsynced", "release-snapshots", "deliver", "expect-transfers", "expect-snapshot 3 3 3"},
		{"inject 1->3 InstallSnapshot term=1 last=1 last-term=1", "expect-snapshot 3 0 0"},
	} {
		if out, err := NewEnvironment().Run(append(begin[:len(begin):len(begin)], right...)); err != nil {
			t.Errorf("%q: %v\n%s", right, err, out)
		}
	}
}
