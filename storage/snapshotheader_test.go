package storage

import (
	"reflect"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

func TestReadSnapshotHeader(t *testing.T) {
	want := SnapshotHeader{
		Group: 7, Kind: "image/1", Base: Digest{1, 2, 3},
		Meta: raft.SnapshotMeta{Index: 9, Term: 3, Configuration: confchange.Configuration{Voters: []confchange.Member{{Node: 1, Incarnation: 1}}}},
	}
	file := want.append(nil)
	got, err := ReadSnapshotHeader(append(file, "whatever follows"...))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for n := range file {
		if _, err := ReadSnapshotHeader(file[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken", n, len(file))
		}
	}
	file[len(file)-1] ^= 1
	if _, err := ReadSnapshotHeader(file); err == nil {
		t.Fatal("a header with a wrong checksum was taken")
	}
}
