package storage

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// BenchmarkBytesWritten writes logs that are cut as a node cuts them: behind a snapshot when
// so many bytes have come, to a tail of so many. It reports what of Pebble's goes to the disk
// for an entry, in bytes and over the entry's own: its log, tables that are flushed, tables
// that are compacted.
func BenchmarkBytesWritten(b *testing.B) {
	for _, c := range []struct {
		groups, data, batch int
		snapshot, tail      int // bytes of a group's log
	}{
		{1, 128, 64, 64 << 20, 64 << 20},
		{1, 1024, 64, 64 << 20, 64 << 20},
		{1, 1024, 64, 64 << 20, 1 << 20},
		{16, 1024, 64, 4 << 20, 4 << 20},
		{64, 128, 64, 1 << 20, 256 << 10},
	} {
		name := fmt.Sprintf("groups=%d/data=%d/snapshot=%dKiB/tail=%dKiB", c.groups, c.data, c.snapshot>>10, c.tail>>10)
		b.Run(name, func(b *testing.B) {
			for range b.N {
				benchmarkWritten(b, c.groups, c.data, c.batch, c.snapshot/c.data, c.tail/c.data)
			}
		})
	}
}

// writtenBytes is how many bytes of data each run of the benchmark writes.
const writtenBytes = 512 << 20

func benchmarkWritten(b *testing.B, groups, size, batch, every, tail int) {
	s, err := Open(testDir, Options{FS: vfs.NewMem()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	mustCreate(b, s, groups)
	data := make([]byte, size)
	entries := writtenBytes / size
	last, cut := make([]raft.Index, groups), make([]raft.Index, groups)
	for n := 0; n < entries; n += batch {
		g := n / batch % groups
		w := raft.Write{HardState: &raft.HardState{Term: 1, Commit: last[g]}, Sync: true}
		for range batch {
			last[g]++
			w.Entries = append(w.Entries, raft.Entry{Index: last[g], Term: 1, Type: raft.EntryCommand, Data: data})
		}
		if at := w.HardState.Commit; int(at-cut[g]) > every+tail {
			w.Snapshot = &raft.SnapshotMeta{Index: at, Term: 1, ConfigIndex: testMeta.ConfigIndex, Configuration: testMeta.Configuration}
			cut[g] = at - raft.Index(tail)
			w.CompactTo = cut[g]
		}
		mustCommit(b, s, GroupWrite{Group: raft.GroupID(g + 1), Write: w})
	}
	reportWritten(b, s.db.Metrics(), entries, size)
}

// reportWritten says what was written for an entry.
func reportWritten(b *testing.B, m *pebble.Metrics, entries, size int) {
	b.Helper()
	var flushed, compacted uint64
	for _, l := range m.Levels {
		flushed += l.TableBytesFlushed + l.BlobBytesFlushed
		compacted += l.TableBytesCompacted + l.BlobBytesCompacted
	}
	each := func(bytes uint64) float64 { return float64(bytes) / float64(entries) }
	b.ReportMetric(each(m.WAL.BytesWritten), "wal-B/entry")
	b.ReportMetric(each(flushed), "flushed-B/entry")
	b.ReportMetric(each(compacted), "compacted-B/entry")
	b.ReportMetric(each(m.WAL.BytesWritten+flushed+compacted)/float64(size), "x-data")
}
