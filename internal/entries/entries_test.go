package entries

import (
	"testing"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestReadShowsAsMuchDataAsAskedFor: all, a part, or none, and always how much there is.
func TestReadShowsAsMuchDataAsAskedFor(t *testing.T) {
	keyed := node.KeyedCommand("k", []byte("incr"))
	data, err := node.Batch{Wall: 1, Commands: []node.Command{{Kind: node.CommandCall, Data: []byte("add 7")}, keyed, {Kind: node.CommandOpenSession}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for dataBytesMax, want := range map[int][]string{-1: nil, 0: nil, 3: {"add", "inc", ""}, 1 << 62: {"add 7", "incr", ""}} {
		e := Read(raft.Entry{Index: 2, Term: 1, Type: raft.EntryCommand, Data: data}, dataBytesMax)
		if len(e.Commands) != 3 || e.Bytes != len(data) || e.Unreadable != "" {
			t.Fatalf("%+v", e)
		}
		for i, c := range e.Commands {
			if c.Bytes != []int{5, 4, 0}[i] || c.Key != []string{"", "k", ""}[i] || (c.Data == nil) != (want == nil) || want != nil && string(c.Data) != want[i] {
				t.Errorf("with %d bytes, command %d: %+v", dataBytesMax, i, c)
			}
		}
	}
}
