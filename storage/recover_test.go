package storage

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/raft"
)

// TestRecoverBeginsALife: the next life is durable in both copies, the same again changes
// nothing, and no earlier one comes back.
func TestRecoverBeginsALife(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	if err := s.Recover(2, 9); !errors.Is(err, ErrInvalid) {
		t.Errorf("a directory of nobody's: %v", err)
	}
	mustBootstrap(t, s, testIdentity, "d1")
	want := testIdentity
	want.Incarnation = 2
	for range 2 {
		if err := s.Recover(2, 9); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		s = mustOpen(t, fs)
		if id, ok := s.Identity(); !ok || id != want || s.Recovered() != 9 {
			t.Errorf("%v, recovered at %d", id, s.Recovered())
		}
		mustBootstrap(t, s, want, "d1") // as every start does
	}
	for _, bad := range []struct {
		life raft.Incarnation
		at   raft.Index
	}{{1, 9}, {2, 10}, {3, 0}} {
		if err := s.Recover(bad.life, bad.at); !errors.Is(err, ErrInvalid) {
			t.Errorf("life %d at %d: %v", bad.life, bad.at, err)
		}
	}
	if err := s.Bootstrap(testIdentity, "d1"); !errors.Is(err, ErrForeign) {
		t.Errorf("the life before: %v", err)
	}
	mustClose(t, s)
}

// TestRecoverCut: a crash between the two copies leaves the later life, which the store
// decides; a file that is ahead of the store is still two directories that were mixed.
func TestRecoverCut(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	mustBootstrap(t, s, testIdentity, "d1")
	if err := s.Recover(2, 9); err != nil {
		t.Fatal(err)
	}
	older := bootstrap{identity: testIdentity, digest: "d1"}
	if err := s.dir.write(identityName, older.encode()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, fs)
	if id, _ := s.Identity(); id.Incarnation != 2 || s.Recovered() != 9 {
		t.Errorf("%v", id)
	}
	if b, err := readIdentityFile(s.dir); err != nil || b.identity.Incarnation != 2 || b.recovered != 9 {
		t.Errorf("the file: %+v, %v", b, err)
	}
	newer := bootstrap{identity: testIdentity, digest: "d1", recovered: 12}
	newer.identity.Incarnation = 3
	if err := s.dir.write(identityName, newer.encode()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if _, err := Open(testDir, testOptions(t, fs)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a file ahead of the store: %v", err)
	}
}
