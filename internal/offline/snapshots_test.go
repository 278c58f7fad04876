package offline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// TestSnapshots lists a whole snapshot and an increment, and finds a flipped bit in
// the middle of the first when it reads all of it, and only then.
func TestSnapshots(t *testing.T) {
	dir, s := leftBehind(t)
	var files []storage.SnapshotFile
	var base storage.Digest
	for index := raft.Index(2); index <= 3; index++ {
		w, err := s.Snapshots().Create(storage.SnapshotHeader{Group: 2, Kind: "state/1", Base: base,
			Meta: raft.SnapshotMeta{Index: index, Term: 1, Configuration: confchange.New(1, 2, 3)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(strings.Repeat("state ", 100))); err != nil {
			t.Fatal(err)
		}
		f, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		files, base = append(files, f), f.Digest
	}
	d := opened(t, dir, s)
	list, err := d.Snapshots(2, true)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	want := Snapshot{Group: 2, Index: 3, Term: 1, Kind: "state/1", Digest: files[1].Digest.String(), Base: files[0].Digest.String(),
		Bytes: files[1].Size, Configuration: "voters 1 2 3"}
	if list[1] != want || list[0].Base != "" || list[0].Damage != "" {
		t.Errorf("%+v", list)
	}
	names, err := filepath.Glob(filepath.Join(dir, "snapshots", "2", "*2-*.snap"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-50] ^= 1
	if err := os.WriteFile(names[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verify := range []bool{false, true} {
		if list, err := d.Snapshots(2, verify); err != nil || (list[0].Damage != "") != verify || list[1].Damage != "" {
			t.Errorf("verify %v: %+v, %v", verify, list, err)
		}
	}
}
