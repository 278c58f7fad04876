package offline

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// survivorOf writes a data directory with the meta group and one machine whose log has
// entries of these terms.
func survivorOf(t *testing.T, cluster string, id raft.NodeID, hs raft.HardState, terms ...raft.Term) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var entries []raft.Entry
	for i, term := range terms {
		entries = append(entries, raft.Entry{Index: raft.Index(i + 1), Term: term, Type: raft.EntryNoop})
	}
	voters := raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3, 4, 5)}
	err = errors.Join(s.Bootstrap(storage.Identity{Cluster: cluster, Node: id, Incarnation: 1}, "d"), s.CreateGroup(1, voters), s.CreateGroup(2, voters))
	if err == nil && len(entries) > 0 {
		err = s.Commit([]storage.GroupWrite{{Group: 2, Write: raft.Write{HardState: &hs, Entries: entries, Sync: true}}})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lastOf opens a directory after a recovery and returns the end of group 2's log.
func lastOf(t *testing.T, dir string) (storage.LogOverview, storage.Overview) {
	t.Helper()
	r, err := storage.Inspect(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := r.Overview()
	l, err := r.Log(2)
	if err = errors.Join(err, r.Close()); err != nil || l.Damage != nil || len(o.Damage) > 0 {
		t.Fatal(err, l.Damage, o.Damage)
	}
	return l, o
}

// TestRecoveryTakesTheFurthestLog: the log that ends with the highest term wins, then the
// longest; what contradicts it goes, and nothing that was committed.
func TestRecoveryTakesTheFurthestLog(t *testing.T) {
	for _, c := range []struct {
		name           string
		own, other     []raft.Term
		taken, dropped uint64
	}{
		{"the same", []raft.Term{1, 1}, []raft.Term{1, 1}, 0, 0},
		{"the own is longer", []raft.Term{1, 1, 1}, []raft.Term{1, 1}, 0, 0},
		{"the other is longer", []raft.Term{1, 1}, []raft.Term{1, 1, 1, 1}, 2, 0},
		{"a later term is further, though shorter", []raft.Term{1, 1, 2, 2, 2}, []raft.Term{1, 1, 3}, 1, 3},
		{"nothing here", nil, []raft.Term{1, 2}, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := survivorOf(t, "c", 4, raft.HardState{Term: 3, Vote: 4, Commit: min(2, raft.Index(len(c.own)))}, c.own...)
			other := survivorOf(t, "c", 5, raft.HardState{Term: 4, Commit: 2}, c.other...)
			plan, err := PlanRecovery(At(dir), At(other))
			if err != nil {
				t.Fatal(err)
			}
			g := plan.Groups[1]
			if g.Entries != c.taken || g.Dropped != c.dropped || plan.Life != 2 || plan.Cluster != "c" {
				t.Errorf("%+v", g)
			}
			if err := plan.Recover(time.Now()); err != nil {
				t.Fatal(err)
			}
			l, o := lastOf(t, dir)
			alone := raft.Member{Node: 4, Incarnation: 2}
			at := l.Configurations[len(l.Configurations)-1]
			if want := raft.Index(max(len(c.own)+int(c.taken)-int(c.dropped), 0)) + 1; l.Last != want || at.Index != want {
				t.Errorf("the log ends at %d, the configuration is at %d, want %d", l.Last, at.Index, want)
			}
			if !at.Configuration.VotesAs(alone) || len(at.Configuration.Nodes()) != 1 || o.Identity.Incarnation != 2 {
				t.Errorf("%+v, %v", at, o.Identity)
			}
		})
	}
}

// TestRecoveryIsDoneAgain: after a crash between the write of the logs and that of the
// identity, and after a whole one, it can be done again, and the node is alone in its newest life.
func TestRecoveryIsDoneAgain(t *testing.T) {
	dir := survivorOf(t, "c", 4, raft.HardState{Term: 3, Vote: 4, Commit: 1}, 1, 1)
	s, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []raft.GroupID{1, 2} {
		if _, err := s.Restore(g); err != nil {
			t.Fatal(err)
		}
	}
	cut := &Plan{self: 4, Life: 2, Groups: []PlanGroup{{Group: 1}, {Group: 2}}}
	if _, err := cut.goAlone(s, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for life := uint64(2); life <= 3; life++ {
		plan, err := PlanRecovery(At(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Recover(time.Now()); err != nil {
			t.Fatal(err)
		}
		l, o := lastOf(t, dir)
		at := l.Configurations[len(l.Configurations)-1].Configuration
		if uint64(o.Identity.Incarnation) != life || !at.VotesAs(raft.Member{Node: 4, Incarnation: o.Identity.Incarnation}) {
			t.Errorf("%v, %+v", o.Identity, at)
		}
	}
}

// TestRecoveryRefuses what it cannot go on with, and changes nothing.
func TestRecoveryRefuses(t *testing.T) {
	hs := raft.HardState{Term: 3, Commit: 1}
	dir := survivorOf(t, "c", 4, hs, 1)
	for name, c := range map[string]struct {
		own, other string
		code       client.Code
	}{
		"nothing there":           {filepath.Join(dir, "no"), dir, client.CodeLocalFile},
		"of another cluster":      {dir, survivorOf(t, "d", 5, hs, 1), client.CodeDataDirForeign},
		"of the same node":        {dir, survivorOf(t, "c", 4, hs, 1), client.CodeDataDirForeign},
		"it contradicts a commit": {dir, survivorOf(t, "c", 5, hs, 2, 2), client.CodeDataDirForeign},
	} {
		_, err := PlanRecovery(At(c.own), At(c.other))
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	s, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var p *client.Problem
	if _, err := PlanRecovery(At(dir)); !errors.As(err, &p) || p.Code != client.CodeDataDirInUse {
		t.Errorf("one that runs: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, o := lastOf(t, dir); o.Identity.Incarnation != 1 {
		t.Errorf("%v", o.Identity)
	}
}
