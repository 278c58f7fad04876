package node

import (
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

func TestConfigValidate(t *testing.T) {
	bad := Config{Self: 3, Nodes: []NodeRecord{{ID: 1}, {ID: 1}, {ID: 0}}, Shards: 99, CommandBytesMax: CommandBytesCeiling + 1}
	err := bad.Validate()
	if err == nil {
		t.Fatal("nothing is wrong with it")
	}
	for _, word := range []string{"cluster name", "repeated", "not in the list", "shards", "commands of"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the problem %q is not named in: %v", word, err)
		}
	}
	if err := (Config{Cluster: "c", Self: 1, Nodes: []NodeRecord{{ID: 1}}}).Validate(); err != nil {
		t.Errorf("a good configuration: %v", err)
	}
}

// TestLargestCommandFitsIntoAFrame: whatever the configuration allows can be
// forwarded and replicated.
func TestLargestCommandFitsIntoAFrame(t *testing.T) {
	c := Command{Kind: CommandCall, Session: 1 << 63, Sequence: 1 << 63, AckBelow: 1 << 63, Data: make([]byte, CommandBytesCeiling)}
	data, err := Batch{Elapsed: 1 << 62, Wall: 1 << 62, Commands: []Command{c}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > CommandBytesCeiling+entrySlackBytes {
		t.Errorf("the entry has %d bytes, a core with this limit takes %d", len(data), CommandBytesCeiling+entrySlackBytes)
	}
	body, err := batchEncoding.Marshal(forwardedCommand{Command: c})
	if err != nil {
		t.Fatal(err)
	}
	frames := []transport.Frame{
		{Group: 2, Payload: raft.Append{Term: 9, Entries: []raft.Entry{{Index: 1, Term: 1, Type: raft.EntryCommand, Data: data}}}},
		{Group: 2, Payload: transport.Forward{ID: 1, Op: forwardCommand, Body: body}},
	}
	for _, f := range frames {
		if _, err := wire.Append(nil, f); err != nil {
			t.Errorf("%T: %v", f.Payload, err)
		}
	}
}
