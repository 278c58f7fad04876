package storage

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// testDir is where the tests keep their store, inside a file system in memory.
const testDir = "data/node1"

var testMeta = raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}

// tester is what the helpers need of a testing.TB or a rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// mustOpen opens a store that is closed when the test ends.
func mustOpen(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(testDir, testOptions(t, fs))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// testOptions makes a failed write fail the test.
func testOptions(t tester, fs vfs.FS) Options {
	return Options{FS: fs, MemTableBytes: 256 << 10, CacheBytes: 1 << 20, Fatal: func(err error) {
		t.Errorf("Fatal was called: %v", err)
	}}
}

func mustClose(t tester, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// mustCreate makes groups 1 to n.
func mustCreate(t testing.TB, s *Store, n int) {
	t.Helper()
	for g := 1; g <= n; g++ {
		if err := s.CreateGroup(raft.GroupID(g), testMeta); err != nil {
			t.Fatalf("create group %d: %v", g, err)
		}
	}
}

func mustCommit(t testing.TB, s *Store, ws ...GroupWrite) {
	t.Helper()
	if err := s.Commit(ws); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func mustRestore(t testing.TB, s *Store, g raft.GroupID) raft.Restored {
	t.Helper()
	r, err := s.Restore(g)
	if err != nil {
		t.Fatalf("restore group %d: %v", g, err)
	}
	return r
}

// commands returns n entries from index first on, whose data names index and term.
func commands(first raft.Index, term raft.Term, n int) []raft.Entry {
	out := make([]raft.Entry, n)
	for i := range out {
		index := first + raft.Index(i)
		out[i] = raft.Entry{Index: index, Term: term, Type: raft.EntryCommand,
			Data: []byte{byte(index), byte(index >> 8), byte(term), 'x'}}
	}
	return out
}

// appendWrite is a synced write of entries in their term.
func appendWrite(g raft.GroupID, term raft.Term, entries []raft.Entry) GroupWrite {
	return GroupWrite{Group: g, Write: raft.Write{
		HardState: &raft.HardState{Term: term}, Entries: entries, Sync: true,
	}}
}

// wantDamage checks that err is damage at the place.
func wantDamage(t testing.TB, err error, g raft.GroupID, i raft.Index) {
	t.Helper()
	var d *DamagedError
	if !errors.As(err, &d) || !errors.Is(err, ErrDamaged) {
		t.Fatalf("got error %v, want damage", err)
	}
	if d.Group != g || d.Index != i {
		t.Fatalf("damage reported in group %d at %d, want group %d at %d (%v)", d.Group, d.Index, g, i, err)
	}
}

// flip inverts one bit of a file, counted from its start.
func flip(fs vfs.FS, name string, bit int64) error {
	f, err := fs.OpenReadWrite(name, writeCategory)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err = f.ReadAt(b[:], bit/8); err == nil {
		b[0] ^= 1 << (bit % 8)
		_, err = f.WriteAt(b[:], bit/8)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func newChance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// crashClone is what a power loss leaves of a disk: all that was written, or only
// what was synced. Mixtures of both are left out, since they let a later directory
// entry survive an earlier one of the same directory, which no journaling file
// system does and Pebble does not expect.
func crashClone(fs *vfs.MemFS, keepUnsynced bool) *vfs.MemFS {
	if !keepUnsynced {
		return fs.CrashClone(vfs.CrashCloneCfg{})
	}
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
}
