package offline

import (
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// batch is an entry's data.
func batch(t *testing.T, wall int64, commands ...node.Command) []byte {
	t.Helper()
	data, err := node.Batch{Elapsed: wall / 2, Wall: wall, Commands: commands}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// leftBehind is the data directory of a node with one machine.
func leftBehind(t *testing.T) (dir string, s *storage.Store) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	voters := confchange.New(1, 2, 3)
	next := voters
	next.Learners = []raft.Member{{Node: 4, Incarnation: 2}}
	call := node.Command{Kind: node.CommandCall, Session: 7, Sequence: 3, Data: []byte("incr")}
	entries := []raft.Entry{
		{Index: 1, Term: 1, Type: raft.EntryNoop},
		{Index: 2, Term: 1, Type: raft.EntryCommand, Data: batch(t, 1e9, node.Command{Kind: node.CommandOpenSession}, call)},
		{Index: 3, Term: 2, Type: raft.EntryConfig, Data: next.Encode()},
		{Index: 4, Term: 2, Type: raft.EntryCommand, Data: batch(t, 3e9, call, call)},
		{Index: 5, Term: 2, Type: raft.EntryCommand, Data: []byte("no batch")},
	}
	err = errors.Join(s.Bootstrap(storage.Identity{Cluster: "c", Node: 2, Incarnation: 1}, "d"),
		s.CreateGroup(1, raft.SnapshotMeta{Configuration: voters}), s.CreateGroup(2, raft.SnapshotMeta{Configuration: voters}),
		s.Commit([]storage.GroupWrite{{Group: 2, Write: raft.Write{HardState: &raft.HardState{Term: 3, Vote: 1, Commit: 4}, Entries: entries, Sync: true}}}),
		s.Modules().Put(sha256.Sum256([]byte("module")), strings.NewReader("module"), 100))
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

// opened closes the store and opens its directory for reading.
func opened(t *testing.T, dir string, s *storage.Store) *Directory {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestReport(t *testing.T) {
	dir, s := leftBehind(t)
	r := opened(t, dir, s).Report()
	if r.Cluster != "c" || r.Node != 2 || r.Incarnation != 1 || r.Boot != 1 || r.Batch == 0 || r.Acknowledged != r.Batch ||
		r.Modules != (Files{Count: 1, Bytes: 6}) || r.Snapshots != (Files{}) || len(r.Groups) != 2 || len(r.Damage) != 0 {
		t.Errorf("%+v", r)
	}
	if g := r.Groups[0]; g.Group != 1 || g.First != 1 || g.Last != 0 || g.Configuration != "voters 1 2 3" {
		t.Errorf("%+v", g)
	}
	want := Log{Group: 2, Term: 3, Vote: 1, Commit: 4, First: 1, Last: 5, LastTerm: 2, Entries: 5, Configuration: "voters 1 2 3, learners 4(life 2)"}
	got := r.Groups[1]
	if got.Bytes == 0 {
		t.Errorf("%+v", got)
	}
	if want.Bytes = got.Bytes; got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestEntries(t *testing.T) {
	dir, s := leftBehind(t)
	d := opened(t, dir, s)
	all, more, err := d.Entries(2, 0, 10)
	if err != nil || more || len(all) != 5 {
		t.Fatalf("%+v, %v, %v", all, more, err)
	}
	if e := all[0]; e.Type != "noop" || e.Term != 1 || e.Commands != nil {
		t.Errorf("%+v", e)
	}
	e := all[1]
	if e.Time != time.Second/2 || !e.WallTime.Equal(time.Unix(1, 0)) || len(e.Commands) != 2 || e.Commands[0].Kind != "session" {
		t.Errorf("%+v", e)
	}
	if c := e.Commands[1]; c.Kind != "call" || c.Session != 7 || c.Sequence != 3 || string(c.Data) != "incr" {
		t.Errorf("%+v", c)
	}
	if all[2].Configuration != "voters 1 2 3, learners 4(life 2)" || all[4].Unreadable == "" {
		t.Errorf("%+v", all)
	}
	part, more, err := d.Entries(2, 2, 3)
	if err != nil || !more || len(part) != 3 || part[0].Index != 2 {
		t.Errorf("%+v, %v, %v", part, more, err)
	}
	if part, more, err = d.Entries(2, 99, 3); err != nil || more || len(part) != 0 {
		t.Errorf("%+v, %v, %v", part, more, err)
	}
	var p *client.Problem
	if _, _, err = d.Entries(9, 1, 1); !errors.As(err, &p) || p.Code != client.CodeBadRequest {
		t.Errorf("a group that is not there: %v", err)
	}
}

func TestStats(t *testing.T) {
	dir, s := leftBehind(t)
	d := opened(t, dir, s)
	got, err := d.Stats(2)
	if err != nil {
		t.Fatal(err)
	}
	if got.Commands["call"] != 3 || got.Commands["session"] != 1 || got.CommandBytes != 12 || got.Terms != 2 || got.Unreadable != 1 ||
		!got.Begin.Equal(time.Unix(1, 0)) || !got.End.Equal(time.Unix(3, 0)) || got.LargestBytes == 0 || got.LargestIndex == 0 {
		t.Errorf("%+v", got)
	}
	if got, err = d.Stats(1); err != nil || len(got.Commands) != 0 || !got.Begin.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestOpenRefuses: each mistake has a code of its own.
func TestOpenRefuses(t *testing.T) {
	code := func(dir string) client.Code {
		d, err := Open(dir)
		var p *client.Problem
		if err == nil || !errors.As(err, &p) {
			t.Errorf("%s: %v, %v", dir, d, err)
			return ""
		}
		return p.Code
	}
	if got := code(filepath.Join(t.TempDir(), "nothing")); got != client.CodeLocalFile {
		t.Errorf("no directory: %v", got)
	}
	dir, s := leftBehind(t)
	if got := code(dir); got != client.CodeDataDirInUse {
		t.Errorf("one in use: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
