package nodetest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// talkers open adders that log each command.
type talkers struct{ adders }

type talker struct {
	*adder
	say func(plugins.LogLine)
}

func (talkers) Open(_ context.Context, _ []byte, o node.OpenConfig) (node.Machine, error) {
	return talker{&adder{}, o.Lines}, nil
}

func (t talker) Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	for _, c := range commands {
		t.say(plugins.LogLine{Index: at.Index, Level: slog.LevelInfo, Text: fmt.Sprintf("add %d", len(c))})
	}
	return t.adder.Apply(ctx, at, commands)
}

// TestLinesOnEachNode: what a machine logs is read on each node, waits for more, and ends when
// the machine is deleted.
func TestLinesOnEachNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, talkers{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		readers := map[raft.NodeID]*node.LineReader{}
		for id, n := range b.nodes {
			b.eventually(ctx, "the machine is there", func() bool { // Why: a majority is enough for a deploy
				r, err := n.node.Lines(ctx, "adder", nil)
				if err != nil && !errors.Is(err, node.ErrMachineNotRunning) {
					t.Fatal(err)
				}
				readers[id] = r
				return err == nil
			})
		}
		for i := range 3 {
			if _, err := b.nodes[1].node.Call(ctx, "adder", node.Call{Data: make([]byte, i+1), Forward: true}); err != nil {
				t.Fatal(err)
			}
		}
		for id, r := range readers {
			var got []string
			for len(got) < 3 {
				lines, more, err := r.Read()
				if err != nil {
					t.Fatalf("node %v: %v", id, err)
				}
				if more != nil {
					<-more
				}
				for _, l := range lines {
					got = append(got, l.Text)
				}
			}
			if text := strings.Join(got, ", "); text != "add 1, add 2, add 3" {
				t.Errorf("node %v logged %s", id, text)
			}
		}
		if _, err := b.nodes[1].node.Lines(ctx, "nobody", nil); !errors.Is(err, node.ErrNoMachine) {
			t.Errorf("an unknown machine: %v", err)
		}
		if _, _, err := b.nodes[1].node.Delete(ctx, node.DeleteRequest{Machine: "adder"}); err != nil {
			t.Fatal(err)
		}
		for id, r := range readers {
			_, more, err := r.Read()
			for ; err == nil; _, more, err = r.Read() {
				<-more
			}
			if !errors.Is(err, node.ErrDeleted) {
				t.Errorf("node %v ended with %v", id, err)
			}
		}
	})
}
