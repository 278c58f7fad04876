package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// inLeasedBubble is inBubble with reads by lease allowed.
func inLeasedBubble(t *testing.T, scenario func(ctx context.Context, t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, func(c *node.Config) { c.LeaseReads = true })
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		scenario(ctx, t, b)
	})
}

// addOne adds 1 at whichever of the nodes takes it.
func (b *bubble) addOne(ctx context.Context, at ...raft.NodeID) uint64 {
	b.t.Helper()
	for i := 0; ctx.Err() == nil; i++ {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		r, err := b.nodes[at[i%len(at)]].node.Call(try, "adder", node.Call{Data: []byte{1}, Forward: true})
		cancel()
		if err == nil {
			return binary.BigEndian.Uint64(r.Data)
		}
	}
	b.t.Fatal("nobody took a command")
	return 0
}

// TestAStaleReadBeyondItsBoundIsRefused: a follower that is cut off answers reads of
// bounded staleness only as long as it knows that its state is no older, and then says how
// old it is.
func TestAStaleReadBeyondItsBoundIsRefused(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		leader := b.leader(2)
		id := leader%3 + 1
		rest := []raft.NodeID{leader, id%3 + 1}
		want := b.addOne(ctx, rest...)
		n := b.nodes[id].node
		ask := func(most, wait time.Duration) (node.AskResult, error) {
			return n.Ask(ctx, "adder", node.Ask{Mode: raft.ReadBounded, MaxStaleness: most, Wait: wait})
		}
		time.Sleep(time.Second) // virtual: what was added is older than what the next read allows
		r, err := ask(time.Second, 0)
		if err != nil || binary.BigEndian.Uint64(r.Data) != want || r.Age < 0 || r.Age > time.Second {
			t.Fatalf("%+v, %v; want %d", r, err, want)
		}
		b.router.isolate(bubbleAddr(id))
		cut := time.Now()
		b.addOne(ctx, rest...)
		if r, err = ask(time.Minute, 0); err != nil || binary.BigEndian.Uint64(r.Data) != want {
			t.Errorf("within the bound: %+v, %v; want %d, from before it was cut off", r, err, want)
		}
		time.Sleep(5 * time.Second) // virtual
		var stale *node.TooStaleError
		if r, err = ask(2*time.Second, 0); !errors.As(err, &stale) || stale.Age < 5*time.Second || stale.Age > time.Since(cut)+time.Second {
			t.Errorf("beyond the bound: %+v, %v after %v", r, err, time.Since(cut))
		}
		began := time.Now()
		if r, err = ask(2*time.Second, 10*time.Second); !errors.As(err, &stale) || time.Since(began) < 10*time.Second || time.Since(began) > 11*time.Second {
			t.Errorf("waiting in vain: %+v, %v after %v", r, err, time.Since(began))
		}
		done := make(chan error, 1)
		go func() {
			late, err := ask(2*time.Second, time.Minute)
			if err == nil && binary.BigEndian.Uint64(late.Data) != want+1 {
				err = errors.New("an old value")
			}
			done <- err
		}()
		b.router.rejoin(bubbleAddr(id))
		if err := <-done; err != nil {
			t.Errorf("waiting for the others: %v", err)
		}
	})
}

// TestLeaseReads: a leader answers by lease without a word to its followers; when it is
// cut off it stops before another one has acknowledged anything.
func TestLeaseReads(t *testing.T) {
	inLeasedBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		leader := b.leader(2)
		rest := []raft.NodeID{leader%3 + 1, (leader+1)%3 + 1}
		want := b.addOne(ctx, rest...)
		time.Sleep(time.Second) // virtual: heartbeats were answered with promises
		began := time.Now()
		r, err := b.nodes[leader].node.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLease})
		if err != nil || binary.BigEndian.Uint64(r.Data) != want || r.Age != 0 || time.Since(began) > 0 {
			t.Fatalf("%+v, %v after %v of virtual time; want %d at once", r, err, time.Since(began), want)
		}
		b.router.isolate(bubbleAddr(leader))
		written := make(chan uint64, 1)
		go func() { written <- b.addOne(ctx, rest...) }()
		answered := 0
		for acknowledged := false; !acknowledged || answered == 0; {
			try, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			r, err := b.nodes[leader].node.Ask(try, "adder", node.Ask{Mode: raft.ReadLease})
			cancel()
			if err == nil {
				answered++
			}
			if err == nil && acknowledged && binary.BigEndian.Uint64(r.Data) == want {
				t.Fatal("an old value after the new one was acknowledged")
			}
			select {
			case <-written:
				acknowledged = true
			default:
				time.Sleep(time.Millisecond) // virtual
			}
			if ctx.Err() != nil {
				t.Fatalf("acknowledged %v, %d reads answered", acknowledged, answered)
			}
		}
		b.router.rejoin(bubbleAddr(leader))
	})
}

func TestLeaseReadsAreRefusedUnlessAllowed(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		if r, err := b.nodes[1].node.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLease, Forward: true}); !errors.Is(err, node.ErrLeaseNotAllowed) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestALinearizableReadWaitsForItsIndex: min-index and wait mean the same in every mode,
// and a read that was given up is forgotten.
func TestALinearizableReadWaitsForItsIndex(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		n := b.nodes[b.leader(2)%3+1].node
		for _, mode := range []raft.ReadMode{raft.ReadLinearizable, raft.ReadBounded, raft.ReadLocal} {
			ask := node.Ask{Mode: mode, Forward: true, Wait: 10 * time.Second}
			if mode == raft.ReadBounded {
				ask.MaxStaleness = time.Minute
			}
			now, err := n.Ask(ctx, "adder", ask)
			if err != nil {
				t.Fatal(err)
			}
			ask.MinIndex = now.Applied + 1
			got := make(chan node.AskResult, 1)
			go func() {
				r, err := n.Ask(ctx, "adder", ask)
				if err != nil {
					t.Errorf("mode %d: %v", mode, err)
				}
				got <- r
			}()
			time.Sleep(time.Second) // virtual: it waits
			want := b.addOne(ctx, 1, 2, 3)
			if r := <-got; r.Applied < ask.MinIndex || len(r.Data) == 8 && binary.BigEndian.Uint64(r.Data) != want {
				t.Errorf("mode %d: %+v, want %d at %d", mode, r, want, ask.MinIndex)
			}
			ask.MinIndex = 1 << 40
			if r, err := n.Ask(ctx, "adder", ask); !errors.Is(err, node.ErrIndexNotReached) {
				t.Errorf("mode %d: %+v, %v", mode, r, err)
			}
		}
	})
}

// ponderers opens adders that think about a query for a while.
type ponderers struct{ adders }

type ponderer struct{ *adder }

const ponder = 3 * time.Second

func (ponderers) Open(context.Context, []byte, node.OpenConfig) (node.Machine, error) {
	return ponderer{&adder{}}, nil
}

func (p ponderer) Query(ctx context.Context, q []byte) (plugins.Result, error) {
	time.Sleep(ponder)
	return p.adder.Query(ctx, q)
}

// TestAWaitForAnIndexIsNotTheQuerys: an index that is reached in time is, however long the answer
// takes; and who has no time left for the answer is not told that the index is missing.
func TestAWaitForAnIndexIsNotTheQuerys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, ponderers{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		b.addOne(ctx, 1, 2, 3)
		n := b.nodes[b.leader(2)].node
		for _, wait := range []time.Duration{0, ponder / 3} {
			r, err := n.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLocal, MinIndex: 1, Wait: wait})
			if err != nil || binary.BigEndian.Uint64(r.Data) != 1 {
				t.Errorf("with a wait of %v: %+v, %v", wait, r, err)
			}
		}
		short, cancel := context.WithTimeout(ctx, ponder/2)
		defer cancel()
		if _, err := n.Ask(short, "adder", node.Ask{Mode: raft.ReadLocal, MinIndex: 1, Wait: time.Minute}); !errors.Is(err, node.ErrTimeout) {
			t.Errorf("without the time for an answer: %v", err)
		}
	})
}
