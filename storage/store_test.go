package storage

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

func TestOpenCountsBoots(t *testing.T) {
	fs := vfs.NewMem()
	for want := uint64(1); want <= 3; want++ {
		s := mustOpen(t, fs)
		if s.Boot() != want {
			t.Fatalf("boot %d, want %d", s.Boot(), want)
		}
		mustClose(t, s)
	}
}

func TestFreshStoreBeginsInTheNewestFormat(t *testing.T) {
	// The first log of a fresh Pebble cannot tell rot from its end, so the store must
	// not be using that one.
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	if v := s.db.FormatMajorVersion(); v != pebble.FormatNewest {
		t.Fatalf("format %v, want %v", v, pebble.FormatNewest)
	}
	names, err := fs.List(s.dir.join(pebbleName))
	if err != nil {
		t.Fatal(err)
	}
	logs := slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".log") })
	// The first one may still be there: it is removed in the background.
	if len(logs) == 0 || slices.Max(logs) == "000002.log" {
		t.Fatalf("the logs are %v, want one behind Pebble's first", logs)
	}
}

func TestOpenRefusesADirectoryInUse(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		fs := vfs.NewMem()
		s := mustOpen(t, fs)
		if _, err := Open(testDir, testOptions(t, fs)); !errors.Is(err, ErrInUse) {
			t.Fatalf("got %v, want ErrInUse", err)
		}
		mustClose(t, s)
		mustOpen(t, fs)
	})
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := Open(dir+"/./", Options{}); !errors.Is(err, ErrInUse) {
			t.Fatalf("got %v, want ErrInUse", err)
		}
	})
	t.Run("another process", func(t *testing.T) {
		dir := t.TempDir()
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^TestHelperOpens$")
		cmd.Env = append(os.Environ(), helperDir+"="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "refused: "+ErrInUse.Error()) {
			t.Fatalf("the other process says %q, %v", out, err)
		}
	})
}

// helperDir names the directory the other process is to open.
const helperDir = "WRAFT_TEST_STORAGE_DIR"

// TestHelperOpens is the other process of the test above.
func TestHelperOpens(t *testing.T) {
	dir := os.Getenv(helperDir)
	if dir == "" {
		return // Why no skip: it is not left out, it is played by the test above
	}
	s, err := Open(dir, Options{})
	if err != nil {
		os.Stdout.WriteString("refused: " + err.Error() + "\n")
		return
	}
	mustClose(t, s)
}

func TestOpenSaysWhyADirectoryCannotBeMade(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(file+"/data", Options{})
	if err == nil || errors.Is(err, ErrInUse) || errors.Is(err, ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}

func TestOpenChecksTheFormat(t *testing.T) {
	cases := map[string]struct {
		change func(d directory) error
		want   error
		says   string
	}{
		"newer":   {func(d directory) error { return d.write(formatName, []byte("wraft-store 2 2\n")) }, ErrFormat, `"wraft-store 2 2"`},
		"garbage": {func(d directory) error { return d.write(formatName, []byte("\x00\x01")) }, ErrDamaged, "FORMAT"},
		"empty":   {func(d directory) error { return d.write(formatName, nil) }, ErrDamaged, "FORMAT"},
		"missing": {func(d directory) error { return d.fs.Remove(d.join(formatName)) }, ErrDamaged, "FORMAT"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := mustOpen(t, fs)
			mustClose(t, s)
			if err := c.change(s.dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(testDir, testOptions(t, fs))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %v saying %s", err, c.want, c.says)
			}
			// A refusal leaves the directory free and as it was.
			if _, again := Open(testDir, testOptions(t, fs)); again == nil || again.Error() != err.Error() {
				t.Fatalf("the second time: %v, want %v", again, err)
			}
		})
	}
}

// TestARottenFormatIsWrittenAnew: the directory of a node that has begun does not depend on
// a line of text; a number of another format is believed all the same.
func TestARottenFormatIsWrittenAnew(t *testing.T) {
	for name, change := range map[string]func(d directory) error{
		"garbage":   func(d directory) error { return d.write(formatName, []byte("wraft-stove 1\n")) },
		"one digit": func(d directory) error { return d.write(formatName, []byte("wraft-store 5 1\n")) },
		"no number": func(d directory) error { return d.write(formatName, []byte("wraft-store q\n")) },
		"cut":       func(d directory) error { return d.write(formatName, []byte("wraft-store ")) },
		"missing":   func(d directory) error { return d.fs.Remove(d.join(formatName)) },
	} {
		fs := vfs.NewMem()
		s := mustOpen(t, fs)
		if err := s.Bootstrap(Identity{Cluster: "c", Node: 1, Incarnation: 1}, "one"); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		if err := change(s.dir); err != nil {
			t.Fatal(err)
		}
		again, err := Open(testDir, testOptions(t, fs))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := again.dir.read(formatName); err != nil || string(b) != formatText+"\n" {
			t.Errorf("%s: it says %q, %v", name, b, err)
		}
		mustClose(t, again)
		if err := again.dir.write(formatName, []byte("wraft-store 2 2\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(testDir, testOptions(t, fs)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: another format: %v", name, err)
		}
	}
}

func TestFormatErrorNamesBoth(t *testing.T) {
	err := error(&FormatError{Found: "wraft-store 9", Want: formatText})
	for _, s := range []string{"wraft-store 9", formatText} {
		if !strings.Contains(err.Error(), s) {
			t.Fatalf("%v does not name %s", err, s)
		}
	}
}

func TestGroups(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	for _, g := range []raft.GroupID{7, 1, 1<<64 - 1} {
		if err := s.CreateGroup(g, testMeta); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, appendWrite(g, 1, commands(1, 1, 3)))
	}
	other := testMeta
	other.Index, other.Term = 5, 1
	if err := s.CreateGroup(7, testMeta); err != nil {
		t.Fatalf("the same again: %v", err)
	}
	if err := s.CreateGroup(7, other); !errors.Is(err, ErrGroupExists) {
		t.Fatalf("another base: %v", err)
	}
	if err := s.CreateGroup(0, testMeta); !errors.Is(err, ErrInvalid) {
		t.Fatalf("group 0: %v", err)
	}
	late := raft.SnapshotMeta{Index: 3, Term: 1, ConfigIndex: 2, Configuration: testMeta.Configuration}
	if err := s.CreateGroup(8, late); !errors.Is(err, ErrInvalid) {
		t.Errorf("a group whose first configuration is an entry's: %v", err)
	}
	if err := s.CreateGroup(8, raft.SnapshotMeta{}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("no voters: %v", err)
	}
	if err := s.DeleteGroup(1<<64 - 1); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteGroup(1<<64 - 1); err != nil {
		t.Fatalf("deleting again: %v", err)
	}
	mustClose(t, s)
	s = mustOpen(t, fs)
	got, err := s.Groups()
	if err != nil || !slices.Equal(got, []raft.GroupID{1, 7}) {
		t.Fatalf("groups %v, %v", got, err)
	}
	if _, err := s.Restore(1<<64 - 1); !errors.Is(err, ErrUnknownGroup) {
		t.Fatalf("a deleted group: %v", err)
	}
	// A group of the same ID starts empty.
	if err := s.CreateGroup(1<<64-1, testMeta); err != nil {
		t.Fatal(err)
	}
	if r := mustRestore(t, s, 1<<64-1); r.LastIndex != 0 || r.HardState != (raft.HardState{}) {
		t.Fatalf("the new group holds %+v", r)
	}
}

func TestGroupStartsFromASnapshot(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	meta := testMeta
	meta.Index, meta.Term = 100, 4
	if err := s.CreateGroup(1, meta); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, appendWrite(1, 4, commands(101, 4, 3)))
	mustClose(t, s)
	s = mustOpen(t, fs)
	r := mustRestore(t, s, 1)
	if r.LastIndex != 103 || r.Snapshot.Index != 100 || len(r.TermRuns) != 1 || r.TermRuns[0].First != 101 {
		t.Fatalf("restored %+v", r)
	}
	if _, err := s.Entries(1, 100, 102, 1); !errors.Is(err, ErrCompacted) {
		t.Fatalf("entries at the base: %v", err)
	}
	if got, err := s.Entries(1, 101, 104, 1<<20); err != nil || len(got) != 3 {
		t.Fatalf("entries behind the base: %v, %v", got, err)
	}
}
