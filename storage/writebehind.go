package storage

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writeBehindBytes is how much of a large file is written before the system is told to
// bring it to the disk.
const writeBehindBytes = 1 << 20

// writeBehind has the system bring a file that grows to the disk while it is written. It
// promises nothing: what is durable is what a sync says.
//
// Why: the log's sync waits behind whatever the disk has to do. Left to themselves, the
// system's pages pile up until the file's own sync, and commands wait for all of them.
type writeBehind struct{ told int64 }

// wrote is told that a file has size bytes by now. An error is that of a failed sync.
func (b *writeBehind) wrote(f vfs.File, size int64) error {
	if size-b.told < writeBehindBytes {
		return nil
	}
	b.told = size
	if _, err := f.SyncTo(size); err != nil {
		return fmt.Errorf("write to disk: %w", err)
	}
	return nil
}
