package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// TestMetaDelete: a deletion leaves a tombstone, is the same when it is repeated, and
// never means a machine that got the name later; the group number is not given again.
func TestMetaDelete(t *testing.T) {
	d := newMetaDesk(t)
	d.expect(0, 1)(d.begin(UpgradeRequest{Module: Digest{9}}))
	remove := func(name string, g raft.GroupID) int32 {
		return d.apply(DeleteCommand(DeleteRequest{Machine: name, Group: g, By: "ann", At: 7})).Status
	}
	for _, wrong := range []struct {
		name  string
		group raft.GroupID
	}{{"nobody", 2}, {"counter", 3}, {"counter", 0}, {"counter", MetaGroup}} {
		if got := remove(wrong.name, wrong.group); got != metaUnknownMachine {
			t.Errorf("%+v: status %d", wrong, got)
		}
	}
	if got := remove("counter", 2); got != metaOK {
		t.Fatalf("status %d", got)
	}
	want := Tombstone{Name: "counter", Group: 2, Module: testRun(1, 5).Module, Created: 2, Index: raft.Index(d.index), At: 7, By: "ann"}
	if len(d.seen.Machines) != 0 || len(d.seen.Tombstones) != 1 || d.seen.Tombstones[0] != want || !d.seen.Deleted(2) || d.seen.Deleted(1) || d.seen.Deleted(3) {
		t.Errorf("%+v", d.seen)
	}
	if got := d.decide(UpgradeOutcome{ID: 1}); got != metaUnknownMachine {
		t.Errorf("the outcome of an upgrade of what is deleted: status %d", got)
	}
	d.apply(DeployCommand("counter", testRun(1, 5), SnapshotDefault))
	if got := remove("counter", 2); got != metaExists {
		t.Errorf("repeated: status %d", got)
	}
	if m, ok := d.seen.Machine("counter"); !ok || m.Group != 3 || m.Pending != nil || len(m.History) != 0 {
		t.Errorf("%+v", m)
	}
	for range TombstonesMax {
		m, _ := d.seen.Machine("counter")
		remove("counter", m.Group)
		d.apply(DeployCommand("counter", testRun(1, 5), SnapshotDefault))
	}
	if n := len(d.seen.Tombstones); n != TombstonesMax || !d.seen.Deleted(2) {
		t.Errorf("%d tombstones, group 2 deleted: %v", n, d.seen.Deleted(2))
	}
	if t3, ok := d.seen.Tombstone("counter", 3); !ok || t3.Group != 3 {
		t.Errorf("%+v, %v", t3, ok)
	}
	if newest, ok := d.seen.Tombstone("counter", 0); !ok || newest.Group != 2+TombstonesMax {
		t.Errorf("%+v, %v", newest, ok)
	}
}

// living is a catalogue of machines by their groups.
func living(index raft.Index, next raft.GroupID, groups ...raft.GroupID) *Catalogue {
	c := &Catalogue{Index: index, NextGroup: next}
	for _, g := range groups {
		run := testRun(1, 100*mib)
		c.Machines = append(c.Machines, MachineRecord{Name: fmt.Sprint(g), Group: g, Run: run, Active: ActiveRun{Run: run}, Seats: testSeats(1, 2)})
	}
	return c
}

// TestDeployerRemoves: what is deleted goes, however far it is, what a crash left of it
// too, and no older catalogue brings it back.
func TestDeployerRemoves(t *testing.T) {
	d := NewDeployer(2, 0, 400*mib)
	d.Found(MetaGroup, true)
	d.Found(2, true)
	d.Found(3, false)
	d.Found(9, true)
	expect := func(want string) {
		t.Helper()
		if got := describeActions(d.Next()); got != want {
			t.Fatalf("actions are %q, want %q", got, want)
		}
	}
	d.Observe(living(1, 5, 2, 3, 4))
	expect("create 2; ") // its log is here; the others' votes may be forgotten
	d.Observe(living(2, 6, 4, 5))
	expect("remove 3; ") // 2 is being created
	d.GroupCreated(2, nil)
	expect("remove 2; ")
	d.GroupRemoved(3, errors.New("the disk is slow"))
	expect("")
	at, ok := d.NextDeadline()
	if !ok || at > fetchRetryMax {
		t.Fatalf("the next try is at %v", at)
	}
	d.Tick(at)
	expect("remove 3; ")
	d.GroupRemoved(3, nil)
	d.GroupRemoved(2, nil)
	d.Observe(living(1, 5, 2, 3, 4)) // the catalogue is made anew from a snapshot
	expect("")
	d.Current()
	expect("create 4; create 5; ")
	d.GroupCreated(4, nil)
	d.GroupCreated(5, nil)
	d.ModuleStored(Digest{1})
	d.ModuleStored(Digest{1, 1})
	expect("open 4; open 5; ")
	d.Observe(living(3, 7, 4, 5, 6))
	expect("create 6; ")
	d.GroupCreated(6, nil)
	expect("")
	if s := d.States()[6]; s.Phase != PhaseFailed {
		t.Fatalf("group 6 has no room and is %+v", s)
	}
	d.Observe(living(4, 7, 5, 6))
	expect("remove 4; ") // although it is being opened
	d.MachineOpened(4, nil)
	d.Stopped(4, errors.New("too late"))
	d.Reopen(4, nil)
	if s := d.States()[4]; s.Phase != PhaseRemoving {
		t.Errorf("group 4 is %+v", s)
	}
	d.GroupRemoved(4, nil)
	expect("open 6; ") // there is room now
	d.Observe(living(5, 10, 5, 6))
	expect("remove 9; ")
	if _, ok := d.States()[4]; ok {
		t.Error("group 4 is still known")
	}
}

// TestShardRemove: a removed replica wants nothing any more, and all who waited for it
// learn why.
func TestShardRemove(t *testing.T) {
	s := NewShard(0)
	for g := raft.GroupID(1); g <= 2; g++ {
		core, err := raft.New(raft.Config{ID: 1, Group: g, Seed: 1, HeartbeatInterval: time.Second, ElectionTimeoutMin: 5 * time.Second, ElectionTimeoutMax: 9 * time.Second},
			raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1)}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.Add(g, core)
	}
	var out ShardEffects
	settleShard := func(now time.Duration) {
		s.Tick(now)
		for s.Drain(&out); len(out.Writes) > 0; s.Drain(&out) {
			for _, w := range out.Writes {
				s.Persisted(w.Group, w.Write.ID)
			}
		}
	}
	settleShard(0)
	settleShard(20 * time.Second)
	if s.Status(2).Role != raft.Leader {
		t.Fatalf("group 2: %+v", s.Status(2))
	}
	s.Propose(2, "proposed", Command{Kind: CommandCall})
	s.Drain(&out)
	s.Read(2, "read")
	s.Propose(2, "queued", Command{Kind: CommandCall})
	s.Remove(2, ErrDeleted)
	s.Remove(2, ErrDeleted)
	s.Drain(&out)
	got := map[Ticket]raft.Outcome{}
	for _, f := range out.Failures {
		if got[f.Ticket] = f.Outcome; !errors.Is(f.Err, ErrDeleted) {
			t.Errorf("%v failed with %v", f.Ticket, f.Err)
		}
	}
	if len(got) != 2 || got["proposed"] != raft.OutcomeUnknown || got["queued"] != raft.OutcomeDropped {
		t.Errorf("the outcomes are %v", got)
	}
	if len(out.Reads) != 1 || out.Reads[0].Ticket != "read" || !errors.Is(out.Reads[0].Err, ErrDeleted) {
		t.Errorf("the reads are %+v", out.Reads)
	}
	if len(out.Writes)+len(out.Applies) > 0 {
		t.Errorf("it still writes %v or applies %v", out.Writes, out.Applies)
	}
	s.Persisted(2, 99)
	if s.Propose(2, "late", Command{}) || s.Receive(raft.Member{Node: 2, Incarnation: 1}, 2, raft.Append{}) != nil {
		t.Error("it still takes something")
	}
	settleShard(time.Minute)
	if s.Status(2).Term != 0 || s.Status(1).Role != raft.Leader {
		t.Errorf("group 1 is %+v, group 2 %+v", s.Status(1), s.Status(2))
	}
}

// TestLogWriterDrop: what is under way is written, the rest is forgotten.
func TestLogWriterDrop(t *testing.T) {
	var w LogWriter
	write := func(g raft.GroupID, id raft.WriteID) storage.GroupWrite {
		return storage.GroupWrite{Group: g, Write: raft.Write{ID: id}}
	}
	w.Add(write(1, 1), write(2, 1))
	flying := w.Next()
	w.Add(write(2, 2), write(1, 2), write(2, 3))
	w.Drop(2)
	if len(flying) != 2 || len(w.Done()) != 2 {
		t.Errorf("under way were %v", flying)
	}
	if next := w.Next(); len(next) != 1 || next[0].Group != 1 || next[0].Write.ID != 2 {
		t.Errorf("the next batch is %v", next)
	}
}
