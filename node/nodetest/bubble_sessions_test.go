package nodetest_test

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// answered repeats a command of a session at one node until it is answered.
func (b *bubble) answered(ctx context.Context, at raft.NodeID, c node.Call) node.CallResult {
	b.t.Helper()
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		r, err := b.nodes[at].node.Call(try, "adder", c)
		cancel()
		if err == nil {
			return r
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v never answered: %v", at, err)
		}
	}
}

// twoLives has a client add 7 to a machine in a session. The machine is then deleted and
// another one created under its name, to which another client adds 1 in a session of its own.
func (b *bubble) twoLives(ctx context.Context) (old, young node.Call) {
	b.t.Helper()
	add := func(bytes int) node.Call {
		session, err := b.nodes[1].node.OpenSession(ctx, "adder")
		if err != nil {
			b.t.Fatal(err)
		}
		c := node.Call{Data: make([]byte, bytes), Session: session, Sequence: 1, AckBelow: 1, Forward: true}
		if r := b.answered(ctx, 2, c); r.Status != 0 || binary.BigEndian.Uint64(r.Data) != uint64(bytes) {
			b.t.Fatalf("%+v", r)
		}
		return c
	}
	b.deploy(ctx, 1, "adder", []byte("any bytes"))
	old = add(7)
	b.delete(ctx, "adder", 0)
	b.deploy(ctx, b.leader(1), "adder", []byte("any bytes"))
	return old, add(1)
}

// TestASessionOfADeletedMachine: a client that does not know that its machine was deleted, and
// another one created under the name, is never given the answers of the other one's clients and
// takes none of their places. Its session is unknown, also behind a restart.
func TestASessionOfADeletedMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, hasty)
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		old, young := b.twoLives(ctx)
		if old.Session == young.Session {
			t.Errorf("both sessions are %d", old.Session)
		}
		for round := range uint64(2) {
			for id := raft.NodeID(1); id <= 3; id++ {
				for sequence := uint64(1); sequence <= 3; sequence++ {
					c := old
					c.Sequence = sequence
					if r := b.answered(ctx, id, c); r.Status != node.StatusSessionExpired || r.Replayed {
						t.Errorf("sequence %d at node %v: %+v", sequence, id, r)
					}
				}
			}
			young.Sequence = round + 2
			if r := b.answered(ctx, 1, young); r.Status != 0 || binary.BigEndian.Uint64(r.Data) != round+2 {
				t.Errorf("the new machine's own client: %+v", r)
			}
			for id := raft.NodeID(1); id <= 3; id++ {
				b.expectSum(ctx, id, round+2)
				b.boot(id, b.crash(id))
			}
		}
	})
}

// TestSessionsOfLevel1AreNumberedAsBefore: replicas may be of the release before, which counts
// from 1 in every machine.
func TestSessionsOfLevel1AreNumberedAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, func(c *node.Config) { c.Serves = node.Level1 })
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if old, young := b.twoLives(ctx); old.Session != 1 || young.Session != 1 {
			t.Errorf("sessions %d and %d", old.Session, young.Session)
		}
	})
}
