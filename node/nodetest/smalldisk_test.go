package nodetest_test

import (
	"io/fs"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// smallDisk is a disk with a size: a write for which there is no room fails as the
// operating system's would. What counts is what is in its files now.
type smallDisk struct {
	*vfs.MemFS
	size int64

	mu     sync.Mutex // guards the fields below; held across a look and the write after it
	others int64      // bytes that somebody else has taken
	denied int        // writes that failed
}

// fill lets others take everything but free bytes.
func (d *smallDisk) fill(free int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.others = d.size - d.used("data") - free
}

// clear lets them go.
func (d *smallDisk) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.others = 0
}

func (d *smallDisk) deniedWrites() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.denied
}

// used is what the files of a folder take.
func (d *smallDisk) used(folder string) int64 {
	names, err := d.List(folder)
	if err != nil {
		return 0
	}
	var sum int64
	for _, name := range names {
		path := d.PathJoin(folder, name)
		info, err := d.Stat(path)
		switch {
		case err != nil: // it is gone meanwhile
		case info.IsDir():
			sum += d.used(path)
		default:
			sum += info.Size()
		}
	}
	return sum
}

// GetDiskUsage implements vfs.FS.
func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	used := d.used("data") + d.others
	return vfs.DiskUsage{AvailBytes: uint64(max(d.size-used, 0)), TotalBytes: uint64(d.size), UsedBytes: uint64(used)}, nil
}

// Create implements vfs.FS.
func (d *smallDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.MemFS.Create(name, c))
}

// OpenReadWrite implements vfs.FS.
func (d *smallDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(d.MemFS.OpenReadWrite(name, c, opts...))
}

// ReuseForWrite implements vfs.FS.
func (d *smallDisk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.MemFS.ReuseForWrite(oldname, newname, c))
}

func (d *smallDisk) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &smallFile{File: f, disk: d}, nil
}

type smallFile struct {
	vfs.File
	disk *smallDisk
}

// Write implements vfs.File.
func (f *smallFile) Write(b []byte) (int, error) {
	return f.disk.within(int64(len(b)), func() (int, error) { return f.File.Write(b) })
}

// WriteAt implements vfs.File.
func (f *smallFile) WriteAt(b []byte, at int64) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return f.disk.within(max(at+int64(len(b))-info.Size(), 0), func() (int, error) { return f.File.WriteAt(b, at) })
}

// Preallocate implements vfs.File: this file system cannot.
func (f *smallFile) Preallocate(int64, int64) error { return syscall.EOPNOTSUPP }

// within runs a write that makes a file grow, if there is room.
func (d *smallDisk) within(growth int64, write func() (int, error)) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if growth > 0 && d.used("data")+d.others+growth > d.size {
		d.denied++
		return 0, &fs.PathError{Op: "write", Path: "data", Err: syscall.ENOSPC}
	}
	return write()
}
