package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestAKilledLeaderIsReplacedAtOnce: when the system of a killed leader refuses packets,
// nobody waits for an election timeout, which is a second here. A leader that is cut off
// is only silent, and is waited for.
func TestAKilledLeaderIsReplacedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name     string
		strike   func(*bubble, raft.NodeID)
		from, to time.Duration // until a command is answered
	}{
		{"killed", func(b *bubble, id raft.NodeID) { b.crash(id) }, 0, 400 * time.Millisecond},
		{"ended", func(b *bubble, id raft.NodeID) { b.stop(id) }, 0, 400 * time.Millisecond},
		{"cut off", func(b *bubble, id raft.NodeID) { b.router.isolate(bubbleAddr(id)) }, 700 * time.Millisecond, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, nil)
				b.probes = true
				b.bootAll()
				defer b.close()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				b.deploy(ctx, 1, "adder", []byte("any bytes"))
				if err := b.client(ctx, 5, make(chan uint64, 5)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second) // virtual: longer than a start is remembered
				leader := b.leader(2)
				c.strike(b, leader)
				struck := time.Now()
				other := b.nodes[leader%3+1].node
				for {
					try, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
					_, err := other.Call(try, "adder", node.Call{Data: []byte{1}, Forward: true})
					cancel()
					if err == nil || ctx.Err() != nil {
						break
					}
				}
				took := time.Since(struck)
				t.Logf("%s: a command was answered %v later", c.name, took)
				if took < c.from || took > c.to {
					t.Errorf("%s: a command was answered %v later, want %v to %v", c.name, took, c.from, c.to)
				}
			})
		})
	}
}

// TestWhoIsCutOffSaysSoSoon: a node that is cut off from the others lets its clients go
// to them, whether it led or followed, before it would stop to wait for a leader.
func TestWhoIsCutOffSaysSoSoon(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		for next := range raft.NodeID(2) { // the leader, a follower
			id := (b.leader(2)+next-1)%3 + 1
			b.router.isolate(bubbleAddr(id))
			n := b.nodes[id].node
			began := time.Now()
			_, errCall := n.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true})
			called := time.Since(began)
			_, errAgain := n.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true})
			_, errAsk := n.Ask(ctx, "adder", node.Ask{Forward: true})
			took := time.Since(began)
			t.Logf("%v: %v after %v, then %v and %v after %v", id, errCall, called, errAgain, errAsk, took)
			if errCall == nil || !errors.Is(errAgain, node.ErrNoLeader) || !errors.Is(errAsk, node.ErrNoLeader) {
				t.Errorf("%v is cut off and answers %v, %v and %v", id, errCall, errAgain, errAsk)
			}
			if called > 4*time.Second || took > called+100*time.Millisecond {
				t.Errorf("%v said so after %v and %v of virtual time", id, called, took)
			}
			b.router.rejoin(bubbleAddr(id))
			if err := b.client(ctx, 1, make(chan uint64, 1)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
