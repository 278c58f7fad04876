package nodetest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/quic"
)

// The election timeout of these nodes is 1 s, spread up to twice that. electionMax is
// three of them: by then there is a leader again if there can be one.
const electionMax = 6 * time.Second

// workPause is how long the client rests between commands.
const workPause = 150 * time.Millisecond

// linkScene is a cluster of production nodes at work, whose links something happens to.
// A client adds 1 all the time, at whichever node answers, in a session.
type linkScene struct {
	*bubble
	t    *testing.T
	ctx  context.Context
	logs *syncBuffer
	anew uint64      // connections made anew before the scenario
	led  []raft.Term // those that had a leader, of the machine's group, as calm saw them
	// disks are those of nodes that do not run.
	disks map[raft.NodeID]*vfs.MemFS

	mu   sync.Mutex // guards what is below
	at   []time.Time
	last uint64 // the newest answer
	// serving are the nodes that the client may ask.
	serving map[raft.NodeID]*node.Node
}

// syncBuffer is what networks log.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) count(words string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), words)
}

// atWork runs a scenario. In the end every answer must have come once and in order, all
// nodes must hold the same, and no network may have met anything it takes for hostile.
func atWork(t *testing.T, command []byte, scenario func(s *linkScene)) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, nil)
		s := &linkScene{bubble: b, t: t, logs: &syncBuffer{}, disks: map[raft.NodeID]*vfs.MemFS{}, serving: map[raft.NodeID]*node.Node{}}
		b.probes, b.whole = true, true
		b.log = slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelInfo}))
		b.bootAll()
		defer b.close()
		for id, n := range b.nodes {
			s.serving[id] = n.node
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s.ctx = ctx
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		working, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.work(working, command)
		}()
		s.calm(12 * time.Second) // longer than a start is remembered; packets have grown
		s.anew = s.reconnects()  // nodes begin their lives, and say so
		scenario(s)
		s.calm(2 * time.Second)
		stop()
		<-done
		for id := range b.nodes {
			b.expectAtLeast(ctx, id, s.last, uint64(len(command)))
			for reason, n := range b.networks[id].(*quic.Network).Counters() {
				if reason != quic.ReasonStale || n > 10 {
					t.Errorf("%v counted %d refusals: %s", id, n, reason)
				}
			}
		}
		if t.Failed() {
			t.Logf("%s", s.logs.buf.String())
		}
	})
}

// work sends commands, one after the other, until ctx ends.
func (s *linkScene) work(ctx context.Context, command []byte) {
	var session node.SessionID
	at, seq := raft.NodeID(1), uint64(1)
	for ctx.Err() == nil {
		n := s.server(at)
		if n == nil {
			at = at%3 + 1
			continue
		}
		try, cancel := context.WithTimeout(ctx, time.Second)
		var r node.CallResult
		var err error
		if session == 0 {
			session, err = n.OpenSession(try, "adder")
		} else if r, err = n.Call(try, "adder", node.Call{Data: command, Session: session, Sequence: seq, AckBelow: seq, Forward: true}); err == nil {
			s.answered(r, seq*uint64(len(command)))
			seq++
		}
		cancel()
		if err != nil {
			at = at%3 + 1
		}
		time.Sleep(workPause) // virtual
	}
}

// server is a node to ask; nil: it does not run.
func (s *linkScene) server(id raft.NodeID) *node.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving[id]
}

// kill ends a node without a word, revive starts it again on its disk.
func (s *linkScene) kill(id raft.NodeID) {
	s.mu.Lock()
	delete(s.serving, id)
	s.mu.Unlock()
	s.disks[id] = s.crash(id)
}

func (s *linkScene) revive(id raft.NodeID) {
	s.boot(id, s.disks[id])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving[id] = s.nodes[id].node
}

// answered checks and notes an answer.
func (s *linkScene) answered(r node.CallResult, want uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Status != 0 || binary.BigEndian.Uint64(r.Data) != want {
		s.t.Errorf("status %d, sum %x, want %d: a command was lost or doubled", r.Status, r.Data, want)
	}
	s.at, s.last = append(s.at, time.Now()), want
}

// expectAtLeast wants a node to answer with everything acknowledged, and at most the
// command under way besides.
func (b *bubble) expectAtLeast(ctx context.Context, at raft.NodeID, least, more uint64) {
	b.t.Helper()
	for {
		r, err := b.nodes[at].node.Ask(ctx, "adder", node.Ask{Forward: true})
		if err == nil {
			if got := binary.BigEndian.Uint64(r.Data); got < least || got > least+more {
				b.t.Errorf("node %v answers %d, want %d, or %d more", at, got, least, more)
			}
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v never answered: %v", at, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}

// calm lets virtual time pass, and notes who leads meanwhile.
func (s *linkScene) calm(d time.Duration) {
	const look = 20 * time.Millisecond
	for ; d > 0; d -= look {
		time.Sleep(min(d, look))
		s.noteLeaders()
	}
}

// noteLeaders notes the terms of the machine's group that have a leader now.
func (s *linkScene) noteLeaders() {
	for _, n := range s.nodes {
		info, err := n.node.Group(s.ctx, 2, "adder")
		if err == nil && info.Status.Role == raft.Leader && !slices.Contains(s.led, info.Status.Term) {
			s.led = append(s.led, info.Status.Term)
		}
	}
}

// gap is the longest time without an answer since a moment.
func (s *linkScene) gap(since time.Time) (longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := since
	for _, at := range append(s.at, time.Now()) {
		if at.After(since) {
			longest = max(longest, at.Sub(before))
			before = at
		}
	}
	return longest
}

// expectGap wants the client to have been answered all along since a moment.
func (s *linkScene) expectGap(since time.Time, most time.Duration) {
	s.t.Helper()
	if got := s.gap(since); got > most {
		s.t.Errorf("the client waited %v for an answer, want %v at most", got, most)
	}
}

// term is the greatest term of the machine's group.
func (s *linkScene) term() (greatest raft.Term) {
	for id := range s.nodes {
		greatest = max(greatest, s.termAt(s.ctx, s.t, id))
	}
	return greatest
}

// expectTerm wants the term to have risen by so many at most.
func (s *linkScene) expectTerm(before raft.Term, most raft.Term) {
	s.t.Helper()
	if now := s.term(); now > before+most {
		s.t.Errorf("the term rose from %d to %d, want %d more at most", before, now, most)
	}
}

// expectCalm wants so many new leaders at most behind a term; where it is none nobody has
// even campaigned.
func (s *linkScene) expectCalm(before raft.Term, most int) {
	s.t.Helper()
	if most == 0 {
		s.expectTerm(before, 0)
	}
	s.expectLeaders(before, most)
}

// expectLeaders wants so many new leaders at most behind a term. Why not terms: two nodes
// that campaign in the same moment take more than one for one election.
func (s *linkScene) expectLeaders(before raft.Term, most int) {
	s.t.Helper()
	later := slices.DeleteFunc(slices.Clone(s.led), func(at raft.Term) bool { return at <= before })
	if len(later) > most {
		s.t.Errorf("there were leaders of the terms %v behind term %d, want %d at most", later, before, most)
	}
}

// link is what a node knows of the path to another.
func (s *linkScene) link(from, to raft.NodeID) transport.LinkStats {
	s.t.Helper()
	for _, l := range s.networks[from].Links() {
		if l.Peer == to {
			return l
		}
	}
	s.t.Fatalf("%v has no link to %v", from, to)
	return transport.LinkStats{}
}

// reconnects sums up how often links were made anew, as both ends count.
func (s *linkScene) reconnects() (sum uint64) {
	for id := range s.nodes {
		for _, l := range s.networks[id].Links() {
			sum += l.Reconnects
		}
	}
	return sum - s.anew
}

// expectWhole wants all links to stand, after a while that may pass.
func (s *linkScene) expectWhole(within time.Duration) {
	s.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) { // virtual
		down := 0
		for id := range s.nodes {
			for _, l := range s.networks[id].Links() {
				if !l.Up || l.Down != transport.DownUnknown {
					down++
				}
			}
		}
		if down == 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("%d ends of links are still down", down)
			return
		}
	}
}

// others are the two nodes besides one.
func others(id raft.NodeID) (raft.NodeID, raft.NodeID) { return id%3 + 1, (id+1)%3 + 1 }

// tell has a test say what was measured.
func (s *linkScene) tell(what string, since time.Time, term raft.Term) {
	s.t.Logf("%s: longest wait %v, terms +%d, connections anew %d", what, s.gap(since), s.term()-term, int64(s.reconnects()))
}
