//go:build !linux

package plugins

// sharing is nothing where files in memory cannot be had: pages are copied.
type sharing struct{ bytes int }

func share([]byte, int) (sharing, error) { return sharing{}, nil }

func (sharing) give([]byte) error { return nil }

func (sharing) close() {}
