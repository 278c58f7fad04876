//go:build unix && !linux && !freebsd && !dragonfly

package compileworker

func limitValue(n uint64) uint64 { return n }
