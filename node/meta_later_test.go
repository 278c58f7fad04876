package node

import (
	"testing"
)

// TestLaterCommandsNeedTheirLevel: below it a replica answers as one of the first release
// does, which can read no map; the answers stand in the log's wake on all replicas.
func TestLaterCommandsNeedTheirLevel(t *testing.T) {
	data, err := laterCommand{}.encode()
	if err != nil {
		t.Fatal(err)
	}
	var first metaCommand
	if err := batchDecoding.Unmarshal(data, &first); err == nil {
		t.Fatalf("the first release reads %x", data)
	}
	l := newMetaLog(t, Level1, Level2)
	if r := l.apply(data, nil); r.Status != metaMalformed || string(r.Data) != "not a meta command of this version" {
		t.Errorf("at level 1: %+v", r)
	}
	l = newMetaLog(t, Level2, Level2)
	if r := l.apply(data, nil); r.Status != metaMalformed || string(r.Data) != "an empty meta command" {
		t.Errorf("at level 2: %+v", r)
	}
}
