package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// gated opens adders that apply nothing before the gate is closed.
type gated struct {
	adders
	gate chan struct{}
}

type gatedAdder struct {
	*adder
	gate chan struct{}
}

func (o gated) Open(context.Context, []byte, node.OpenConfig) (node.Machine, error) {
	return gatedAdder{&adder{}, o.gate}, nil
}

func (a gatedAdder) Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	<-a.gate
	return a.adder.Apply(ctx, at, commands)
}

// TestATimeoutTellsThePlace: a command that was appended and has no answer when the time is up
// is told with its index, by the leader and by a follower that has passed it on.
func TestATimeoutTellsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := newBubble(t, gated{gate: gate})
		defer b.close()
		defer close(gate)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		leader := b.leader(2)
		var last raft.Index
		for _, c := range []struct {
			at       raft.NodeID
			patience time.Duration
		}{
			{leader, time.Second}, {leader%3 + 1, time.Minute}, {leader%3 + 1, 400 * time.Millisecond}, {(leader+1)%3 + 1, time.Second},
		} {
			short, cancel := context.WithTimeout(ctx, c.patience)
			_, err := b.nodes[c.at].node.Call(short, "adder", node.Call{Data: []byte{1}, Forward: true})
			cancel()
			var unknown *node.UnknownOutcomeError
			if !errors.As(err, &unknown) || unknown.Index <= last || unknown.Term == 0 {
				t.Fatalf("at %v after %v, led by %v: %v, behind index %d", c.at, c.patience, leader, err, last)
			}
			last = unknown.Index
		}
	})
}
