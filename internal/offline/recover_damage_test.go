package offline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// cutting is a directory whose damage may be cut.
func cutting(dir string) Source { return Source{Dir: dir, CutDamage: true} }

// recoverInto makes a new directory of damaged ones, which must not change, and returns it and
// what is lost, in words.
func recoverInto(t *testing.T, from ...string) (dir, lost string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "new")
	var sources []Source
	before := map[string]string{}
	for _, d := range from {
		sources = append(sources, cutting(d))
		for path, content := range contents(t, d) {
			before[path] = content
		}
	}
	plan, err := PlanRecovery(At(dir), sources...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a plan has made the directory: %v", err)
	}
	lost = strings.Join(plan.Lost, "\n")
	if plan.Node != 4 || plan.Life != 2 || plan.Cluster != "c" {
		t.Errorf("%+v", plan)
	}
	if err := plan.Recover(time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, d := range from {
		for path, content := range contents(t, d) {
			if before[path] != content {
				t.Errorf("%s has changed", path)
			}
		}
	}
	return dir, lost
}

// longLog is how many entries logs have that fill more than one block of a table.
const longLog = 2000

// expectLog wants a sound log of entries from first on, to a last one which it returns, and one
// more that makes the node the only voter.
func expectLog(t *testing.T, dir string, g raft.GroupID, first raft.Index) (last raft.Index) {
	t.Helper()
	r, err := storage.Inspect(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	o := r.Overview()
	l, err := r.Log(g)
	if err != nil || l.Damage != nil || len(o.Damage) > 0 || o.Identity.Incarnation != 2 || l.Last <= first || l.Purged != first-1 {
		t.Fatalf("group %d: %+v, %+v, %v", g, l, o, err)
	}
	last = l.Last - 1
	next := first
	err = r.Entries(g, first, last+1, func(e raft.Entry) error {
		if e.Index != next || !bytes.Equal(e.Data, entryOf(g, e.Index)) {
			return fmt.Errorf("entry %d is another one", e.Index)
		}
		next++
		return nil
	})
	if err != nil || next != last+1 {
		t.Errorf("group %d: entries up to %d: %v", g, next-1, err)
	}
	return last
}

// TestRecoveryCutsAtDamage: the only survivor's log goes on in front of the block with an entry
// that rotted, and its other logs lose nothing.
func TestRecoveryCutsAtDamage(t *testing.T) {
	rotten := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: longLog}, 3: {last: 6}})
	reopened(t, rotten)
	rot(t, rotten, entryOf(2, longLog/2))
	dir, lost := recoverInto(t, rotten)
	last := expectLog(t, dir, 2, 1)
	if last < longLog/4 || last >= longLog/2 {
		t.Errorf("it ends at %d", last)
	}
	for _, want := range []string{rotten, fmt.Sprintf("group 2: it is gone on with up to entry %d,", last), fmt.Sprintf("committed ones up to %d", longLog)} {
		if !strings.Contains(lost, want) {
			t.Errorf("lost is %q, want it to say %q", lost, want)
		}
	}
	if strings.Contains(lost, "group 3") {
		t.Errorf("lost is %q", lost)
	}
	if last := expectLog(t, dir, 3, 1); last != 6 {
		t.Errorf("the other log ends at %d", last)
	}
}

// TestRecoveryGoesOnBehindTheSnapshot: what rotted is in front of the newest snapshot, and
// nothing is lost.
func TestRecoveryGoesOnBehindTheSnapshot(t *testing.T) {
	rotten := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: longLog}})
	snapshotAt(t, rotten, 2, longLog*3/4)
	reopened(t, rotten)
	rot(t, rotten, entryOf(2, longLog/2))
	dir, lost := recoverInto(t, rotten)
	if !strings.Contains(lost, fmt.Sprintf("group 2: it is gone on with up to entry %d,", longLog)) || strings.Contains(lost, "committed ones") {
		t.Errorf("lost is %q", lost)
	}
	if last := expectLog(t, dir, 2, longLog*3/4+1); last != longLog {
		t.Errorf("it ends at %d", last)
	}
	r, err := storage.Inspect(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	files, err := r.Snapshots().List(2)
	if err != nil || len(files) != 1 || files[0].Index != longLog*3/4 {
		t.Fatalf("%v, %v", files, err)
	}
	if _, err := r.Snapshots().Verify(files[0]); err != nil {
		t.Error(err)
	}
}

// snapshotAt takes a snapshot and cuts nothing.
func snapshotAt(t *testing.T, dir string, g raft.GroupID, index raft.Index) {
	t.Helper()
	s, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Restore(g)
	meta := raft.SnapshotMeta{Index: index, Term: 1, Configuration: r.Snapshot.Configuration}
	w, created := s.Snapshots().Create(storage.SnapshotHeader{Group: g, Kind: "state/1", Meta: meta})
	if err = errors.Join(err, created); err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("state"))
	_, finished := w.Finish()
	if err = errors.Join(err, finished, s.Commit([]storage.GroupWrite{{Group: g, Write: raft.Write{Snapshot: &meta, Sync: true}}}), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRecoveryCutsAnotherDirectory: a sound one takes what is sound of one with damage, where
// that goes further.
func TestRecoveryCutsAnotherDirectory(t *testing.T) {
	own := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: 3}})
	rotten := survivorWith(t, 5, map[raft.GroupID]ending{2: {last: longLog}})
	reopened(t, rotten)
	rot(t, rotten, entryOf(2, longLog/2))
	plan, err := PlanRecovery(At(own), cutting(rotten))
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Recover(time.Now()); err != nil {
		t.Fatal(err)
	}
	if last := expectLog(t, own, 2, 1); last < longLog/4 || last >= longLog/2 {
		t.Errorf("it ends at %d", last)
	}
}

// TestRecoveryCutsNotEverything: the damaged directory itself is not mended, nor is one that does
// not say whose it is, and nothing is made of nothing.
func TestRecoveryCutsNotEverything(t *testing.T) {
	rotten := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: 10}})
	reopened(t, rotten)
	rot(t, rotten, entryOf(2, 5))
	expectRefused(t, "--cut-damage", rotten)
	fresh := filepath.Join(t.TempDir(), "new")
	var p *client.Problem
	if _, err := PlanRecovery(At(fresh), At(rotten)); !errors.As(err, &p) || p.Code != client.CodeLocalFile {
		t.Errorf("a directory that is not there, without a word about damage: %v", err)
	}
	if _, err := PlanRecovery(cutting(rotten), cutting(survivorWith(t, 5, map[raft.GroupID]ending{2: {last: 3}}))); !errors.As(err, &p) || p.Code != client.CodeChecksFailed {
		t.Errorf("the damaged directory itself: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(rotten, "store")); err != nil {
		t.Fatal(err)
	}
	if _, err := PlanRecovery(At(fresh), cutting(rotten)); !errors.As(err, &p) || p.Code != client.CodeChecksFailed {
		t.Errorf("the store is lost: %v", err)
	}
}
