package offline

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// ending is how far a log of term 1 goes and how much of it was cut behind a snapshot.
type ending struct{ last, cut raft.Index }

// entryOf is the data of an entry, which no other bytes look like.
func entryOf(g raft.GroupID, index raft.Index) []byte {
	rng := rand.New(rand.NewPCG(uint64(g), uint64(index)))
	data := make([]byte, 200)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return data
}

// survivorWith writes a data directory with the meta group and logs of other groups, all of
// whose entries are committed.
func survivorWith(t *testing.T, id raft.NodeID, logs map[raft.GroupID]ending) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	voters := raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3, 4, 5)}
	err = errors.Join(s.Bootstrap(storage.Identity{Cluster: "c", Node: id, Incarnation: 1}, "d"), s.CreateGroup(1, voters))
	for g, l := range logs {
		w := raft.Write{HardState: &raft.HardState{Term: 1, Vote: 4, Commit: l.last}, Sync: true}
		for i := raft.Index(1); i <= l.last; i++ {
			w.Entries = append(w.Entries, raft.Entry{Index: i, Term: 1, Type: raft.EntryCommand, Data: entryOf(g, i)})
		}
		err = errors.Join(err, s.CreateGroup(g, voters), s.Commit([]storage.GroupWrite{{Group: g, Write: w}}))
		if l.cut > 0 {
			meta := raft.SnapshotMeta{Index: l.cut, Term: 1, Configuration: voters.Configuration}
			w, created := s.Snapshots().Create(storage.SnapshotHeader{Group: g, Kind: "state/1", Meta: meta})
			if created != nil {
				t.Fatal(created)
			}
			_, wrote := w.Write(bytes.Repeat([]byte("state "), 1000))
			_, finished := w.Finish()
			err = errors.Join(err, wrote, finished, s.Commit([]storage.GroupWrite{{Group: g, Write: raft.Write{Snapshot: &meta, CompactTo: l.cut, Sync: true}}}))
		}
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// reopened starts and ends a store on a directory, which moves its log into tables.
func reopened(t *testing.T, dir string) {
	t.Helper()
	s, err := storage.Open(dir, storage.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rot flips a bit of what begins with some bytes in a folder of a directory.
func rot(t *testing.T, folder string, begins []byte) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if at := bytes.Index(content, begins); at >= 0 {
			found++
			content[at+len(begins)/2] ^= 4
			return os.WriteFile(path, content, 0o600)
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatalf("found %d times: %v", found, err)
	}
}

// contents are all files of a directory, but for the one that locks it.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "LOCK") {
			return err
		}
		content, err := os.ReadFile(path)
		out[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// expectRefused wants a plan to be refused for damage with a hint, and nothing to have changed.
func expectRefused(t *testing.T, hint, own string, others ...string) {
	t.Helper()
	before := contents(t, filepath.Dir(filepath.Dir(own)))
	var also []Source
	for _, dir := range others {
		also = append(also, At(dir))
	}
	_, err := PlanRecovery(At(own), also...)
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != client.CodeChecksFailed || !strings.Contains(p.Detail, "nothing was changed") || !strings.Contains(p.Hint, hint) {
		t.Errorf("%v, want it refused as damaged with a hint at %q", err, hint)
	}
	after := contents(t, filepath.Dir(filepath.Dir(own)))
	for path, content := range before {
		if after[path] != content {
			t.Errorf("%s has changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("there were %d files, there are %d", len(before), len(after))
	}
}

// TestRecoveryWithARottenEntry: the survivor's directory is refused, whether the entry is in
// Pebble's log or in a table, and the answer says what else there is to do; a sound survivor
// goes on without it, or is told to.
func TestRecoveryWithARottenEntry(t *testing.T) {
	for name, settle := range map[string]func(dir string){
		"in a log":   func(string) {},
		"in a table": func(dir string) { reopened(t, dir) },
	} {
		t.Run(name, func(t *testing.T) {
			rotten := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: 10}})
			sound := survivorWith(t, 5, map[raft.GroupID]ending{2: {last: 10}})
			settle(rotten)
			rot(t, rotten, entryOf(2, 5))
			expectRefused(t, "wraftd backup restore", rotten)
			expectRefused(t, "another survivor", rotten, sound)
			expectRefused(t, "Leave it out of --also", sound, rotten)
			plan, err := PlanRecovery(At(sound))
			if err != nil {
				t.Fatal(err)
			}
			if err := plan.Recover(time.Now()); err != nil {
				t.Fatal(err)
			}
			if l, _ := lastOf(t, sound); l.Last != 11 {
				t.Errorf("%+v", l)
			}
		})
	}
}

// TestRecoveryWithALostStore: the folder of the logs is gone. That is damage, and not a wrong
// directory.
func TestRecoveryWithALostStore(t *testing.T) {
	dir := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: 10}})
	if err := os.RemoveAll(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	expectRefused(t, "another survivor", dir)
	var p *client.Problem
	if _, err := Open(dir); !errors.As(err, &p) || p.Code != client.CodeChecksFailed || !strings.Contains(p.Hint, "majority of the others") {
		t.Errorf("opened to look into it: %v", err)
	}
}

// TestRecoveryOfTwoThatAreEachAhead: each of two survivors has the further log of one group. On
// whichever it is done nothing is missing in the end, also where neither log goes back to where
// the other one ends: then the snapshot in between is taken.
func TestRecoveryOfTwoThatAreEachAhead(t *testing.T) {
	for name, cut := range map[string]raft.Index{"whole logs": 0, "cut logs": 8} {
		t.Run(name, func(t *testing.T) {
			for own := range 2 {
				dirs := []string{
					survivorWith(t, 4, map[raft.GroupID]ending{2: {10, cut}, 3: {last: 3}}),
					survivorWith(t, 5, map[raft.GroupID]ending{2: {last: 3}, 3: {10, cut}}),
				}
				dir, other := dirs[own], dirs[1-own]
				expectJoined(t, dir, other, raft.GroupID(3-own), cut)
			}
		})
	}
}

// expectJoined recovers a directory with another one that is ahead in one of groups 2 and 3.
func expectJoined(t *testing.T, dir, other string, behind raft.GroupID, cut raft.Index) {
	t.Helper()
	before := contents(t, other)
	plan, err := PlanRecovery(At(dir), At(other))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range plan.Groups[1:] {
		want := PlanGroup{}
		if raft.GroupID(g.Group) == behind {
			want = PlanGroup{From: other, Snapshot: uint64(cut), Entries: uint64(10 - max(cut, 3))}
		}
		if g.From != want.From || g.Snapshot != want.Snapshot || g.Entries != want.Entries || g.Dropped != 0 {
			t.Errorf("%+v, want %+v", g, want)
		}
	}
	if err := plan.Recover(time.Now()); err != nil {
		t.Fatal(err)
	}
	after := contents(t, other)
	for path, content := range before {
		if after[path] != content {
			t.Errorf("%s of the other survivor has changed", path)
		}
	}
	r, err := storage.Inspect(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	r.Overview()
	for g := raft.GroupID(2); g <= 3; g++ {
		l, err := r.Log(g)
		if err != nil || l.Damage != nil || l.Last != 11 || l.Purged != cut || l.Snapshot.Index != cut {
			t.Errorf("group %d: %+v, %v", g, l, err)
		}
		next := cut + 1
		err = r.Entries(g, next, 11, func(e raft.Entry) error {
			if e.Index != next || !bytes.Equal(e.Data, entryOf(g, e.Index)) {
				t.Errorf("group %d has another entry %d", g, e.Index)
			}
			next++
			return nil
		})
		if err != nil || next != 11 {
			t.Errorf("group %d: entries up to %d, %v", g, next, err)
		}
		if cut > 0 {
			files, err := r.Snapshots().List(g)
			if err != nil || len(files) != 1 || files[0].Index != cut {
				t.Errorf("group %d: %v, %v", g, files, err)
			} else if _, err := r.Snapshots().Verify(files[0]); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestRecoveryWithARottenSnapshot that is needed: it is said before anything is changed.
func TestRecoveryWithARottenSnapshot(t *testing.T) {
	dir := survivorWith(t, 4, map[raft.GroupID]ending{2: {last: 3}})
	other := survivorWith(t, 5, map[raft.GroupID]ending{2: {10, 8}})
	names, err := filepath.Glob(filepath.Join(other, "snapshots", "2", "*.snap"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	rot(t, filepath.Dir(names[0]), content[len(content)/2:])
	expectRefused(t, "another survivor with --also", dir, other)
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	expectRefused(t, "another survivor with --also", dir, other)
}
