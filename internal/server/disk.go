//go:build !brittle

package server

import "github.com/cockroachdb/pebble/v2/vfs"

// disk is what a node stores on, nil for the operating system's file system.
func disk(Config) vfs.FS { return nil }
