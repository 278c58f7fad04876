//go:build freebsd || dragonfly

package compileworker

func limitValue(n uint64) int64 { return int64(n) }
