package main

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"runtime"
	"testing"

	"github.com/wraft/wraft/raft"
)

// allocsPerEntryMax is what our core may allocate per entry, the load's and the
// log's part included.
const allocsPerEntryMax = 2

// TestEverybodyAppliesEverything runs every contestant past a tick and a
// compaction; drive checks what the machines saw.
func TestEverybodyAppliesEverything(t *testing.T) {
	const batches = 2*retainedEntries/batchEntries + ticksEvery
	for _, c := range contestants() {
		t.Run(c.name, func(t *testing.T) {
			cluster, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			if err := drive(cluster, batches); err != nil {
				t.Fatal(err)
			}
			switch c := cluster.(type) {
			case *wraftCluster:
				for i := range c.logs {
					checkKept(t, uint64(c.logs[i].first()), c.applied[i].index)
				}
			case *etcdCluster:
				for i := range c.logs {
					first, err := c.logs[i].FirstIndex()
					if err != nil {
						t.Fatal(err)
					}
					checkKept(t, first, c.applied[i].index)
				}
			}
		})
	}
}

// checkKept fails unless a log that ends at last was compacted and kept enough.
func checkKept(t *testing.T, first, last uint64) {
	t.Helper()
	if kept := last + 1 - first; first < 3 || kept < retainedEntries || kept > 2*retainedEntries+batchEntries {
		t.Errorf("the log holds %d entries from %d on, want %d to %d", kept, first, retainedEntries, 2*retainedEntries)
	}
}

func TestWraftLogTruncates(t *testing.T) {
	var l wraftLog
	for _, w := range []raft.Write{
		{Entries: []raft.Entry{{Index: 1, Term: 1}, {Index: 2, Term: 1}, {Index: 3, Term: 1}}},
		{Entries: []raft.Entry{{Index: 4, Term: 1}}},
		{Truncate: true, TruncateAfter: 1, Entries: []raft.Entry{{Index: 2, Term: 2}}},
	} {
		if err := l.write(&w); err != nil {
			t.Fatal(err)
		}
	}
	if l.first() != 1 || l.last() != 2 || l.count != 2 || l.segments[1][0].Term != 2 {
		t.Errorf("want entries 1 and 2 of terms 1 and 2, have %v", l.segments)
	}
	if err := l.write(&raft.Write{Entries: []raft.Entry{{Index: 4, Term: 2}}}); err == nil {
		t.Error("a gap was written")
	}
}

func TestMachineTakesNothingTwiceNorOutOfTurn(t *testing.T) {
	command := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	var m machine
	for _, step := range []struct {
		index uint64
		data  []byte
		fine  bool
	}{
		{1, nil, true}, {2, command(1), true}, {2, command(2), false}, {4, command(2), false},
		{3, command(2), true}, {4, command(2), false},
	} {
		before := m
		err := m.apply(step.index, step.data)
		if (err == nil) != step.fine {
			t.Fatalf("entry %d, %x after %+v: %v", step.index, step.data, before, err)
		}
		if !step.fine {
			m = before
		}
	}
}

func TestAllocationsPerEntry(t *testing.T) {
	f, err := measure(newWraft, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if f.allocs >= allocsPerEntryMax {
		t.Errorf("%.2f allocations per entry, want less than %d", f.allocs, allocsPerEntryMax)
	}
}

func TestReportEndsInItsLine(t *testing.T) {
	field := contestants()
	if err := run(field, 1, 2); err != nil {
		t.Fatal(err)
	}
	for i, c := range field {
		c.rounds = []figures{{rate: float64(6 - i)}, {rate: 100}, {rate: 0}}
	}
	var out bytes.Buffer
	report(&out, field, 1, 2)
	if !regexp.MustCompile(`\ncore-bench: wraft=6 etcd=5 ratio=1\.20\n$`).Match(out.Bytes()) {
		t.Errorf("the last line is not what scripts read:\n%s", out.String())
	}
}

// BenchmarkReplicate has a batch that all three replicas applied for an operation.
func BenchmarkReplicate(b *testing.B) {
	for _, c := range contestants() {
		b.Run(c.name, func(b *testing.B) {
			cluster, err := c.make()
			if err != nil {
				b.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b.ResetTimer()
			if err := drive(cluster, b.N); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			runtime.ReadMemStats(&after)
			entries := float64(b.N * batchEntries)
			b.ReportMetric(entries/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/entries, "allocs/entry")
		})
	}
}
