package storage

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// inspected opens a directory for reading; it is closed when the test ends.
func inspected(t *testing.T, fsys vfs.FS) *Inspector {
	t.Helper()
	i, err := Inspect(testDir, testOptions(t, fsys))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i
}

// listing is every file below a folder with its content.
func listing(t *testing.T, fsys vfs.FS, folder string) (out []string) {
	t.Helper()
	names, err := fsys.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fsys.PathJoin(folder, name)
		info, err := fsys.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			out = append(out, listing(t, fsys, path)...)
			continue
		}
		f, err := fsys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, info.Size())
		if _, err := f.ReadAt(content, 0); err != nil && info.Size() > 0 {
			t.Fatal(err)
		}
		f.Close()
		out = append(out, path+" "+string(content))
	}
	slices.Sort(out)
	return out
}

// used is a directory with two groups, one of which was compacted.
func used(t *testing.T) *vfs.MemFS {
	t.Helper()
	fsys := vfs.NewMem()
	s := mustOpen(t, fsys)
	if err := s.Bootstrap(Identity{Cluster: "c", Node: 2, Incarnation: 1}, "three"); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, 2)
	mustCommit(t, s, appendWrite(1, 3, commands(1, 3, 20)))
	meta := testMeta
	meta.Index, meta.Term = 10, 3
	mustCommit(t, s, GroupWrite{Group: 1, Write: raft.Write{HardState: &raft.HardState{Term: 3, Vote: 2, Commit: 15}, Snapshot: &meta, CompactTo: 8, Sync: true}})
	mustClose(t, s)
	return fsys
}

// TestInspect: what is there is shown, and nothing changes.
func TestInspect(t *testing.T) {
	fsys := used(t)
	before := listing(t, fsys, testDir)
	i := inspected(t, fsys)
	o := i.Overview()
	if o.Identity != (Identity{Cluster: "c", Node: 2, Incarnation: 1}) || o.Description != "three" || o.Boot != 1 ||
		!slices.Equal(o.Groups, []raft.GroupID{1, 2}) || len(o.Damage) != 0 || o.Batch == 0 || o.MarkedBatch != o.Batch {
		t.Errorf("%+v", o)
	}
	l, err := i.Log(1)
	if err != nil || l.Damage != nil || l.Purged != 8 || l.Last != 20 || l.Entries != 12 || l.Snapshot.Index != 10 || l.Created.Index != 0 ||
		l.HardState != (raft.HardState{Term: 3, Vote: 2, Commit: 15}) || l.Voted.Term != 3 || l.Voted.Vote != 2 || len(l.TermRuns) != 1 || l.Bytes == 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := i.Log(2); err != nil || l.Damage != nil || l.Last != 0 || l.Entries != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := i.Log(3); !errors.Is(err, ErrUnknownGroup) {
		t.Errorf("a group that is not there: %v", err)
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	if after := listing(t, fsys, testDir); !slices.Equal(before, after) {
		t.Errorf("the directory changed: %d files before, %d after", len(before), len(after))
	}
	mustClose(t, mustOpen(t, fsys))
}

func TestInspectEntries(t *testing.T) {
	i := inspected(t, used(t))
	i.Overview()
	read := func(lo, hi raft.Index) (out []raft.Index, err error) {
		err = i.Entries(1, lo, hi, func(e raft.Entry) error {
			out = append(out, e.Index)
			if want := commands(e.Index, 3, 1)[0]; string(e.Data) != string(want.Data) {
				t.Errorf("entry %d: %x", e.Index, e.Data)
			}
			return nil
		})
		return out, err
	}
	for _, c := range []struct {
		lo, hi raft.Index
		first  raft.Index
		n      int
	}{{9, 12, 9, 3}, {15, 100, 15, 6}, {20, 21, 20, 1}, {21, 22, 0, 0}, {50, 60, 0, 0}, {12, 12, 0, 0}} {
		got, err := read(c.lo, c.hi)
		if err != nil || len(got) != c.n || c.n > 0 && got[0] != c.first {
			t.Errorf("[%d, %d): %v, %v", c.lo, c.hi, got, err)
		}
	}
	if _, err := read(8, 10); !errors.Is(err, ErrCompacted) {
		t.Errorf("a purged entry: %v", err)
	}
	stop := errors.New("stop")
	if err := i.Entries(1, 9, 20, func(raft.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error: %v", err)
	}
}

// TestInspectDamage: what is wrong is told, and the rest is shown.
func TestInspectDamage(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, fsys)
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 9)))
	if err := s.db.Delete(entryKey(1, 5), nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if err := flip(fsys, testDir+"/"+markName, 3); err != nil {
		t.Fatal(err)
	}
	i := inspected(t, fsys)
	o := i.Overview()
	if len(o.Groups) != 1 || o.Identity.Node != 0 {
		t.Errorf("%+v", o)
	}
	l, err := i.Log(1)
	if err != nil || l.Last != 4 || l.Entries != 4 {
		t.Errorf("%+v, %v", l, err)
	}
	wantDamage(t, l.Damage, 1, 5)
	var seen int
	wantDamage(t, i.Entries(1, 1, 9, func(raft.Entry) error { seen++; return nil }), 1, 5)
	if seen != 4 {
		t.Errorf("%d entries in front of the damage", seen)
	}
}

func TestInspectRefusals(t *testing.T) {
	fsys := vfs.NewMem()
	if _, err := Inspect(testDir, testOptions(t, fsys)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if names, err := fsys.List("data"); err == nil {
		t.Errorf("it made %v", names)
	}
	mustOpen(t, fsys)
	if _, err := Inspect(testDir, testOptions(t, fsys)); !errors.Is(err, ErrInUse) {
		t.Errorf("a directory in use: %v", err)
	}
	other := vfs.NewMem()
	mustClose(t, mustOpen(t, other))
	if err := (directory{fs: other, path: testDir}).write(formatName, []byte("wraft-store 99 99\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(testDir, testOptions(t, other)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "99") {
		t.Errorf("another format: %v", err)
	}
}

// TestALostStoreIsNamed: without Pebble's folder nothing says that groups are unknown. Who
// inspects it hears what is lost, and so does who restores a group that had a term; created
// anew it is damaged and keeps what it promised.
func TestALostStoreIsNamed(t *testing.T) {
	fsys := used(t)
	if err := fsys.RemoveAll(fsys.PathJoin(testDir, pebbleName)); err != nil {
		t.Fatal(err)
	}
	before := listing(t, fsys, testDir)
	if _, err := Inspect(testDir, testOptions(t, fsys)); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "the store is lost") {
		t.Errorf("inspected: %v", err)
	}
	if after := listing(t, fsys, testDir); !slices.Equal(before, after) {
		t.Error("something has changed")
	}
	s := mustOpen(t, fsys)
	if _, err := s.Restore(1); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnknownGroup) || !strings.Contains(err.Error(), "create it anew") {
		t.Errorf("a group that had a term: %v", err)
	}
	if _, err := s.Restore(9); !errors.Is(err, ErrUnknownGroup) {
		t.Errorf("a group that never was: %v", err)
	}
	mustCreate(t, s, 1)
	if r, err := s.Restore(1); err != nil || !r.Damaged || r.HardState.Term != 3 || r.HardState.Vote != 2 {
		t.Errorf("created anew: %+v, %v", r, err)
	}
	mustClose(t, s)
}
