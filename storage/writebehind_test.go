package storage

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func isSyncTo(suffix string) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileSyncTo && strings.HasSuffix(op.Path, suffix) }
}

// TestALargeFileGoesToTheDiskWhileItIsWritten: also of a snapshot that is taken or received,
// and a disk that fails then has failed for good, as with any sync.
func TestALargeFileGoesToTheDiskWhileItIsWritten(t *testing.T) {
	content := contentOf(3, 3*writeBehindBytes)
	file, sent := sentSnapshot(t, content)
	for name, k := range map[string]struct {
		suffix string
		write  func(s *Store) error
	}{
		"taken": {tempSuffix, func(s *Store) error {
			w, err := s.Snapshots().Create(snapshotAt(5, Digest{}))
			if err == nil {
				_, err = w.Write(content)
			}
			return err
		}},
		"received": {partSuffix, func(s *Store) error {
			r, err := s.Snapshots().Receive(file)
			if err == nil {
				_, err = r.ReadFrom(bytes.NewReader(sent))
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFaultyDisk(isSyncTo(k.suffix))
			fatal := 0
			s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { fatal++ }})
			if err != nil {
				t.Fatal(err)
			}
			disk.on.Store(true)
			if err := k.write(s); !errors.Is(err, errorfs.ErrInjected) || disk.failed.Load() != 1 {
				t.Fatalf("the disk failed %d times: %v", disk.failed.Load(), err)
			}
			disk.on.Store(false)
			if _, err := s.Snapshots().Receive(file); !errors.Is(err, ErrFailed) || fatal != 1 {
				t.Fatalf("a store on a disk that failed: %v; the process was told %d times to end", err, fatal)
			}
			_ = s.Close() // it says that the disk failed
		})
	}
}
