//go:build brittle

package server

import "github.com/cockroachdb/pebble/v2/vfs"

// brittleSuffix makes, behind the name of the data folder, the name of the file that lets
// syncs fail.
const brittleSuffix = ".fail"

// disk is what a node stores on: one that can be made to fail.
func disk(cfg Config) vfs.FS { return brittleDisk{vfs.Default, cfg.DataDir + brittleSuffix} }
