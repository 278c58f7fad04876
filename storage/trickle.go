package storage

import "github.com/cockroachdb/pebble/v2/vfs"

// trickleBytes is how much a large file grows before the disk gets to work on it.
const trickleBytes = 512 << 10

// trickle has the disk work on a large file while it is written, a little at a time.
//
// Why: what the system gathers is written in one go when the file is synced, and a sync
// of the log waits behind it. It makes nothing durable.
type trickle struct {
	file  vfs.File
	begun int64 // bytes from the start that the disk has or works on
}

// wrote takes note that the file has size bytes. An error is that of a failed sync, and as
// final: the system tells it once.
func (t *trickle) wrote(size int64) error {
	if size-t.begun < trickleBytes {
		return nil
	}
	t.begun = size
	_, err := t.file.SyncTo(size)
	return err
}
