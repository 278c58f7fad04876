package storage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// sentSnapshot writes a snapshot on a store of its own and returns its bytes.
func sentSnapshot(t testing.TB, content []byte) (SnapshotFile, []byte) {
	t.Helper()
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	f := mustSnapshot(t, s, snapshotAt(5, Digest{}), content)
	return f, mustRead(t, fs, s.Snapshots().path(f))
}

// cutReader yields some bytes and then fails.
type cutReader struct {
	r    io.Reader
	left int
}

var errCut = errors.New("the link was cut")

func (c *cutReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errCut
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// TestTransferGoesOnWhereItBrokeOff cuts a transfer again and again, restarts the
// receiver at every other cut, and counts what had to be sent twice.
func TestTransferGoesOnWhereItBrokeOff(t *testing.T) {
	content := contentOf(3, 6<<20)
	file, sent := sentSnapshot(t, content)
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	rng := rand.New(rand.NewPCG(8, 8))
	total, cuts := 0, 0
	r, err := s.Snapshots().Receive(file)
	for err == nil && !r.Complete() {
		left := 1 + rng.IntN(1<<20)
		c := &cutReader{bytes.NewReader(sent[r.Offset():]), left}
		if _, err = r.ReadFrom(c); err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		total += left - c.left
		if cuts++; cuts%2 == 0 {
			r.Close()
			mustClose(t, s)
			s = mustOpen(t, fs)
		}
		before := r.Offset()
		if r, err = s.Snapshots().Receive(file); err == nil && r.Offset() != before {
			t.Fatalf("%d bytes were here, %d are left", before, r.Offset())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if f, err := r.Finish(); err != nil || f != file {
		t.Fatalf("finish: %+v, %v", f, err)
	}
	if got, err := readSnapshot(s, file); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	// Why this bound: at each cut what has come of one chunk is lost.
	if most := len(sent) + cuts*(snapshotChunkBytes+snapshotChunkHead+64); total > most || cuts < 5 {
		t.Errorf("%d bytes were sent for %d, with %d cuts", total, len(sent), cuts)
	}
}

func TestTransferOfWrongBytes(t *testing.T) {
	file, sent := sentSnapshot(t, contentOf(3, 700<<10))
	other, _ := sentSnapshot(t, contentOf(4, 700<<10))
	for at := 0; at < len(sent); at += 1 + len(sent)/97 {
		s := mustOpen(t, vfs.NewMem())
		r, err := s.Snapshots().Receive(file)
		if err != nil {
			t.Fatal(err)
		}
		wrong := bytes.Clone(sent)
		wrong[at] ^= 4
		var damaged *SnapshotDamagedError
		if _, err := r.ReadFrom(bytes.NewReader(wrong)); !errors.As(err, &damaged) {
			t.Fatalf("a flipped bit at %d: %v", at, err)
		}
		if _, err := r.Finish(); err == nil {
			t.Fatal("half a file was finished")
		}
		mustClose(t, s)
	}
	// A file that is sound and not the one that was announced.
	s := mustOpen(t, vfs.NewMem())
	r, err := s.Snapshots().Receive(SnapshotFile{Group: 7, Index: 5, Digest: other.Digest, Size: file.Size})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadFrom(bytes.NewReader(sent)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("another file: %v", err)
	}
	if _, err := r.ReadFrom(bytes.NewReader(sent)); !errors.Is(err, ErrSnapshotSpoiled) {
		t.Fatalf("after that: %v", err)
	}
	r.Close()
	if r, err = s.Snapshots().Receive(file); err != nil || r.Offset() != 0 {
		t.Fatalf("begin again: %v", err)
	}
	r.Close()
	if _, err := s.Snapshots().Receive(SnapshotFile{Group: 7, Index: 5, Size: 3}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("a file of three bytes: %v", err)
	}
}

// TestOneTransferOfAGroup: what another transfer has brought is removed.
func TestOneTransferOfAGroup(t *testing.T) {
	file, sent := sentSnapshot(t, contentOf(3, 700<<10))
	other, _ := sentSnapshot(t, contentOf(4, 700<<10))
	s := mustOpen(t, vfs.NewMem())
	for _, f := range []SnapshotFile{file, other} {
		r, err := s.Snapshots().Receive(f)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = r.ReadFrom(&cutReader{bytes.NewReader(sent), 300 << 10})
		r.Close()
	}
	if parts, err := s.Snapshots().list(7, partSuffix); err != nil || len(parts) != 1 || parts[0].Digest != other.Digest {
		t.Fatalf("parts: %v, %v", parts, err)
	}
	if err := s.Snapshots().DropParts(7, Digest{}); err != nil {
		t.Fatal(err)
	}
	if names, err := s.dir.fs.List(s.Snapshots().folder(7)); err != nil || len(names) != 0 {
		t.Fatalf("left: %v, %v", names, err)
	}
}

// TestAFailedSyncIsNotMendedByALaterOne: it is final for the process, and the next one receives
// anew what the disk did not take, even when the page cache still shows it.
func TestAFailedSyncIsNotMendedByALaterOne(t *testing.T) {
	file, sent := sentSnapshot(t, contentOf(3, 1<<20))
	disk := newFaultyDisk(func(op errorfs.Op) bool { return isSync(op) && strings.HasSuffix(op.Path, partSuffix) })
	fatal := 0
	s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { fatal++ }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Snapshots().Receive(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadFrom(&cutReader{bytes.NewReader(sent), len(sent) / 2}); !errors.Is(err, errCut) || r.Offset() == 0 {
		t.Fatalf("%d bytes: %v", r.Offset(), err)
	}
	disk.on.Store(true)
	r.Close()
	disk.on.Store(false)
	if disk.failed.Load() == 0 || fatal != 1 {
		t.Fatalf("the disk failed %d times, the process was told %d times to end", disk.failed.Load(), fatal)
	}
	if _, err := s.Snapshots().Receive(file); !errors.Is(err, ErrFailed) {
		t.Fatalf("a store on a disk that failed: %v", err)
	}
	_ = s.Close() // it says that the disk failed
	if s, err = Open(testDir, testOptions(t, disk)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if r, err = s.Snapshots().Receive(file); err != nil || r.Offset() != 0 {
		t.Fatalf("%d bytes of it are believed, %v", r.Offset(), err)
	}
	if _, err := r.ReadFrom(bytes.NewReader(sent)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Finish(); err != nil {
		t.Fatal(err)
	}
}

// TestRetainLeavesWhatIsReceived: a node that caught up by its log takes newer snapshots while an
// older one is still coming; to miss that in the end is no fault of the disk.
func TestRetainLeavesWhatIsReceived(t *testing.T) {
	file, sent := sentSnapshot(t, contentOf(3, 1<<20))
	s := mustOpen(t, vfs.NewMem())
	r, err := s.Snapshots().Receive(file)
	if err != nil {
		t.Fatal(err)
	}
	newer := mustSnapshot(t, s, snapshotAt(9, Digest{}), contentOf(4, 1000))
	retain := func(want ...SnapshotFile) {
		t.Helper()
		removed, err := s.Snapshots().Retain(7, newer)
		if err != nil || len(removed) != len(want) || len(want) > 0 && removed[0].Digest != want[0].Digest {
			t.Fatalf("removed %v, want %v: %v", removed, want, err)
		}
	}
	if _, err := r.ReadFrom(&cutReader{bytes.NewReader(sent), len(sent) / 2}); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	retain()
	r.Close()
	retain(file)
	if r, err = s.Snapshots().Receive(file); err != nil || r.Offset() != 0 {
		t.Fatalf("%d bytes are left, %v", r.Offset(), err)
	}
	if _, err := r.ReadFrom(bytes.NewReader(sent)); err != nil {
		t.Fatal(err)
	}
	retain()
	if _, err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	retain(file)
}
