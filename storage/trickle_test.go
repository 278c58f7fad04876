package storage

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestLargeFilesTrickleToTheDisk: the disk works on a snapshot while it is written or received,
// and when it cannot, that is a failed sync: the process ends, and nothing of the file is believed.
func TestLargeFilesTrickleToTheDisk(t *testing.T) {
	content := contentOf(5, 16*trickleBytes)
	file, sent := sentSnapshot(t, content)
	for name, way := range map[string]struct {
		suffix string
		bring  func(*Store) error
	}{
		"written": {tempSuffix, func(s *Store) error {
			_, err := writeSnapshot(s, snapshotAt(9, Digest{}), content)
			return err
		}},
		"received": {partSuffix, func(s *Store) error {
			r, err := s.Snapshots().Receive(file)
			if err != nil {
				return err
			}
			defer r.Close()
			if _, err := r.ReadFrom(bytes.NewReader(sent)); err != nil {
				return err
			}
			_, err = r.Finish()
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			begun, allowed := 0, 3
			disk := newFaultyDisk(func(op errorfs.Op) bool {
				if op.Kind != errorfs.OpFileSyncTo || !strings.HasSuffix(op.Path, way.suffix) {
					return false
				}
				begun++
				return begun > allowed
			})
			var fatal atomic.Int64
			s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { fatal.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			disk.on.Store(true)
			if err := way.bring(s); !errors.Is(err, errorfs.ErrInjected) || fatal.Load() != 1 || disk.failed.Load() != 1 {
				t.Fatalf("%v; the process was told %d times to end, the disk failed %d times", err, fatal.Load(), disk.failed.Load())
			}
			_ = s.Close() // it says that the disk failed

			disk.on.Store(false)
			s = mustOpen(t, disk)
			if err := s.Snapshots().DropParts(file.Group, Digest{}); err != nil {
				t.Fatal(err)
			}
			begun, allowed = 0, len(sent)
			disk.on.Store(true)
			if err := way.bring(s); err != nil {
				t.Fatal(err)
			}
			if begun < len(sent)/(trickleBytes+snapshotChunkBytes) {
				t.Fatalf("the disk got to work %d times on %d bytes", begun, len(sent))
			}
		})
	}
}
