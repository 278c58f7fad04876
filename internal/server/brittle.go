package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// brittleDisk is a file system whose syncs answer EIO while there is a file of the name
// fail, and which has an end while there is one of the name size: that holds, as a decimal
// number, how many bytes the files of folder may take together, and a write for which there
// is no room answers ENOSPC. Tests use it, and builds with the tag "brittle"; the linker leaves
// it out of any other. Why not Pebble's errorfs: that would be in all of them.
type brittleDisk struct {
	vfs.FS
	fail, size, folder string
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

// GetDiskUsage is vfs.FS's.
func (d brittleDisk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	total, ends, err := d.end()
	if err != nil {
		return vfs.DiskUsage{}, err
	}
	if !ends {
		return d.FS.GetDiskUsage(path)
	}
	used, err := d.used()
	return vfs.DiskUsage{AvailBytes: max(total, used) - used, TotalBytes: total, UsedBytes: used}, err
}

func (d brittleDisk) brittle(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return brittleFile{f, d}, nil
}

// end is how many bytes there is room for in all; ends is false when that is the operating
// system's business.
func (d brittleDisk) end() (total uint64, ends bool, err error) {
	text, err := os.ReadFile(d.size)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err == nil {
		total, err = strconv.ParseUint(string(text), 10, 64)
	}
	if err != nil {
		return 0, false, fmt.Errorf("server: size of a brittle disk: %w", err)
	}
	return total, true, nil
}

// used is what the files take, but for compiled code, which does not come through here.
func (d brittleDisk) used() (sum uint64, err error) {
	err = filepath.WalkDir(d.folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it is gone meanwhile
			return nil
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "cache":
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		if info, err := entry.Info(); err == nil {
			sum += uint64(info.Size())
		}
		return nil
	})
	return sum, err
}

// takes is an error when there is no room for a write.
func (d brittleDisk) takes(bytes int) error {
	total, ends, err := d.end()
	if err != nil || !ends {
		return err
	}
	used, err := d.used()
	if err == nil && used+uint64(bytes) > total {
		err = &os.PathError{Op: "write", Path: d.folder, Err: syscall.ENOSPC}
	}
	return err
}

// syncs is an error when syncs fail.
func (d brittleDisk) syncs() error {
	if _, err := os.Stat(d.fail); err != nil {
		return nil
	}
	return &os.PathError{Op: "sync", Path: d.fail, Err: syscall.EIO}
}

// brittleFile is a file of such a disk.
type brittleFile struct {
	vfs.File
	disk brittleDisk
}

// Write is vfs.File's.
func (f brittleFile) Write(b []byte) (int, error) {
	if err := f.disk.takes(len(b)); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

// WriteAt is vfs.File's.
func (f brittleFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.disk.takes(len(b)); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

// Preallocate is vfs.File's. Why not: what is set aside has to show in the sizes of files.
func (f brittleFile) Preallocate(int64, int64) error { return syscall.EOPNOTSUPP }

// Sync is vfs.File's.
func (f brittleFile) Sync() error {
	if err := f.disk.syncs(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData is vfs.File's.
func (f brittleFile) SyncData() error {
	if err := f.disk.syncs(); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo is vfs.File's.
func (f brittleFile) SyncTo(length int64) (fullSync bool, err error) {
	if err := f.disk.syncs(); err != nil {
		return false, err
	}
	return f.File.SyncTo(length)
}
