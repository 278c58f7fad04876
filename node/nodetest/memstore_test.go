package nodetest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/wraft/wraft/internal/invariants"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

var testMeta = raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}

func newStore(t *testing.T, groups ...raft.GroupID) *MemStore {
	t.Helper()
	m := NewMemStore()
	for _, g := range groups {
		if err := m.CreateGroup(g, testMeta); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func noops(first raft.Index, term raft.Term, n int) []raft.Entry {
	out := make([]raft.Entry, n)
	for i := range out {
		out[i] = raft.Entry{Index: first + raft.Index(i), Term: term, Type: raft.EntryNoop}
	}
	return out
}

func write(g raft.GroupID, term raft.Term, sync bool, entries ...raft.Entry) storage.GroupWrite {
	return storage.GroupWrite{Group: g, Write: raft.Write{
		HardState: &raft.HardState{Term: term}, Entries: entries, Sync: sync}}
}

func commit(t *testing.T, m *MemStore, ws ...storage.GroupWrite) {
	t.Helper()
	if err := m.Commit(ws); err != nil {
		t.Fatal(err)
	}
}

func last(t *testing.T, m *MemStore, g raft.GroupID) raft.Index {
	t.Helper()
	r, err := m.Restore(g)
	if err != nil {
		t.Fatal(err)
	}
	return r.LastIndex
}

func TestCrashTakesBackWhatWasNotSynced(t *testing.T) {
	for _, keep := range []bool{false, true} {
		m := newStore(t, 1, 2)
		commit(t, m, write(1, 1, true, noops(1, 1, 3)...))
		commit(t, m, write(1, 1, false, noops(4, 1, 2)...), write(2, 1, false, noops(1, 1, 1)...))
		if got := last(t, m, 1); got != 5 {
			t.Fatalf("written entries are not visible: last %d", got)
		}
		after := m.Crash(keep)
		want := map[bool][2]raft.Index{false: {3, 0}, true: {5, 1}}[keep]
		if got := [2]raft.Index{last(t, after, 1), last(t, after, 2)}; got != want {
			t.Fatalf("keep %v: a restart finds %v, want %v", keep, got, want)
		}
		if _, err := m.Restore(1); !errors.Is(err, storage.ErrClosed) {
			t.Fatalf("the crashed store answers: %v", err)
		}
		// Once seen after a restart, it stays through the next crash.
		if got := last(t, after.Crash(false), 1); got != want[0] {
			t.Fatalf("the second restart finds %d, want %d", got, want[0])
		}
	}
}

func TestSyncCoversAllEarlierWrites(t *testing.T) {
	m := newStore(t, 1, 2)
	before := m.Syncs()
	commit(t, m, write(1, 1, false, noops(1, 1, 2)...))
	commit(t, m, write(2, 1, true, noops(1, 1, 1)...), write(1, 1, false, noops(3, 1, 1)...))
	if got := m.Syncs() - before; got != 1 {
		t.Fatalf("%d syncs, want 1", got)
	}
	if got := last(t, m.Crash(false), 1); got != 3 {
		t.Fatalf("a restart finds %d, want 3", got)
	}
}

func TestCrashWhileASyncIsUnderWay(t *testing.T) {
	m := newStore(t, 1)
	entries := noops(1, 1, 2)
	if err := m.Write([]storage.GroupWrite{write(1, 1, true, entries...)}); err != nil {
		t.Fatal(err)
	}
	entries[0].Term = 99 // the writer's slice is the writer's again
	if got := last(t, m.Crash(true), 1); got != 2 {
		t.Fatalf("a restart finds %d, want 2", got)
	}
	m = newStore(t, 1)
	if err := m.Write([]storage.GroupWrite{write(1, 1, true, noops(1, 1, 2)...)}); err != nil {
		t.Fatal(err)
	}
	if got := last(t, m.Crash(false), 1); got != 0 {
		t.Fatalf("a restart finds %d, want 0", got)
	}
}

func TestTruncationIsTakenBackToo(t *testing.T) {
	m := newStore(t, 1)
	commit(t, m, write(1, 1, true, noops(1, 1, 5)...))
	w := write(1, 2, false, noops(3, 2, 1)...)
	w.Write.Truncate, w.Write.TruncateAfter = true, 2
	commit(t, m, w)
	r, err := m.Restore(1)
	if err != nil || r.LastIndex != 3 {
		t.Fatalf("after the truncation: %+v, %v", r, err)
	}
	r, err = m.Crash(false).Restore(1)
	want := raft.Restored{HardState: raft.HardState{Term: 1}, Snapshot: testMeta, LastIndex: 5, LogBytes: 5 * 32,
		TermRuns: []raft.TermRun{{First: 1, Term: 1}}}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Fatalf("a restart finds %+v, %v, want %+v", r, err, want)
	}
}

func TestRefusals(t *testing.T) {
	m := newStore(t, 1)
	commit(t, m, write(1, 1, true, noops(1, 1, 5)...))
	other := testMeta
	other.Index = 3
	entries := func(lo, hi raft.Index) error {
		_, err := m.Entries(1, lo, hi, 100)
		return err
	}
	cases := map[string]struct{ err, want error }{
		"unknown group": {m.Commit([]storage.GroupWrite{write(9, 1, true)}), storage.ErrUnknownGroup},
		"group 0":       {m.CreateGroup(0, testMeta), storage.ErrInvalid},
		"no voters":     {m.CreateGroup(2, raft.SnapshotMeta{}), storage.ErrInvalid},
		"another base":  {m.CreateGroup(1, other), storage.ErrGroupExists},
		"the same base": {m.CreateGroup(1, testMeta), nil},
		"nothing asked": {entries(3, 3), storage.ErrInvalid},
		"compacted":     {entries(0, 3), storage.ErrCompacted},
		"too far":       {entries(6, 8), storage.ErrOutOfRange},
		"not restored":  {m.Crash(false).Commit([]storage.GroupWrite{write(1, 1, true)}), storage.ErrNotRestored},
	}
	for name, c := range cases {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.err, c.want)
		}
	}
}

func TestEntriesBounds(t *testing.T) {
	m := newStore(t, 1)
	commit(t, m, write(1, 1, true, noops(1, 1, 5)...))
	size := noops(1, 1, 1)[0].Size()
	for _, c := range []struct {
		lo, hi raft.Index
		bytes  uint64
		want   int
	}{{1, 6, 1 << 20, 5}, {2, 4, 1 << 20, 2}, {4, 99, 1 << 20, 2}, {1, 6, 0, 1}, {1, 6, 2 * size, 2}} {
		got, err := m.Entries(1, c.lo, c.hi, c.bytes)
		if err != nil || len(got) != c.want || got[0].Index != c.lo {
			t.Errorf("[%d, %d) with %d bytes: %d entries, %v, want %d", c.lo, c.hi, c.bytes, len(got), err, c.want)
		}
	}
}

func TestFail(t *testing.T) {
	m := newStore(t, 1)
	cause := errors.New("the disk is gone")
	m.Fail(cause)
	err := m.Commit([]storage.GroupWrite{write(1, 1, true)})
	if !errors.Is(err, storage.ErrFailed) || !errors.Is(err, cause) {
		t.Fatalf("got %v", err)
	}
}

func TestBrokenInvariantsPanic(t *testing.T) {
	cases := map[string]storage.GroupWrite{
		"gap":              {Group: 1, Write: raft.Write{Entries: noops(7, 1, 1)}},
		"term beyond ours": {Group: 1, Write: raft.Write{Entries: noops(6, 2, 1)}},
		"term goes back":   {Group: 1, Write: raft.Write{Entries: noops(6, 0, 1)}},
		"vote changes":     {Group: 1, Write: raft.Write{HardState: &raft.HardState{Term: 1, Vote: 2, Commit: 2}}},
		"commit back":      {Group: 1, Write: raft.Write{HardState: &raft.HardState{Term: 1, Vote: 1, Commit: 1}}},
		"cut committed":    {Group: 1, Write: raft.Write{Truncate: true, TruncateAfter: 1}},
	}
	for name, w := range cases {
		m := newStore(t, 1)
		commit(t, m, storage.GroupWrite{Group: 1, Write: raft.Write{
			HardState: &raft.HardState{Term: 1, Vote: 1, Commit: 2}, Entries: noops(1, 1, 5), Sync: true}})
		func() {
			defer func() {
				if _, ok := recover().(*invariants.Violation); !ok {
					t.Errorf("%s was let through", name)
				}
			}()
			_ = m.Commit([]storage.GroupWrite{w})
		}()
	}
}
