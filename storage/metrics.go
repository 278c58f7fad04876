package storage

import (
	"sync/atomic"
	"time"
)

// Metrics counts what a Store did since Open.
type Metrics struct {
	Batches       uint64        // Commits that wrote something
	Syncs         uint64        // those among them that were synced
	Entries       uint64        // entries written
	Bytes         uint64        // bytes of batches, keys and framing included
	Truncations   uint64        // writes that removed entries
	SyncTime      time.Duration // spent in synced batches, all together
	LastSync      time.Duration // of the last synced batch
	LongestSync   time.Duration
	DiskBytes     uint64 // that Pebble's files take now
	MemTableBytes uint64 // that Pebble's tables in memory take now
}

// meter holds the counters behind Metrics.
type meter struct {
	batches, syncs, entries, bytes, truncations atomic.Uint64
	syncTime, lastSync, longestSync             atomic.Int64 // nanoseconds
}

// batch counts one batch; took is 0 for one without a sync.
func (m *meter) batch(bytes int, entries, truncations uint64, synced bool, took time.Duration) {
	m.batches.Add(1)
	m.bytes.Add(uint64(bytes))
	m.entries.Add(entries)
	m.truncations.Add(truncations)
	if !synced {
		return
	}
	m.syncs.Add(1)
	m.syncTime.Add(int64(took))
	m.lastSync.Store(int64(took))
	for {
		old := m.longestSync.Load()
		if int64(took) <= old || m.longestSync.CompareAndSwap(old, int64(took)) {
			return
		}
	}
}

func (m *meter) read() Metrics {
	return Metrics{
		Batches: m.batches.Load(), Syncs: m.syncs.Load(), Entries: m.entries.Load(),
		Bytes: m.bytes.Load(), Truncations: m.truncations.Load(),
		SyncTime:    time.Duration(m.syncTime.Load()),
		LastSync:    time.Duration(m.lastSync.Load()),
		LongestSync: time.Duration(m.longestSync.Load()),
	}
}
