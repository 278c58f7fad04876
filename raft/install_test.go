package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// hearing is n1 with entries 1 to 6 of term 1, up to 4 committed, which hears n2
// lead term 3.
func hearing(t *testing.T) *lab {
	r := fresh(1, 2, 3)
	r.HardState = raft.HardState{Term: 3, Commit: 4}
	r.LastIndex, r.TermRuns = 6, []raft.TermRun{{First: 1, Term: 1}}
	l := newLab(t, raft.Config{}, r)
	l.settle()
	l.receive(2, raft.Heartbeat{Term: 3})
	l.settle()
	return l
}

func offer(index raft.Index, term raft.Term) raft.InstallSnapshot {
	return raft.InstallSnapshot{Term: 3, Snapshot: raft.SnapshotMeta{
		Index: index, Term: term, ConfigIndex: 1, Configuration: confchange.New(1, 2, 3, 4),
	}}
}

func TestAnOfferedSnapshotIsReceivedOnce(t *testing.T) {
	l := hearing(t)
	for i := range 2 {
		l.expectAsked(2, offer(9, 3), 9, 1-i)
	}
	// The log arrives first, from a leader that still has it.
	l.receive(2, raft.Append{Term: 3, PrevIndex: 6, PrevTerm: 1, Commit: 9, Entries: entries(7, 3, 3, 1)})
	if got := l.commands(); len(got) != 1 || got[0].Action != raft.SnapshotStopReceive {
		t.Fatalf("%+v", got)
	}
	if l.core.SnapshotReceived(offer(9, 3).Snapshot) {
		t.Error("it is not needed any more")
	}
}

// expectAsked wants an offer to be answered with the wish for the snapshot at an index, and so
// many commands that it is received.
func (l *lab) expectAsked(from raft.NodeID, m raft.InstallSnapshot, index raft.Index, commands int) {
	l.t.Helper()
	l.receive(from, m)
	sends, asked := l.drainAll()
	replies := sent[raft.InstallSnapshotReply](sends, from)
	if len(replies) != 1 || replies[0].Index != index || len(asked) != commands {
		l.t.Fatalf("asked for %+v, %+v", replies, asked)
	}
	for _, c := range asked {
		if c.Action != raft.SnapshotReceive || c.Peer != from || c.Snapshot.Index != index {
			l.t.Fatalf("%+v", c)
		}
	}
}

// drainAll is settle that returns what is to be done with snapshots, too.
func (l *lab) drainAll() (sent []raft.Envelope, asked []raft.SnapshotCommand) {
	for l.core.Pending() {
		fx := l.drain()
		sent, asked = append(sent, fx.SendNow...), append(asked, fx.Snapshots...)
	}
	return sent, asked
}

// TestANewerOfferDoesNotEndAReceive: the one under way is asked for, of whoever leads; only who
// goes on offering another for an election timeout is obeyed. A pause begins that anew.
func TestANewerOfferDoesNotEndAReceive(t *testing.T) {
	l := hearing(t)
	l.expectAsked(2, offer(9, 3), 9, 1)
	newer := func(index raft.Index) raft.InstallSnapshot {
		m := offer(index, 3)
		m.Term = 4
		return m
	}
	l.expectAsked(3, newer(12), 9, 1) // n3 hears from now on how far it is
	l.expectAsked(3, newer(12), 9, 0)
	l.pass(1500 * time.Millisecond) // n3 led on from there, and has changed its mind
	l.receive(3, raft.Heartbeat{Term: 4})
	l.expectAsked(3, newer(12), 9, 0)
	for range 9 {
		l.pass(100 * time.Millisecond)
		l.receive(3, raft.Heartbeat{Term: 4})
		l.expectAsked(3, newer(13), 9, 0)
	}
	l.pass(100 * time.Millisecond)
	l.expectAsked(3, newer(13), 13, 1)
	if l.core.SnapshotReceived(offer(9, 3).Snapshot) {
		t.Error("the older one is not wanted any more")
	}
	l.expectAsked(3, newer(12), 13, 0) // as for the next one
	if !l.core.SnapshotReceived(newer(13).Snapshot) {
		t.Error("it is wanted")
	}
}

// TestEachLeaderIsAskedForWhatIsUnderWay: also where each leads for less time than one may
// offer something else.
func TestEachLeaderIsAskedForWhatIsUnderWay(t *testing.T) {
	l := hearing(t)
	l.expectAsked(2, offer(9, 3), 9, 1)
	for term := raft.Term(4); term < 14; term++ {
		l.pass(600 * time.Millisecond)
		m := offer(12, 3)
		m.Term = term
		l.expectAsked(raft.NodeID(2+(term+1)%2), m, 9, 1)
	}
}

// TestASnapshotThatTheLogHoldsIsNotInstalled: its last entry came while the bytes
// were on their way, but is not known to be committed.
func TestASnapshotThatTheLogHoldsIsNotInstalled(t *testing.T) {
	l := hearing(t)
	l.receive(2, offer(7, 3))
	l.settle()
	l.receive(2, raft.Append{Term: 3, PrevIndex: 6, PrevTerm: 1, Entries: entries(7, 2, 3, 1)})
	l.settle()
	if l.core.SnapshotReceived(offer(7, 3).Snapshot) {
		t.Error("it is installed")
	}
	if s := l.core.Status(); s.LastIndex != 8 || s.Commit != 7 || s.SnapshotIndex != 0 {
		t.Fatalf("%+v", s)
	}
	if got := sent[raft.AppendReply](l.settle(), 2); len(got) != 1 || got[0].Match != 7 {
		t.Fatalf("%+v", got)
	}
}

func TestInstallIsOneWrite(t *testing.T) {
	l := hearing(t)
	l.held = true
	l.receive(2, offer(9, 3))
	l.settle()
	if !l.core.SnapshotReceived(offer(9, 3).Snapshot) {
		t.Fatal("it is not wanted")
	}
	s := l.core.Status()
	if s.Installing != 9 || s.Commit != 9 || s.LastIndex != 9 || s.Applied != 4 || s.LastTerm != 3 || s.Persisted != 4 {
		t.Fatalf("%+v", s)
	}
	// Entries that follow ride along.
	l.receive(2, raft.Append{Term: 3, PrevIndex: 9, PrevTerm: 3, Commit: 11, Entries: entries(10, 2, 3, 1)})
	fx := l.drain()
	if len(fx.Writes) != 1 || len(fx.Apply) != 0 || len(fx.Snapshots) != 0 || fx.Configuration == nil {
		t.Fatalf("%+v", fx)
	}
	w := fx.Writes[0]
	if !w.Reset || w.Snapshot.Index != 9 || len(w.Entries) != 2 || w.HardState == nil || w.HardState.Commit != 11 || w.Truncate || !w.Sync {
		t.Fatalf("%+v", w)
	}
	if len(fx.SendNow) != 0 || len(fx.SendAfter) != 1 || fx.SendAfter[0].After != w.ID {
		t.Fatalf("acknowledged before it is durable: %+v %+v", fx.SendNow, fx.SendAfter)
	}
	l.core.Campaign()
	if l.core.Status().Role != raft.Follower {
		t.Error("it campaigns with a snapshot that is not published")
	}
	l.receive(2, raft.TimeoutNow{Term: 3})
	if l.core.Status().Role != raft.Follower {
		t.Error("it campaigns with a snapshot that is not published")
	}
	l.core.Persisted(w.ID)
	fx = l.drain()
	if len(fx.Snapshots) != 1 || fx.Snapshots[0].Action != raft.SnapshotRestore || len(fx.Apply) != 1 || fx.Apply[0].First != 10 {
		t.Fatalf("%+v", fx)
	}
	l.core.Applied(5) // a range of the old log, which the driver was at
	if s = l.core.Status(); s.Installing != 0 || s.Applied != 9 || s.Persisted != 11 || !s.Configuration.Configuration.IsVoter(4) {
		t.Fatalf("%+v", s)
	}
}

// TestASecondSnapshotWhileOneIsInstalled: the newest counts.
func TestASecondSnapshotWhileOneIsInstalled(t *testing.T) {
	l := hearing(t)
	l.held = true
	var first raft.WriteID
	for _, index := range []raft.Index{9, 12} {
		l.receive(2, offer(index, 3))
		l.settle()
		if !l.core.SnapshotReceived(offer(index, 3).Snapshot) {
			t.Fatal(index)
		}
		fx := l.drain()
		first = max(first, fx.Writes[0].ID-1)
	}
	l.core.Persisted(first)
	if s := l.core.Status(); s.Installing != 12 || s.Applied != 4 || s.Persisted > 9 {
		t.Fatalf("%+v", s)
	}
	l.core.Persisted(first + 1)
	if s := l.core.Status(); s.Installing != 0 || s.Applied != 12 || s.Persisted != 12 {
		t.Fatalf("%+v", s)
	}
}

func TestACandidateThatReceivesASnapshotFollows(t *testing.T) {
	l := hearing(t)
	l.receive(2, offer(9, 3))
	l.settle()
	l.pass(5 * time.Second)
	if l.core.Status().Role != raft.PreCandidate {
		t.Fatalf("%+v", l.core.Status())
	}
	if !l.core.SnapshotReceived(offer(9, 3).Snapshot) {
		t.Fatal("it is not wanted")
	}
	if got := l.settle(); l.core.Status().Role != raft.Follower || len(sent[raft.AppendReply](got, 2)) != 0 {
		t.Fatalf("%+v, %+v", l.core.Status(), got)
	}
	// It would not be asked to campaign for its old log while it leads either.
	l = hearing(t)
	l.receive(2, offer(9, 3))
	l.settle()
	l.pass(5 * time.Second)
	l.receive(3, raft.PreVoteReply{Term: 4, Granted: true})
	l.settle()
	l.receive(3, raft.VoteReply{Term: 4, Granted: true})
	if got := l.commands(); len(got) != 1 || got[0].Action != raft.SnapshotStopReceive || l.core.Status().Role != raft.Leader {
		t.Fatalf("%+v, %+v", got, l.core.Status())
	}
}

func TestHostileSnapshotsChangeNothing(t *testing.T) {
	l := hearing(t)
	l.receive(2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 1, Commit: 4})
	l.settle()
	before := l.core.Status().Term
	for name, spoil := range map[string]func(*raft.InstallSnapshot){
		"no index":                func(m *raft.InstallSnapshot) { m.Snapshot.Index = 0 },
		"an index beyond all":     func(m *raft.InstallSnapshot) { m.Snapshot.Index = 1 << 63 },
		"no term":                 func(m *raft.InstallSnapshot) { m.Snapshot.Term = 0 },
		"a term to come":          func(m *raft.InstallSnapshot) { m.Snapshot.Term = 4 },
		"a configuration to come": func(m *raft.InstallSnapshot) { m.Snapshot.ConfigIndex = 10 },
		"no voters":               func(m *raft.InstallSnapshot) { m.Snapshot.Configuration.Voters = nil },
		"what is committed":       func(m *raft.InstallSnapshot) { m.Snapshot.Index, m.Snapshot.Term = 4, 2 },
		"what it verified":        func(m *raft.InstallSnapshot) { m.Snapshot.Index, m.Snapshot.Term = 5, 2 },
		"the own term":            func(m *raft.InstallSnapshot) { m.Term = 0 },
	} {
		m := offer(9, 3)
		spoil(&m)
		if err := l.core.Receive(2, m); !errors.Is(err, raft.ErrBadMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := l.core.Receive(3, offer(9, 3)); !errors.Is(err, raft.ErrBadMessage) {
		t.Errorf("a second leader: %v", err)
	}
	if err := l.core.Receive(2, raft.InstallSnapshotReply{Term: 3, Index: 1 << 63}); !errors.Is(err, raft.ErrBadMessage) {
		t.Errorf("an answer out of range: %v", err)
	}
	if l.core.Pending() || l.core.Status().Term != before {
		t.Error("something changed")
	}
	late := offer(9, 2)
	late.Term = 2
	l.receive(2, late)
	if got := sent[raft.InstallSnapshotReply](l.settle(), 2); len(got) != 1 || got[0].Term != 3 || got[0].Index != 0 {
		t.Fatalf("a stale leader should learn of the term: %+v", got)
	}
	l.receive(2, raft.InstallSnapshotReply{Term: 3, Index: 9}) // nobody asked
	if l.core.Pending() {
		t.Error("something changed")
	}
}

// TestAnOlderSnapshotThanThePurgedLogIsIgnored: what it ends in is not known here
// any more, and is committed all the same.
func TestAnOlderSnapshotThanThePurgedLogIsIgnored(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState = raft.HardState{Term: 3, Commit: 6}
	r.Snapshot.Index, r.Snapshot.Term, r.PurgedIndex, r.PurgedTerm = 5, 2, 5, 2
	r.LastIndex, r.TermRuns = 8, []raft.TermRun{{First: 6, Term: 2}}
	l := newLab(t, raft.Config{}, r)
	l.settle()
	l.receive(2, offer(3, 1))
	l.core.Drain(&l.fx)
	if len(l.fx.Snapshots) != 0 || len(l.fx.SendNow) != 1 {
		t.Fatalf("%+v", l.fx)
	}
	if m, ok := l.fx.SendNow[0].Message.(raft.AppendReply); !ok || m.Rejected || m.Match != 6 {
		t.Fatalf("%+v", l.fx.SendNow[0].Message)
	}
	if s := l.core.Status(); s.LastIndex != 8 || s.Commit != 6 || s.SnapshotIndex != 5 {
		t.Fatalf("%+v", s)
	}
}

// TestNothingOfTheOldLogIsAppliedWhileASnapshotIsInstalled: its entries are gone, or
// about to be.
func TestNothingOfTheOldLogIsAppliedWhileASnapshotIsInstalled(t *testing.T) {
	l := newLab(t, raft.Config{ApplyBytesMax: 1}, fresh(1, 2, 3))
	l.receive(2, raft.Append{Term: 1, Commit: 4, Entries: entries(1, 6, 1, 1)})
	l.drain()
	if fx := l.drain(); len(fx.Apply) != 1 || fx.Apply[0].Last != 1 {
		t.Fatalf("one entry at a time: %+v", fx.Apply)
	}
	l.receive(2, offer(9, 3))
	l.drain()
	l.held = true
	if !l.core.SnapshotReceived(offer(9, 3).Snapshot) {
		t.Fatal("it is not wanted")
	}
	id := l.drain().Writes[0].ID
	l.core.Applied(1)
	if fx := l.drain(); len(fx.Apply) != 0 {
		t.Fatalf("%+v", fx.Apply)
	}
	l.core.Persisted(id)
	if fx := l.drain(); len(fx.Snapshots) != 1 || len(fx.Apply) != 0 || l.core.Status().Applied != 9 {
		t.Fatalf("%+v, %+v", fx, l.core.Status())
	}
}
