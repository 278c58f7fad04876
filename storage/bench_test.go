package storage

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// benchmarkCommit writes n entries of 128 bytes per Commit, spread over groups.
func benchmarkCommit(b *testing.B, dir string, o Options, groups, n int) {
	s, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	mustCreate(b, s, groups)
	data := make([]byte, 128)
	ws := make([]GroupWrite, groups)
	hard := make([]raft.HardState, groups)
	for g := range ws {
		ws[g].Group = raft.GroupID(g + 1)
		ws[g].Write = raft.Write{HardState: &hard[g], Entries: make([]raft.Entry, n/groups), Sync: true}
		hard[g].Term = 1
	}
	next := raft.Index(1)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for g := range ws {
			for i := range ws[g].Write.Entries {
				ws[g].Write.Entries[i] = raft.Entry{Index: next + raft.Index(i), Term: 1, Type: raft.EntryCommand, Data: data}
			}
			hard[g].Commit = next - 1
		}
		next += raft.Index(n / groups)
		if err := s.Commit(ws); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkCommit(b *testing.B) {
	for _, c := range []struct{ groups, entries int }{{1, 1}, {1, 64}, {64, 64}} {
		name := fmt.Sprintf("groups=%d/entries=%d", c.groups, c.entries)
		b.Run("memory/"+name, func(b *testing.B) {
			benchmarkCommit(b, testDir, Options{FS: vfs.NewMem()}, c.groups, c.entries)
		})
		b.Run("disk/"+name, func(b *testing.B) {
			benchmarkCommit(b, b.TempDir(), Options{}, c.groups, c.entries)
		})
	}
}

func BenchmarkEntries(b *testing.B) {
	s := mustOpen(b, vfs.NewMem())
	mustCreate(b, s, 1)
	entries := commands(1, 1, 10000)
	for i := range entries {
		entries[i].Data = make([]byte, 128)
	}
	mustCommit(b, s, appendWrite(1, 1, entries))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		lo := raft.Index(1 + i*64%9900)
		if got, err := s.Entries(1, lo, lo+64, 1<<20); err != nil || len(got) != 64 {
			b.Fatal(len(got), err)
		}
	}
}

func BenchmarkRestore(b *testing.B) {
	s := mustOpen(b, vfs.NewMem())
	mustCreate(b, s, 1)
	entries := commands(1, 1, 100000)
	for i := range entries {
		entries[i].Data = make([]byte, 128)
	}
	mustCommit(b, s, appendWrite(1, 1, entries))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := s.Restore(1); err != nil || r.LastIndex != 100000 {
			b.Fatal(r.LastIndex, err)
		}
	}
}
