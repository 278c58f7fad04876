package storage

import (
	"errors"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/internal/invariants"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

func TestCommitAndRestore(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 2)
	config := confchange.New(1, 2)
	entries := commands(1, 1, 3)
	entries = append(entries, raft.Entry{Index: 4, Term: 2, Type: raft.EntryNoop},
		raft.Entry{Index: 5, Term: 2, Type: raft.EntryConfig, Data: config.Encode()})
	mustCommit(t, s,
		GroupWrite{Group: 2, Write: raft.Write{HardState: &raft.HardState{Term: 3, Vote: 2, Commit: 4}, Entries: entries, Sync: true}},
		appendWrite(1, 9, commands(1, 9, 1)))
	mustClose(t, s)

	s = mustOpen(t, fs)
	want := raft.Restored{
		HardState: raft.HardState{Term: 3, Vote: 2, Commit: 4}, Snapshot: testMeta, LastIndex: 5,
		LogBytes: 5*32 + 20, // what an entry counts beside its data, and the data
		TermRuns: []raft.TermRun{{First: 1, Term: 1}, {First: 4, Term: 2}},
		Configs:  []raft.ConfigAt{{Index: 5, Configuration: config}},
	}
	if got := mustRestore(t, s, 2); !reflect.DeepEqual(got, want) {
		t.Fatalf("restored %+v\nwant     %+v", got, want)
	}
	got, err := s.Entries(2, 1, 6, 1<<20)
	if err != nil || len(got) != 5 {
		t.Fatalf("entries: %d, %v", len(got), err)
	}
	for i := range got {
		if got[i].Index != entries[i].Index || got[i].Term != entries[i].Term || got[i].Type != entries[i].Type ||
			string(got[i].Data) != string(entries[i].Data) {
			t.Fatalf("entry %d: %+v, want %+v", i, got[i], entries[i])
		}
	}
}

func TestCommitTruncates(t *testing.T) {
	// The cut lies in an earlier batch, in the same batch, and at the base.
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	cut := func(after raft.Index, term raft.Term, n int) GroupWrite {
		w := appendWrite(1, term, commands(after+1, term, n))
		w.Write.Truncate, w.Write.TruncateAfter = true, after
		return w
	}
	check := func(runs ...raft.TermRun) {
		t.Helper()
		if got := mustRestore(t, s, 1).TermRuns; !reflect.DeepEqual(got, runs) {
			t.Fatalf("term runs %v, want %v", got, runs)
		}
	}
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 10)))
	mustCommit(t, s, cut(6, 2, 5))
	check(raft.TermRun{First: 1, Term: 1}, raft.TermRun{First: 7, Term: 2})
	mustCommit(t, s, cut(11, 3, 2), cut(12, 4, 9), cut(8, 5, 1))
	check(raft.TermRun{First: 1, Term: 1}, raft.TermRun{First: 7, Term: 2}, raft.TermRun{First: 9, Term: 5})
	if got := mustRestore(t, s, 1).LastIndex; got != 9 {
		t.Fatalf("last index %d, want 9", got)
	}
	mustCommit(t, s, cut(0, 6, 1))
	mustClose(t, s)
	s = mustOpen(t, fs)
	check(raft.TermRun{First: 1, Term: 6})
	mustCommit(t, s, cut(1, 7, 1)) // behind the last entry: nothing to remove
	check(raft.TermRun{First: 1, Term: 6}, raft.TermRun{First: 2, Term: 7})
}

func TestCommitKeepsNothingOfABatch(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 100)))
	g, err := s.group(1)
	if err != nil || len(g.recent) != 0 || g.owner.Load() != 0 {
		t.Fatalf("after Commit the group still holds %d places and owner %d, %v", len(g.recent), g.owner.Load(), err)
	}
}

func TestCommitRefusals(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	good := appendWrite(1, 1, commands(1, 1, 1))
	unknown := appendWrite(7, 1, commands(1, 1, 1))
	if err := s.Commit([]GroupWrite{good, unknown}); !errors.Is(err, ErrUnknownGroup) {
		t.Fatalf("a write to an unknown group: %v", err)
	}
	if got := mustRestore(t, s, 1).LastIndex; got != 0 {
		t.Fatalf("a refused Commit wrote up to %d", got)
	}
	mustCommit(t, s, good) // the refusal left the group free
	mustClose(t, s)
	if err := s.Commit([]GroupWrite{good}); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
	s = mustOpen(t, fs)
	if err := s.Commit([]GroupWrite{appendWrite(1, 1, commands(2, 1, 1))}); !errors.Is(err, ErrNotRestored) {
		t.Fatalf("before Restore: %v", err)
	}
}

func TestCommitStopsAtBrokenInvariants(t *testing.T) {
	hard := func(term raft.Term, vote raft.NodeID, commit raft.Index) raft.Write {
		return raft.Write{HardState: &raft.HardState{Term: term, Vote: vote, Commit: commit}, Sync: true}
	}
	cases := map[string]raft.Write{
		"gap":                       {Entries: commands(12, 2, 1), Sync: true},
		"overlap":                   {Entries: commands(10, 2, 1), Sync: true},
		"term goes back":            {Entries: commands(11, 1, 1), Sync: true},
		"term beyond hard state":    {Entries: commands(11, 3, 1), Sync: true},
		"unknown type":              {Entries: []raft.Entry{{Index: 11, Term: 2, Type: 77}}, Sync: true},
		"truncation below commit":   {Truncate: true, TruncateAfter: 4, Sync: true},
		"truncation beyond the end": {Truncate: true, TruncateAfter: 11, Sync: true},
		"commit beyond the end":     hard(2, 2, 11),
		"commit goes back":          hard(2, 2, 4),
		"hard state term goes back": hard(1, 2, 5),
		"vote changes":              hard(2, 3, 5),
		"vote forgotten":            hard(2, 0, 5),
		"snapshot not committed":    {Snapshot: &raft.SnapshotMeta{Index: 6, Term: 2, Configuration: testMeta.Configuration}},
		"snapshot beyond the end":   {Snapshot: &raft.SnapshotMeta{Index: 12, Term: 2, Configuration: testMeta.Configuration}},
		"snapshot again":            {Snapshot: &raft.SnapshotMeta{Configuration: testMeta.Configuration}},
		"reset without a commit":    {Snapshot: &raft.SnapshotMeta{Index: 12, Term: 2, Configuration: testMeta.Configuration}, Reset: true},
		"reset and truncation": {Snapshot: &raft.SnapshotMeta{Index: 5, Term: 2, Configuration: testMeta.Configuration},
			Reset: true, Truncate: true, TruncateAfter: 6},
		"compaction without a snapshot": {CompactTo: 5},
	}
	for name, w := range cases {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, vfs.NewMem())
			mustCreate(t, s, 1)
			mustCommit(t, s, GroupWrite{1, raft.Write{
				HardState: &raft.HardState{Term: 2, Vote: 2, Commit: 5}, Entries: commands(1, 2, 10), Sync: true}})
			defer func() {
				if v, ok := recover().(*invariants.Violation); !ok {
					t.Fatalf("recovered %v, want a broken invariant", v)
				}
			}()
			err := s.Commit([]GroupWrite{{1, w}})
			t.Fatalf("Commit returned %v", err)
		})
	}
}

func TestCommitOverlapIsABug(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	mustCreate(t, s, 1)
	g, err := s.group(1)
	if err != nil {
		t.Fatal(err)
	}
	g.owner.Store(1 << 40) // another Commit, under way
	defer func() {
		if _, ok := recover().(*invariants.Violation); !ok {
			t.Fatal("two overlapping Commits of a group were let through")
		}
	}()
	_ = s.Commit([]GroupWrite{appendWrite(1, 1, commands(1, 1, 1))})
}
