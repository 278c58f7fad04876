package server

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestABrittleDiskHasAnEnd while there is a file with its size, for what goes through it.
func TestABrittleDiskHasAnEnd(t *testing.T) {
	dir := t.TempDir()
	d := brittleDisk{FS: vfs.Default, fail: filepath.Join(dir, "fail"), size: filepath.Join(dir, "size"), folder: filepath.Join(dir, "data")}
	put := func(file string, bytes string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(bytes), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(d.folder, "cache", "code"), string(make([]byte, 1000)))
	create := func(name string) vfs.File {
		t.Helper()
		f, err := d.Create(filepath.Join(d.folder, name), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	free := func(want uint64) {
		t.Helper()
		u, err := d.GetDiskUsage(d.folder)
		if err != nil || u.AvailBytes != want || u.AvailBytes+u.UsedBytes != u.TotalBytes {
			t.Errorf("%+v, %v, want %d bytes free", u, err, want)
		}
	}
	first, second := create("first"), create("second")
	write := func(want error, bytes int) {
		t.Helper()
		if _, err := second.Write(make([]byte, bytes)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", bytes, err, want)
		}
	}
	if _, err := first.Write(make([]byte, 300)); err != nil {
		t.Fatal(err)
	}
	if u, err := d.GetDiskUsage(d.folder); err != nil || u.TotalBytes < 1<<20 {
		t.Errorf("without a size it is the operating system's disk: %+v, %v", u, err)
	}
	put(d.size, "400")
	free(100)
	write(syscall.ENOSPC, 101)
	write(nil, 100)
	free(0)
	write(syscall.ENOSPC, 1)
	if _, err := first.WriteAt([]byte("x"), 300); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("at a place: %v", err)
	}
	if err := errors.Join(second.Sync(), d.Remove(filepath.Join(d.folder, "first"))); err != nil {
		t.Fatal(err)
	}
	free(300)
	write(nil, 1)
	put(d.size, "plenty")
	if _, err := d.GetDiskUsage(d.folder); err == nil {
		t.Error("a size that is no number passes")
	}
	if err := os.Remove(d.size); err != nil {
		t.Fatal(err)
	}
	write(nil, 1000)
	put(d.fail, "")
	if err := second.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a sync: %v", err)
	}
}
