package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/raft"
)

// manifestStore is the disk of a node that lost power, and what its log holds: in use, with
// edits of two flushes in the manifest behind what its second start began with, or right
// after that start, with nothing in Pebble's log.
func manifestStore(t *testing.T, inUse bool) (*vfs.MemFS, model) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	mustBootstrap(t, s, testIdentity, "d")
	m := model{1: {}}
	put := func(s *Store, from raft.Index) {
		w := appendWrite(1, 1, commands(from, 1, 3))
		w.Write.HardState = &raft.HardState{Term: 1, Vote: 1, Commit: from}
		mustCommit(t, s, w)
		m[1] = modelLog{hs: *w.Write.HardState, entries: append(m[1].entries, w.Write.Entries...)}
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	put(s, 1)
	mustClose(t, s)
	if !inUse {
		db, err := openPebble(s.dir, testOptions(t, fs).withDefaults(), s.fail)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		return crashClone(fs, true), m
	}
	s = mustOpen(t, fs)
	mustRestore(t, s, 1)
	put(s, 4)
	put(s, 7)
	return crashClone(fs, true), m
}

// manifestOf returns the path of the manifest in force and what it holds.
func manifestOf(t *testing.T, fs vfs.FS) (path string, content []byte) {
	t.Helper()
	desc, err := pebble.Peek(fs.PathJoin(testDir, pebbleName), fs)
	if err != nil {
		t.Fatal(err)
	}
	content, err = readFile(fs, desc.ManifestFilename, manifestBytesMax)
	if err != nil {
		t.Fatal(err)
	}
	return desc.ManifestFilename, content
}

// lastRecord returns where the last record of a manifest begins.
func lastRecord(content []byte) int64 {
	last := int64(0)
	for at := recordFrom(content, 0); at >= 0; at = recordFrom(content, at) {
		last = at
	}
	return last
}

// livesOn opens a store, checks that all of m is there or known to be lost, and when it is
// there writes more and reads everything once more from the lowest level of the tables.
func livesOn(t *testing.T, fs vfs.FS, m model) (damaged bool) {
	t.Helper()
	s, err := Open(testDir, testOptions(t, fs))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer func() { _ = s.Close() }()
	if knowsDamage(s, m) {
		return true
	}
	if err := m.differs(s); err != nil {
		t.Fatalf("not known to be damaged, and %v", err)
	}
	log := m[1]
	next := raft.Index(len(log.entries) + 1)
	w := appendWrite(1, 2, commands(next, 2, 1))
	w.Write.HardState = &raft.HardState{Term: 2, Vote: 2, Commit: next}
	mustCommit(t, s, w)
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	after := model{1: {hs: *w.Write.HardState, entries: append(log.entries[:len(log.entries):len(log.entries)], w.Write.Entries...)}}
	if err := after.differs(s); err != nil {
		t.Fatalf("what was written later is not there: %v", err)
	}
	return false
}

// TestARottenManifestIsFound: what Pebble takes for the end of its manifest is damage when
// records follow it, and never lets it write behind what is there already.
func TestARottenManifestIsFound(t *testing.T) {
	for _, inUse := range []bool{true, false} {
		disk, m := manifestStore(t, inUse)
		path, content := manifestOf(t, disk)
		last := lastRecord(content)
		if second := recordFrom(content, 0); last == second {
			last = int64(len(content)) // without the second it counts as cut
		}
		for at := range int64(len(content)) {
			fs := crashClone(disk, true)
			if err := flip(fs, path, at*8+at%8); err != nil {
				t.Fatal(err)
			}
			if damaged := livesOn(t, fs, m); !damaged && at < last {
				t.Errorf("in use %v: a bit of byte %d, before the last record at %d of %d, is not found", inUse, at, last, len(content))
			}
		}
	}
}

// TestAManifestThatWasCut: an end that a crash could have cut off leaves a store as it was;
// without its first two records it is damaged.
func TestAManifestThatWasCut(t *testing.T) {
	disk, m := manifestStore(t, true)
	path, content := manifestOf(t, disk)
	third := recordFrom(content, recordFrom(content, 0))
	for size := range int64(len(content)) {
		fs := crashClone(disk, true)
		f, err := fs.Create(path, writeCategory)
		if err == nil {
			_, err = f.Write(append([]byte{}, content[:size]...))
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		if damaged := livesOn(t, fs, m); !damaged && size < third {
			t.Errorf("cut to %d bytes it opens, with the second record up to %d", size, third)
		}
		if err := judgeManifest(content[:size]); (err == nil) != (size >= third) {
			t.Errorf("cut to %d bytes of %d, with the second record up to %d: %v", size, len(content), third, err)
		}
	}
}

// TestARottenFileOfOptionsIsReplaced: nothing in it is known nowhere else.
func TestARottenFileOfOptionsIsReplaced(t *testing.T) {
	for name, rot := range map[string]func(text string) string{
		"another comparer": func(text string) string {
			return strings.Replace(text, "comparer=leveldb", "comparer=lfveldb", 1)
		},
		"another merger": func(text string) string { return strings.Replace(text, "concatenate", "concadenate", 1) },
		"another log":    func(text string) string { return strings.Replace(text, "wal_dir=", "wal_dir=x", 1) },
		"no text":        func(string) string { return "\x00\xff[" },
		"empty":          func(string) string { return "" },
	} {
		disk, m := manifestStore(t, true)
		desc, err := pebble.Peek(disk.PathJoin(testDir, pebbleName), disk)
		if err != nil {
			t.Fatal(err)
		}
		before, err := readFile(disk, desc.OptionsFilename, optionsBytesMax)
		if err != nil {
			t.Fatal(err)
		}
		after := rot(string(before))
		if after == string(before) {
			t.Fatalf("%s: nothing was changed in %s", name, before)
		}
		f, err := disk.Create(desc.OptionsFilename, writeCategory)
		if err == nil {
			_, err = f.Write([]byte(after))
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		if livesOn(t, disk, m) {
			t.Errorf("%s: the store counts as damaged", name)
		}
	}
}
