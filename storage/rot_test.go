package storage

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// flipEach opens a store once per flipped bit of a file and reports what came of
// it: found, when Open or Restore said so; harmless, when all is there; and lost.
func flipEach(t *testing.T, disk *vfs.MemFS, path string, want model, bits []int64) (found, harmless, lost int) {
	for _, bit := range bits {
		fs := crashClone(disk, true)
		if err := flip(fs, path, bit); err != nil {
			t.Fatal(err)
		}
		s, err := Open(testDir, Options{FS: fs, Fatal: func(error) {}})
		if err != nil {
			found++
			continue
		}
		switch err := want.differs(s); {
		case err == nil:
			harmless++
		case knowsDamage(s, want):
			found++
		default:
			t.Logf("bit %d of %s: %v", bit, path, err)
			lost++
		}
		_ = s.Close()
	}
	return found, harmless, lost
}

// knowsDamage reports whether every replica of the store says that it is damaged and
// knows what it promised, whether its log is there or begins anew.
func knowsDamage(s *Store, want model) bool {
	for g, l := range want {
		if s.CreateGroup(g, testMeta) != nil {
			return false
		}
		r, err := s.Restore(g)
		if err != nil || !r.Damaged || r.HardState.Term != l.hs.Term || r.HardState.Vote != l.hs.Vote {
			return false
		}
	}
	return true
}

// filesOf returns the paths of the store's files with a suffix and their sizes.
func filesOf(t *testing.T, fs vfs.FS, suffix string) map[string]int64 {
	t.Helper()
	dir := fs.PathJoin(testDir, pebbleName)
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, name := range names {
		if path := fs.PathJoin(dir, name); strings.HasSuffix(name, suffix) {
			info, err := fs.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = info.Size()
		}
	}
	return out
}

// rotStore is a store whose synced entries, about 180 KiB of log, were never moved
// into a table.
func rotStore(t *testing.T) (*Store, *vfs.MemFS, model) {
	fs := vfs.NewCrashableMem()
	o := testOptions(t, fs)
	o.MemTableBytes = 4 << 20
	s, err := Open(testDir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	mustCreate(t, s, 1)
	mustBootstrap(t, s, testIdentity, "d")
	m := model{1: {}}
	for i := raft.Index(1); i <= 2000; i++ {
		w := appendWrite(1, 1, commands(i, 1, 1))
		w.Write.HardState = &raft.HardState{Term: 1, Vote: 1, Commit: i}
		mustCommit(t, s, w)
		m[1] = modelLog{hs: *w.Write.HardState, entries: append(m[1].entries, w.Write.Entries...)}
	}
	return s, fs, m
}

func TestRotInALiveLogIsFound(t *testing.T) {
	_, fs, m := rotStore(t)
	tested := 0
	for path, size := range filesOf(t, fs, ".log") {
		var bits []int64
		for bit := int64(3); bit < size*8; bit += size*8/101 + 1 {
			bits = append(bits, bit)
		}
		// Behind the last two blocks of 32 KiB nothing of Pebble's vouches for them.
		for bit := max(0, size-64<<10) * 8; bit < size*8; bit += 64<<13/101 + 1 {
			bits = append(bits, bit)
		}
		tested += len(bits)
		found, harmless, lost := flipEach(t, fs, path, m, bits)
		if lost > 0 {
			t.Errorf("%s of %d bytes: %d found, %d harmless, %d lost", path, size, found, harmless, lost)
		}
	}
	if tested < 200 {
		t.Fatalf("only %d bits were tried", tested)
	}
}

func TestRotInATableIsFound(t *testing.T) {
	s, fs, m := rotStore(t)
	mustClose(t, s) // it leaves nothing in the log
	all := 0
	for path, size := range filesOf(t, fs, ".sst") {
		var bits []int64
		for bit := int64(3); bit < size*8; bit += size*8/301 + 1 {
			bits = append(bits, bit)
		}
		found, harmless, lost := flipEach(t, fs, path, m, bits)
		if lost > 0 {
			t.Errorf("%s of %d bytes: %d found, %d harmless, %d lost", path, size, found, harmless, lost)
		}
		all += found
	}
	if all < 200 {
		t.Fatalf("only %d flips were found: the entries are not in the tables", all)
	}
}
