package nodetest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// offers keeps the snapshots that a node is offered, to offer them to it once more.
type offers struct {
	transport.Handler
	mu    sync.Mutex // guards what is below
	heard []heardFrame
}

type heardFrame struct {
	from  raft.Member
	frame transport.Frame
}

// Deliver implements transport.Handler.
func (o *offers) Deliver(from raft.Member, frames []transport.Frame) {
	o.mu.Lock()
	for _, f := range frames {
		if _, offer := f.Payload.(raft.InstallSnapshot); offer && f.Group == 2 {
			o.heard = append(o.heard, heardFrame{from, f})
		}
	}
	o.mu.Unlock()
	o.Handler.Deliver(from, frames)
}

// again delivers everything anew and returns how much that was, and the greatest index offered.
func (o *offers) again() (n int, greatest raft.Index) {
	o.mu.Lock()
	heard := o.heard
	o.mu.Unlock()
	for _, h := range heard {
		greatest = max(greatest, h.frame.Payload.(raft.InstallSnapshot).Snapshot.Index)
		o.Handler.Deliver(h.from, []transport.Frame{h.frame})
	}
	return len(heard), greatest
}

// TestALateSnapshotChangesNothing is S2: what a follower was offered arrives once more when it
// has that snapshot and more, of which some is not committed; in the leader's term, and in a
// later one. Nothing goes back and nothing is fetched.
func TestALateSnapshotChangesNothing(t *testing.T) {
	const away = raft.NodeID(1)
	var late *offers
	setUp := func(b *bubble) {
		b.hears = func(id raft.NodeID, h transport.Handler) transport.Handler {
			if id != away {
				return h
			}
			late = &offers{Handler: h}
			return late
		}
	}
	inSteadyBubbles(t, 200<<10, setUp, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		b.lead(ctx, 2)
		b.bootBehind(ctx, s, away)
		for _, leader := range []raft.NodeID{2, 3} {
			b.lead(ctx, leader)
			s.steps(ctx, leader, 2) // Why so few: that snapshot is still there to be had
			b.expectAlike(ctx, s.sum())
			b.expectNoChange(ctx, away, late)
			heal := b.suffix(ctx, s, leader, away)
			if at := b.expectNoChange(ctx, away, late); at.Commit >= at.LastIndex {
				t.Fatalf("all is committed, this shows nothing: %+v", at)
			}
			heal()
			s.steps(ctx, leader, 1) // once more, if it was done
			b.expectAlike(ctx, s.sum())
		}
		b.boot(away, b.crash(away))
		b.expectAlike(ctx, s.sum())
	})
}

// expectNoChange delivers offers anew and wants nothing to come of it but an answer. It returns
// what the node had before.
func (b *bubble) expectNoChange(ctx context.Context, id raft.NodeID, late *offers) raft.Status {
	b.t.Helper()
	was, had := b.status(ctx, id, 2), b.nodes[id].node.SnapshotStats()
	n, index := late.again()
	if n == 0 || index > was.Commit {
		b.t.Fatalf("%d snapshots up to %d were late, up to %d is committed: this shows nothing", n, index, was.Commit)
	}
	time.Sleep(300 * time.Millisecond) // virtual: whatever it would do with it
	synctest.Wait()
	is, has := b.status(ctx, id, 2), b.nodes[id].node.SnapshotStats()
	if is.LastIndex < was.LastIndex || is.Commit < was.Commit || is.Applied < was.Applied || is.SnapshotIndex < was.SnapshotIndex ||
		is.PurgedIndex < was.PurgedIndex || is.Installing != 0 || is.Term != was.Term {
		b.t.Errorf("%+v\nbefore %+v", is, was)
	}
	if has.Installed != 1 || has.ReceivedBytes != had.ReceivedBytes {
		b.t.Errorf("%+v, before %+v", has, had)
	}
	return was
}

// lead has a node lead the machine's group.
func (b *bubble) lead(ctx context.Context, id raft.NodeID) {
	b.t.Helper()
	if _, err := b.nodes[id].node.TransferLeadership(ctx, 2, id); err != nil {
		b.t.Fatal(err)
	}
}

// suffix has a leader send the next command to a follower, whose answer does not arrive, and to
// nobody else. heal ends that.
func (b *bubble) suffix(ctx context.Context, s *stepper, leader, follower raft.NodeID) (heal func()) {
	b.t.Helper()
	third := 6 - leader - follower
	b.cutPair(leader, third, true)
	b.cutPair(follower, third, true)
	b.router.cutOff(bubbleAddr(follower), bubbleAddr(leader), true)
	n, c, done := b.nodes[leader].node, s.command(s.next), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = n.Call(ctx, "adder", c) // it is repeated
	}()
	b.eventually(ctx, "the follower has an entry that is not committed", func() bool {
		at := b.status(ctx, follower, 2)
		return at.Persisted == at.LastIndex && at.LastIndex > at.Commit
	})
	return func() {
		b.cutPair(leader, third, false)
		b.cutPair(follower, third, false)
		b.cutPair(leader, follower, false)
		<-done
	}
}

// TestALogOvertakesASnapshot: while a follower is brought a snapshot its leader is killed, and
// the next one's log reaches back to it. It is caught up by that, and what has come of the
// snapshot changes nothing.
func TestALogOvertakesASnapshot(t *testing.T) {
	const size = 2 << 20
	const away, short, long = raft.NodeID(1), raft.NodeID(2), raft.NodeID(3)
	setUp := func(b *bubble) {
		b.fileRate = 64 << 10 // Why so slow: an election takes seconds
		b.tune = func(c *node.Config) {
			if steady(c); c.Self == long {
				c.LogTailEntries, c.LogTailBytes = 1000, 1<<30
			}
		}
	}
	inSteadyBubbles(t, size, setUp, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		b.lead(ctx, short)
		disk := b.crash(away)
		b.awayForLong()
		before := b.status(ctx, short, 2).LastIndex
		for b.status(ctx, short, 2).PurgedIndex <= before {
			s.steps(ctx, short, 1)
		}
		b.boot(away, disk)
		b.eventually(ctx, "some of a snapshot is here", func() bool { return b.nodes[away].node.SnapshotStats().ReceivedBytes > size/8 })
		disk = b.crash(short)
		s.steps(ctx, long, 3)
		b.expectSum(ctx, away, s.sum())
		if got, at := b.nodes[away].node.SnapshotStats(), b.status(ctx, away, 2); got.Installed != 0 || got.ReceivedBytes >= size || at.Leader != long {
			t.Errorf("%+v of snapshots of %d bytes, %v leads", got, size, at.Leader)
		}
		b.boot(short, disk)
		b.expectAlike(ctx, s.sum())
	})
}
