package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// spoilt is a directory of a node that lost its votes together with its store.
func spoilt(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	if err := s.Bootstrap(Identity{Cluster: "blue", Node: 3, Incarnation: 1}, "three"); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	loseVotes(t, fs)
	return fs
}

// loseVotes removes both copies of what a node promised.
func loseVotes(t *testing.T, fs *vfs.MemFS) {
	t.Helper()
	for _, name := range []string{"/store", "/votes"} {
		if err := fs.RemoveAll(testDir + name); err != nil {
			t.Fatal(err)
		}
	}
	if err := syncDirectory(fs, testDir); err != nil {
		t.Fatal(err)
	}
}

// TestADirectoryBeyondUseIsSetAside: nothing of it is deleted, the node begins anew, and
// everybody can see that it had a life before.
func TestADirectoryBeyondUseIsSetAside(t *testing.T) {
	fs := spoilt(t)
	if _, err := Open(testDir, testOptions(t, fs)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("unasked: %v", err)
	}
	o := testOptions(t, fs)
	o.SetAside = true
	for range 2 {
		s, err := Open(testDir, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, settled := s.Identity(); settled || !s.Bereft() {
			t.Fatalf("settled %v, bereft %v", settled, s.Bereft())
		}
		id := Identity{Cluster: "blue", Node: 3, Incarnation: 2}
		if err := s.Bootstrap(id, "three"); err != nil || s.Bereft() {
			t.Fatalf("%v, bereft %v", err, s.Bereft())
		}
		mustClose(t, s)
		loseVotes(t, fs) // and once more
	}
	if s, err := Open(testDir, o); err != nil || !s.Bereft() {
		t.Fatal(err)
	} else {
		mustClose(t, s)
	}
	names, err := fs.List(testDir + "/damaged-1")
	if text := strings.Join(names, " "); err != nil || !strings.Contains(text, "identity") || !strings.Contains(text, "FORMAT") || !strings.Contains(text, "mark") {
		t.Errorf("set aside was %q, %v", text, err)
	}
	if _, err := fs.Stat(testDir + "/damaged-2/identity"); err != nil {
		t.Error(err)
	}
}

// TestSettingAsideSurvivesCrashes: wherever the power fails, the next start has a
// directory that works and knows of its past.
func TestSettingAsideSurvivesCrashes(t *testing.T) {
	r := &crashRecorder{disk: spoilt(t), leave: func(disk *vfs.MemFS, _ int) *vfs.MemFS { return disk.CrashClone(vfs.CrashCloneCfg{}) }}
	open := func(fs vfs.FS) (*Store, error) {
		o := testOptions(t, fs)
		o.SetAside = true
		return Open(testDir, o)
	}
	s, err := open(r.fs())
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if len(r.points) < 10 {
		t.Errorf("only %d crash points", len(r.points))
	}
	for _, p := range r.points {
		s, err := open(p.fs)
		if err != nil {
			t.Fatalf("crash before %s: %v", p.op, err)
		}
		if !s.Bereft() {
			t.Errorf("crash before %s: it has forgotten its past", p.op)
		}
		mustClose(t, s)
	}
}
