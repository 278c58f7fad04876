package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// leading is a lab that leads term 1 with its no-op committed.
func leading(t *testing.T, cfg raft.Config) *lab {
	l := newLab(t, cfg, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	return l
}

// reads collects the answers of all drains until nothing is left.
func (l *lab) reads() []raft.ReadReady {
	var all []raft.ReadReady
	for l.core.Pending() {
		all = append(all, l.drain().Reads...)
	}
	return all
}

func TestABurstOfReadsSharesRounds(t *testing.T) {
	l := leading(t, raft.Config{})
	for id := range raft.ReadID(1000) {
		l.core.Read(raft.ReadRequest{ID: id + 1})
	}
	first := sent[raft.Heartbeat](l.drain().SendNow, 2)
	if len(first) != 1 || first[0].Round != 1 {
		t.Fatalf("%+v", first)
	}
	// More arrive while the round is on its way: they wait for the next one.
	for id := range raft.ReadID(1000) {
		l.core.Read(raft.ReadRequest{ID: id + 2001})
		if got := l.drain().SendNow; len(got) != 0 {
			t.Fatalf("a round per read: %+v", got)
		}
	}
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: 1})
	fx := l.drain()
	if len(fx.Reads) != 1000 || fx.Reads[0] != (raft.ReadReady{ID: 1, Index: 1}) {
		t.Fatalf("%d reads answered", len(fx.Reads))
	}
	if next := sent[raft.Heartbeat](fx.SendNow, 3); len(next) != 1 || next[0].Round != 2 {
		t.Fatalf("%+v", next)
	}
	// The echo of an older round proves nothing for a later read.
	l.receive(3, raft.HeartbeatReply{Term: 1, Round: 1})
	if got := l.reads(); len(got) != 0 {
		t.Fatalf("%d reads answered", len(got))
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 1, Round: 2})
	if got := l.reads(); len(got) != 1000 {
		t.Fatalf("%d reads answered", len(got))
	}
}

func TestALateRoundDoesNotHoldUpNewReads(t *testing.T) {
	l := leading(t, raft.Config{})
	l.core.Read(raft.ReadRequest{ID: 1})
	l.drain()
	l.core.Read(raft.ReadRequest{ID: 2})
	l.pass(100 * time.Millisecond)
	if got := sent[raft.Heartbeat](l.settle(), 2); len(got) != 1 || got[0].Round != 2 {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: 1})
	if got := l.reads(); len(got) != 1 || got[0].ID != 1 {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: 2})
	if got := l.reads(); len(got) != 1 || got[0].ID != 2 {
		t.Fatalf("%+v", got)
	}
}

func TestCancelledReadsAreNotAnswered(t *testing.T) {
	l := leading(t, raft.Config{})
	l.core.Read(raft.ReadRequest{ID: 1})
	l.core.Read(raft.ReadRequest{ID: 2})
	l.core.CancelRead(1)
	l.drain()
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: 1})
	if got := l.reads(); len(got) != 1 || got[0].ID != 2 {
		t.Fatalf("%+v", got)
	}
	if s := l.core.Status(); s.PendingReads != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestReadsAreBounded(t *testing.T) {
	l := leading(t, raft.Config{PendingReadsMax: 2})
	for id := range raft.ReadID(3) {
		l.core.Read(raft.ReadRequest{ID: id + 1})
	}
	l.receive(2, raft.ReadIndex{Term: 1, ID: 9})
	fx := l.drain()
	if len(fx.Reads) != 1 || fx.Reads[0].ID != 3 || !errors.Is(fx.Reads[0].Err, raft.ErrTooManyReads) {
		t.Fatalf("%+v", fx.Reads)
	}
	if got := sent[raft.ReadIndexReply](fx.SendNow, 2); len(got) != 1 || !got[0].Refused {
		t.Fatalf("%+v", got)
	}
}

func TestReadsEndWithTheLeadership(t *testing.T) {
	l := leading(t, raft.Config{})
	l.core.Read(raft.ReadRequest{ID: 1})
	l.drain()
	l.core.Read(raft.ReadRequest{ID: 2})
	l.receive(2, raft.ReadIndex{Term: 1, ID: 9})
	l.receive(3, raft.HeartbeatReply{Term: 5})
	fx := l.drain()
	if len(fx.Reads) != 2 || !errors.Is(fx.Reads[0].Err, raft.ErrLeadershipLost) {
		t.Fatalf("%+v", fx.Reads)
	}
	if got := sent[raft.ReadIndexReply](fx.SendNow, 2); len(got) != 1 || !got[0].Refused || got[0].Term != 1 {
		t.Fatalf("%+v", got)
	}
}

func TestAFollowerAsksOnceForManyReads(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 4, 1, 1), Commit: 1})
	l.settle()
	l.core.Read(raft.ReadRequest{ID: 1})
	l.core.Read(raft.ReadRequest{ID: 2})
	asked := sent[raft.ReadIndex](l.settle(), 2)
	l.core.Read(raft.ReadRequest{ID: 3})
	if more := sent[raft.ReadIndex](l.settle(), 2); len(asked) != 1 || len(more) != 0 {
		t.Fatalf("%+v, %+v", asked, more)
	}
	// An answer to another question, or by another node, is none.
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: asked[0].ID + 1, Index: 4})
	l.receive(3, raft.ReadIndexReply{Term: 1, ID: asked[0].ID, Index: 4})
	if got := l.reads(); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: asked[0].ID, Index: 4})
	fx := l.drain()
	if len(fx.Reads) != 2 || fx.Reads[0].Index != 4 {
		t.Fatalf("%+v", fx.Reads)
	}
	if s := l.core.Status(); s.Commit != 4 {
		t.Fatalf("the answer says that 4 is committed: %+v", s)
	}
	if next := sent[raft.ReadIndex](fx.SendNow, 2); len(next) != 1 || next[0].ID == asked[0].ID {
		t.Fatalf("%+v", next)
	}
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: asked[0].ID + 1, Refused: true})
	if got := l.reads(); len(got) != 1 || !errors.Is(got[0].Err, raft.ErrLeadershipLost) {
		t.Fatalf("%+v", got)
	}
}

func TestALostQuestionIsRepeated(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Heartbeat{Term: 1})
	l.settle()
	l.core.Read(raft.ReadRequest{ID: 1})
	first := sent[raft.ReadIndex](l.settle(), 2)
	l.receive(2, raft.Heartbeat{Term: 1})
	if got := sent[raft.ReadIndex](l.settle(), 2); len(got) != 0 {
		t.Fatalf("too soon: %+v", got)
	}
	l.receive(2, raft.Heartbeat{Term: 1})
	if got := sent[raft.ReadIndex](l.settle(), 2); len(got) != 1 || got[0] != first[0] {
		t.Fatalf("%+v", got)
	}
	l.core.Read(raft.ReadRequest{ID: 2}) // waits behind the first
	l.receive(3, raft.Heartbeat{Term: 2})
	if got := l.reads(); len(got) != 2 || !errors.Is(got[0].Err, raft.ErrLeadershipLost) {
		t.Fatalf("%+v", got)
	}
}

func TestTwoLivesAskDifferentQuestions(t *testing.T) {
	ask := func(seed uint64) raft.ReadID {
		core, err := raft.New(raft.Config{ID: 1, Group: 1, Seed: seed}, fresh(1, 2, 3), 0)
		if err != nil {
			t.Fatal(err)
		}
		l := &lab{t: t, core: core}
		l.receive(2, raft.Heartbeat{Term: 1})
		l.core.Read(raft.ReadRequest{ID: 1})
		return sent[raft.ReadIndex](l.settle(), 2)[0].ID
	}
	if ask(1) == ask(2) {
		t.Error("an answer to the first life would be taken in the second")
	}
}

func TestOnlyALeaderAnswersQuestions(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.ReadIndex{Term: 1, ID: 5})
	if got := sent[raft.ReadIndexReply](l.settle(), 2); len(got) != 1 || !got[0].Refused || got[0].ID != 5 {
		t.Fatalf("%+v", got)
	}
}
