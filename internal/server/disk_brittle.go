//go:build brittle

package server

import "github.com/cockroachdb/pebble/v2/vfs"

// Behind the name of the data folder these make the names of the files that let syncs fail,
// and that hold the size of the disk.
const (
	brittleFail = ".fail"
	brittleSize = ".size"
)

// disk is what a node stores on: one that can be made to fail, or to be full.
func disk(cfg Config) vfs.FS {
	return brittleDisk{FS: vfs.Default, fail: cfg.DataDir + brittleFail, size: cfg.DataDir + brittleSize, folder: cfg.DataDir}
}
