package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

const (
	// stepBytes is the size of a command of which steady takes a snapshot every few.
	stepBytes = 3000
	// tailCommands is how many commands a leader takes that cannot commit.
	tailCommands = 40
)

// steady takes a snapshot every seven commands of stepBytes and keeps next to nothing of the
// log, but for what followers need. Why so large: the log of the meta group never gets there,
// so that what a node counts of snapshots is the machine's.
func steady(c *node.Config) {
	c.SnapshotLogBytes, c.LogTailEntries, c.LogTailBytes = 7*stepBytes, 2, 100
}

// inSteadyBubbles runs a scenario in both modes on a cluster with snapshots of a size. It may
// set up the nodes before they boot.
func inSteadyBubbles(t *testing.T, size int, setUp func(*bubble), scenario func(ctx context.Context, t *testing.T, b *bubble)) {
	inBothModes(t, func(t *testing.T, mode node.SnapshotMode) {
		synctest.Test(t, func(t *testing.T) {
			b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{ballast: size} }, steady)
			b.mode = mode
			setUp(b)
			b.bootAll()
			defer b.close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			b.deploy(ctx, 2, "adder", []byte("any bytes"))
			scenario(ctx, t, b)
		})
	})
}

// stepper is a client that sends commands of stepBytes in a session, and repeats what it has
// no answer to.
type stepper struct {
	*bubble
	session node.SessionID
	next    uint64 // sequence
}

func (b *bubble) newStepper(ctx context.Context) *stepper {
	b.t.Helper()
	session, err := b.nodes[1].node.OpenSession(ctx, "adder")
	if err != nil {
		b.t.Fatal(err)
	}
	return &stepper{bubble: b, session: session, next: 1}
}

func (s *stepper) command(sequence uint64) node.Call {
	return node.Call{Data: make([]byte, stepBytes), Session: s.session, Sequence: sequence, AckBelow: 1, Forward: true}
}

// steps has the next n commands done by a node, each of which has to count once.
func (s *stepper) steps(ctx context.Context, at raft.NodeID, n int) {
	s.t.Helper()
	for range n {
		s.repeat(ctx, at, s.next)
		s.next++
	}
}

// repeat has a command done that may be done already. It reports whether it was.
func (s *stepper) repeat(ctx context.Context, at raft.NodeID, sequence uint64) bool {
	s.t.Helper()
	r := s.answered(ctx, at, s.command(sequence))
	if r.Status != 0 || binary.BigEndian.Uint64(r.Data) != sequence*stepBytes {
		s.t.Fatalf("command %d has status %d, the sum is %x: one was lost or doubled", sequence, r.Status, r.Data)
	}
	return r.Replayed
}

// sum is what the machine has after all commands so far.
func (s *stepper) sum() uint64 { return (s.next - 1) * stepBytes }

// tail sends a leader commands that cannot commit, each of which becomes an entry, and
// returns where they end once they are durable there. What became of them has to be unknown
// to each client; end says when they have all been told.
func (s *stepper) tail(ctx context.Context, leader raft.NodeID) (last raft.Index, end func()) {
	s.t.Helper()
	var before raft.Status
	s.eventually(ctx, "it leads, with nothing on its way", func() bool {
		before = s.status(ctx, leader, 2)
		return before.Role == raft.Leader && before.Commit == before.LastIndex
	})
	n, outcomes := s.nodes[leader].node, make(chan error, tailCommands)
	for i := range uint64(tailCommands) {
		c := s.command(s.next + i)
		go func() {
			_, err := n.Call(ctx, "adder", c)
			outcomes <- err
		}()
		time.Sleep(5 * time.Millisecond) // virtual: each is an entry of its own
	}
	s.eventually(ctx, "the tail is durable", func() bool {
		at := s.status(ctx, leader, 2)
		last = at.LastIndex
		return at.Persisted == last && last >= before.LastIndex+tailCommands
	})
	return last, func() {
		s.t.Helper()
		for range tailCommands {
			var unknown *node.UnknownOutcomeError
			if err := <-outcomes; !errors.As(err, &unknown) || unknown.Index <= before.LastIndex || unknown.Index > last {
				s.t.Errorf("a command that cannot commit now ended with %v, want an outcome unknown and its index", err)
			}
		}
	}
}

// awayForLong lets so much time pass that nobody keeps the log for a node that is down.
func (b *bubble) awayForLong() { time.Sleep(5 * time.Second) } // virtual

// expectAlike wants all nodes to have a sum, one log and one state.
func (b *bubble) expectAlike(ctx context.Context, sum uint64) {
	b.t.Helper()
	for id := raft.NodeID(1); id <= 3; id++ {
		b.expectSum(ctx, id, sum)
	}
	b.settled(ctx)
	states, terms := map[[32]byte]bool{}, map[raft.Term]bool{}
	for id, n := range b.nodes {
		d, _, err := n.node.Digest(ctx, 2)
		if err != nil {
			b.t.Fatal(err)
		}
		states[d], terms[b.status(ctx, id, 2).LastTerm] = true, true
	}
	if len(states) != 1 || len(terms) != 1 {
		b.t.Errorf("the nodes have %d states and logs of %d terms", len(states), len(terms))
	}
}

// TestALeaderReturnsWithATail is N4 with S1: a leader that is cut off takes commands that
// cannot commit, and is killed. The others do a few of them, take snapshots that end within
// its tail and cut their logs. When it is back its whole log goes for one snapshot; every
// command has counted once in the end, whoever did it.
func TestALeaderReturnsWithATail(t *testing.T) {
	inSteadyBubbles(t, 200<<10, func(*bubble) {}, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		s.steps(ctx, 1, 3)
		b.settled(ctx)
		old := b.leader(2)
		other, _ := others(old)
		committed := b.status(ctx, old, 2).LastIndex

		b.router.isolate(bubbleAddr(old))
		last, end := s.tail(ctx, old)
		end() // it steps down
		tail := b.status(ctx, old, 2)
		disk := b.crash(old)
		b.router.rejoin(bubbleAddr(old))
		b.awayForLong()
		b.cutBehind(ctx, s, other, committed)
		for id := range b.nodes {
			if at := b.status(ctx, id, 2); at.SnapshotIndex <= committed || at.SnapshotIndex > last || at.Term == tail.LastTerm {
				t.Fatalf("the tail is [%d, %d] of term %d, the snapshot at %d in term %d: this shows nothing", committed+1, last, tail.LastTerm, at.SnapshotIndex, at.Term)
			}
		}

		b.boot(old, disk)
		b.expectAlike(ctx, s.sum())
		if got := b.nodes[old].node.SnapshotStats().Installed; got != 1 {
			t.Errorf("%d snapshots were installed, want one", got)
		}
		for sequence := uint64(4); sequence < s.next; sequence++ { // what clients were not told
			if !s.repeat(ctx, old, sequence) {
				t.Errorf("command %d was done again", sequence)
			}
		}
		s.steps(ctx, old, tailCommands)
		b.expectAlike(ctx, s.sum())
	})
}

// TestALeaderIsElectedAgainWithATail is N5: while a follower is being brought a snapshot, the
// leader takes commands that only it has, is killed, and is elected again, having the longest
// log. Then its tail is committed: reads see all of it, as commands that are repeated do, and
// the follower goes on with the snapshot it was being brought.
func TestALeaderIsElectedAgainWithATail(t *testing.T) {
	const size, chunk = 2 << 20, 256 << 10
	inSteadyBubbles(t, size, func(b *bubble) { b.fileRate = 512 << 10 }, func(ctx context.Context, t *testing.T, b *bubble) {
		s := b.newStepper(ctx)
		s.steps(ctx, 1, 3)
		leader := b.leader(2)
		away, third := others(leader)
		b.bootBehind(ctx, s, away)
		received := func() uint64 { return b.nodes[away].node.SnapshotStats().ReceivedBytes }
		b.eventually(ctx, "some of a snapshot is here", func() bool { return received() > size/4 })

		b.cutPair(leader, third, true)
		b.cutPair(away, third, true)
		_, end := s.tail(ctx, leader)
		term := b.status(ctx, leader, 2).Term
		b.boot(leader, b.crash(leader))
		end()
		if s := b.nodes[away].node.SnapshotStats(); s.Installed != 0 {
			t.Fatalf("%+v: the follower has its snapshot already, this shows nothing", s)
		}
		b.cutPair(leader, third, false)
		s.next += tailCommands
		b.expectSum(ctx, leader, s.sum())
		if at := b.status(ctx, leader, 2); at.Role != raft.Leader || at.Term <= term {
			t.Errorf("it was not elected again: %+v", at)
		}
		b.cutPair(away, third, false)
		b.expectAlike(ctx, s.sum())
		if got := b.nodes[away].node.SnapshotStats(); got.Installed != 1 || got.ReceivedBytes > size*105/100+chunk {
			t.Errorf("%+v of snapshots of %d bytes, of which a chunk was cut off", got, size)
		}
		for sequence := s.next - tailCommands; sequence < s.next; sequence++ {
			if !s.repeat(ctx, away, sequence) {
				t.Errorf("command %d was done again", sequence)
			}
		}
	})
}
