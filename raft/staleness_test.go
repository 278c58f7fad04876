package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// bounded reads what is at most maxAge old and returns what is answered at once.
func (l *lab) bounded(id raft.ReadID, maxAge time.Duration) []raft.ReadReady {
	l.core.Read(raft.ReadRequest{ID: id, Mode: raft.ReadBounded, MaxStaleness: maxAge})
	return append([]raft.ReadReady(nil), l.drain().Reads...)
}

func TestAFollowerMeasuresAgeFromItsQuestion(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 4, 1, 1), Commit: 1})
	l.settle()
	if got := l.bounded(1, time.Second); len(got) != 0 {
		t.Fatalf("answered from nothing: %+v", got)
	}
	ask := sent[raft.ReadIndex](l.fx.SendNow, 2)
	if len(ask) != 1 {
		t.Fatalf("%+v", l.fx.SendNow)
	}
	l.pass(300 * time.Millisecond)
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: ask[0].ID, Index: 3})
	if got := l.reads(); len(got) != 1 || got[0] != (raft.ReadReady{ID: 1, Index: 3, Age: 300 * time.Millisecond}) {
		t.Fatalf("%+v", got)
	}
	l.pass(700 * time.Millisecond)
	l.receive(2, raft.Heartbeat{Term: 1, Commit: 4}) // proves nothing about when it was sent
	if got := l.bounded(2, time.Second); len(got) != 1 || got[0].Index != 3 {
		t.Fatalf("%+v", got)
	}
	// More than half of the time is over: the next question is on its way.
	again := sent[raft.ReadIndex](l.fx.SendNow, 2)
	if len(again) != 1 || again[0].ID == ask[0].ID {
		t.Fatalf("%+v", l.fx.SendNow)
	}
	l.pass(time.Millisecond)
	if got := l.bounded(3, time.Second); len(got) != 0 {
		t.Fatalf("too old: %+v", got)
	}
	// It was sent a millisecond ago; a second question is needed for read 3.
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: again[0].ID, Index: 4})
	third := sent[raft.ReadIndex](l.drain().SendNow, 2)
	if got := l.bounded(4, time.Second); len(third) != 1 || len(got) != 1 || got[0].Index != 4 {
		t.Fatalf("%+v, %+v", third, got)
	}
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: third[0].ID, Index: 4})
	if got := l.reads(); len(got) != 1 || got[0] != (raft.ReadReady{ID: 3, Index: 4}) {
		t.Fatalf("%+v", got)
	}
}

func TestAnAnswerThatTookTooLongIsTooOld(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 4, 1, 1), Commit: 1})
	l.settle()
	l.bounded(1, 200*time.Millisecond)
	ask := sent[raft.ReadIndex](l.fx.SendNow, 2)
	l.pass(201 * time.Millisecond)
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: ask[0].ID, Index: 3})
	if got := l.reads(); len(got) != 1 || !errors.Is(got[0].Err, raft.ErrTooStale) {
		t.Fatalf("%+v", got)
	}
}

func TestWithoutALeaderOnlyWhatIsKnownIsAnswered(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	if got := l.bounded(1, time.Second); len(got) != 1 || !errors.Is(got[0].Err, raft.ErrTooStale) {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 4, 1, 1), Commit: 1})
	l.settle()
	l.core.Read(raft.ReadRequest{ID: 2})
	ask := sent[raft.ReadIndex](l.drain().SendNow, 2)
	l.receive(2, raft.ReadIndexReply{Term: 1, ID: ask[0].ID, Index: 4})
	l.reads()
	l.receive(3, raft.HeartbeatReply{Term: 7}) // nobody leads any more
	l.pass(500 * time.Millisecond)
	if got := l.bounded(3, time.Second); len(got) != 1 || got[0].Index != 4 {
		t.Fatalf("%+v", got)
	}
	l.pass(501 * time.Millisecond)
	if got := l.bounded(4, time.Second); len(got) != 1 || !errors.Is(got[0].Err, raft.ErrTooStale) {
		t.Fatalf("%+v", got)
	}
}

func TestALeaderMeasuresAgeFromItsRounds(t *testing.T) {
	l := leading(t, raft.Config{})
	if got := l.bounded(1, 80*time.Millisecond); len(got) != 0 {
		t.Fatalf("answered from nothing: %+v", got)
	}
	l.pass(60 * time.Millisecond)
	l.receive(3, raft.HeartbeatReply{Term: 1, Round: 1})
	if got := l.reads(); len(got) != 1 || got[0] != (raft.ReadReady{ID: 1, Index: 1, Age: 60 * time.Millisecond}) {
		t.Fatalf("%+v", got)
	}
	if got := l.bounded(2, 60*time.Millisecond); len(got) != 1 || got[0].Index != 1 {
		t.Fatalf("%+v", got)
	}
	if got := l.bounded(3, 59*time.Millisecond); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	// What a leader knew stays true when it leads no longer.
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: 2})
	l.reads()
	l.receive(3, raft.HeartbeatReply{Term: 5})
	if got := l.bounded(4, 30*time.Millisecond); len(got) != 1 || got[0].Index != 1 {
		t.Fatalf("%+v", got)
	}
}
