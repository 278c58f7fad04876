package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

const mib = 1 << 20

// cramped is a disk of 100 MiB whose free space the test decides, but for the ballast.
type cramped struct {
	*vfs.MemFS
	free uint64 // without the ballast
}

// GetDiskUsage implements vfs.FS.
func (c *cramped) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free := c.free
	for _, name := range []string{ballastName, ballastName + tempSuffix} {
		if info, err := c.Stat(testDir + "/" + name); err == nil {
			free -= min(free, uint64(info.Size()))
		}
	}
	return vfs.DiskUsage{AvailBytes: free, TotalBytes: 100 * mib, UsedBytes: 100*mib - free}, nil
}

func crampedOptions(t testing.TB, fs vfs.FS) Options {
	o := testOptions(t, fs)
	o.MinFreeBytes, o.BallastBytes = 40*mib, 10*mib
	return o
}

func mustLook(t testing.TB, s *Store) Room {
	t.Helper()
	r, err := s.Space().Look()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBallast walks a disk down until it is full and back.
func TestBallast(t *testing.T) {
	disk := &cramped{MemFS: vfs.NewMem(), free: 100 * mib}
	s, err := Open(testDir, crampedOptions(t, disk))
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	for _, step := range []struct {
		free uint64 // without the ballast
		want Room
		why  string
	}{
		{100 * mib, Room{Free: 90 * mib, Ballast: 10 * mib}, "the ballast is made"},
		{50 * mib, Room{Free: 40 * mib, Ballast: 10 * mib}, "at the mark"},
		{50*mib - 1, Room{Free: 40*mib - 1, Ballast: 10 * mib, Low: true}, "below the mark"},
		{59 * mib, Room{Free: 49 * mib, Ballast: 10 * mib, Low: true}, "not yet enough room"},
		{60 * mib, Room{Free: 50 * mib, Ballast: 10 * mib}, "a quarter above the mark"},
		{20 * mib, Room{Free: 10 * mib, Ballast: 10 * mib, Low: true}, "still something left"},
		{20*mib - 1, Room{Free: 20*mib - 1, Low: true}, "the ballast goes"},
		{0, Room{Low: true}, "nothing left"},
		{60*mib - 1, Room{Free: 60*mib - 1, Low: true}, "without the ballast it would not be enough"},
		{60 * mib, Room{Free: 50 * mib, Ballast: 10 * mib}, "the ballast is made again"},
	} {
		disk.free = step.free
		want := step.want
		want.Known, want.Total, want.Minimum = true, 100*mib, 40*mib
		if got := mustLook(t, s); got != want {
			t.Fatalf("%s: %+v, want %+v", step.why, got, want)
		}
	}
}

// TestAStartOnAFullDisk lets the ballast go, and without one says what to do.
func TestAStartOnAFullDisk(t *testing.T) {
	disk := &cramped{MemFS: vfs.NewMem(), free: 100 * mib}
	s, err := Open(testDir, crampedOptions(t, disk))
	if err != nil {
		t.Fatal(err)
	}
	mustLook(t, s)
	mustClose(t, s)
	disk.free = 10 * mib // all of which is the ballast
	if s, err = Open(testDir, crampedOptions(t, disk)); err != nil {
		t.Fatal(err)
	}
	if r := mustLook(t, s); !r.Low || r.Free != 10*mib || r.Ballast != 0 {
		t.Fatalf("%+v", r)
	}
	mustClose(t, s)
	disk.free--
	_, err = Open(testDir, crampedOptions(t, disk))
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), testDir) || !strings.Contains(err.Error(), "free some space") {
		t.Fatal(err)
	}
	disk.free++
	s, err = Open(testDir, crampedOptions(t, disk))
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
}

// TestNothingLargeOnALowDisk: modules and snapshots are refused before they take the
// space below the mark, and what was begun leaves nothing.
func TestNothingLargeOnALowDisk(t *testing.T) {
	disk := &cramped{MemFS: vfs.NewMem(), free: 51*mib + 100}
	s, err := Open(testDir, crampedOptions(t, disk))
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	mustCreate(t, s, 1)
	if r := mustLook(t, s); r.Low {
		t.Fatalf("%+v", r)
	}
	module := bytes.Repeat([]byte("m"), mib+101)
	put := func() error {
		return s.Modules().Put(sha256.Sum256(module), bytes.NewReader(module), int64(len(module)))
	}
	if err := put(); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("a module of %d bytes: %v", len(module), err)
	}
	w, err := s.Snapshots().Create(SnapshotHeader{Group: 1, Meta: raft.SnapshotMeta{Index: 1, Term: 1, Configuration: testMeta.Configuration}, Kind: "x"})
	if err != nil {
		t.Fatal(err)
	}
	disk.free -= mib + 100
	if _, err := w.Write(make([]byte, 2*snapshotChunkBytes)); err == nil {
		_, err = w.Finish()
		if !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
	} else if !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
	w.Abort()
	if _, err := s.Snapshots().Receive(SnapshotFile{Group: 1, Index: 5, Size: mib}); !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
	names, err := disk.List(testDir + "/snapshots/1")
	if err != nil || len(names) != 0 {
		t.Fatalf("left behind: %v, %v", names, err)
	}
	disk.free += mib + 101
	if err := put(); err != nil {
		t.Fatal(err)
	}
}

// TestNobodyToAsk: where the file system does not say what is free nothing is refused.
func TestNobodyToAsk(t *testing.T) {
	s, err := Open(testDir, crampedOptions(t, vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	if r := mustLook(t, s); r != (Room{}) {
		t.Fatalf("%+v", r)
	}
	if err := s.Space().take(1 << 60); err != nil {
		t.Fatal(err)
	}
}

// TestBallastOnARealDisk: it takes the space, and gives it back.
func TestBallastOnARealDisk(t *testing.T) {
	o := testOptions(t, vfs.Default)
	o.MinFreeBytes, o.BallastBytes = 4*mib, 8*mib
	dir := t.TempDir()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	if r := mustLook(t, s); !r.Known || r.Free == 0 || r.Total < r.Free || r.Ballast != 8*mib {
		t.Fatalf("%+v", r)
	}
	if _, err := vfs.Default.Stat(dir + "/" + ballastName); err != nil {
		t.Fatal(err)
	}
}
