package server

import (
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// brittleDisk is a file system whose syncs answer EIO while there is a file of the name
// trigger. Tests use it, and builds with the tag "brittle"; the linker leaves it out of any
// other. Why not Pebble's errorfs: that would be in all of them.
type brittleDisk struct {
	vfs.FS
	trigger string
}

// Create is vfs.FS's.
func (d brittleDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.brittle(d.FS.Create(name, category))
}

// OpenReadWrite is vfs.FS's.
func (d brittleDisk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.brittle(d.FS.OpenReadWrite(name, category, opts...))
}

// OpenDir is vfs.FS's.
func (d brittleDisk) OpenDir(name string) (vfs.File, error) { return d.brittle(d.FS.OpenDir(name)) }

// ReuseForWrite is vfs.FS's.
func (d brittleDisk) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.brittle(d.FS.ReuseForWrite(old, name, category))
}

func (d brittleDisk) brittle(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return brittleFile{f, d.trigger}, nil
}

// brittleFile is a file of such a disk.
type brittleFile struct {
	vfs.File
	trigger string
}

// Sync is vfs.File's.
func (f brittleFile) Sync() error {
	if err := f.fails(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData is vfs.File's.
func (f brittleFile) SyncData() error {
	if err := f.fails(); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo is vfs.File's.
func (f brittleFile) SyncTo(length int64) (fullSync bool, err error) {
	if err := f.fails(); err != nil {
		return false, err
	}
	return f.File.SyncTo(length)
}

func (f brittleFile) fails() error {
	if _, err := os.Stat(f.trigger); err != nil {
		return nil
	}
	return &os.PathError{Op: "sync", Path: f.trigger, Err: syscall.EIO}
}
