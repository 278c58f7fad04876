package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// follower is a lab that follows n2 in term 1.
func follower(t *testing.T, cfg raft.Config, voters ...raft.NodeID) *lab {
	l := newLab(t, cfg, fresh(voters...))
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 2, 1, 1), Commit: 1})
	l.settle()
	return l
}

func TestAHintBringsTheCampaignForward(t *testing.T) {
	for _, c := range []struct {
		name  string
		tell  func(*lab)
		early bool
	}{
		{"the leader's process", func(l *lab) { l.core.PeerGone(2, 4) }, true},
		{"told after it ran", func(l *lab) { l.core.PeerRuns(2, 4); l.core.PeerGone(2, 4) }, true},
		{"another's process", func(l *lab) { l.core.PeerGone(3, 4) }, false},
		{"its own", func(l *lab) { l.core.PeerGone(1, 4) }, false},
		{"a stranger's", func(l *lab) { l.core.PeerRuns(9, 1); l.core.PeerGone(9, 4) }, false},
		{"an earlier process", func(l *lab) { l.core.PeerRuns(2, 5); l.core.PeerGone(2, 4) }, false},
	} {
		l := follower(t, raft.Config{}, 1, 2, 3)
		c.tell(l)
		if at := l.core.NextDeadline(); (at <= 25*time.Millisecond) != c.early {
			t.Errorf("%s: campaigns at %v", c.name, at)
		}
	}
}

func TestALaterProcessTakesTheHintBack(t *testing.T) {
	l := follower(t, raft.Config{}, 1, 2, 3)
	l.core.PeerGone(2, 4)
	l.core.PeerRuns(2, 5)
	l.receive(2, raft.Heartbeat{Term: 1})
	l.settle()
	if at := l.core.NextDeadline(); at < time.Second {
		t.Fatalf("campaigns at %v", at)
	}
	l.receive(3, raft.PreVote{Term: 2, LastIndex: 2, LastTerm: 1, Gone: 2, GoneBoot: 4})
	if got := sent[raft.PreVoteReply](l.settle(), 3)[0]; got.Granted {
		t.Fatal("granted to who says that a process is gone which runs again")
	}
}

func TestALeaderThatIsHeardOnIsNotGone(t *testing.T) {
	l := follower(t, raft.Config{}, 1, 2, 3)
	l.core.PeerGone(2, 4)
	l.receive(2, raft.Heartbeat{Term: 1}) // it was on its way
	if at := l.core.NextDeadline(); at > 25*time.Millisecond {
		t.Fatalf("campaigns at %v", at)
	}
	l.pass(200 * time.Millisecond)
	if s := l.core.Status(); s.Role != raft.PreCandidate {
		t.Fatalf("%+v", s)
	}
	l.receive(2, raft.Heartbeat{Term: 1})
	l.settle()
	if at := l.core.NextDeadline(); at < 1200*time.Millisecond {
		t.Fatalf("campaigns again at %v", at)
	}
	l.core.PeerGone(2, 4)
	l.receive(2, raft.Heartbeat{Term: 2}) // it won an election meanwhile
	if at := l.core.NextDeadline(); at < 1200*time.Millisecond {
		t.Fatalf("campaigns against a new leader at %v", at)
	}
}

// TestEarlyVotesNeedTheSameWord: of all that may differ, only a voter that was told
// the same of the leader it follows grants before its time.
func TestEarlyVotesNeedTheSameWord(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     raft.Config
		told    uint64 // the boot of n2 that is gone; 0: nothing
		gone    raft.NodeID
		boot    uint64
		granted bool
	}{
		{"the same", raft.Config{}, 4, 2, 4, true},
		{"a later one is gone", raft.Config{}, 5, 2, 4, true},
		{"an earlier one is gone", raft.Config{}, 3, 2, 4, false},
		{"nothing told", raft.Config{}, 0, 2, 4, false},
		{"no word", raft.Config{}, 4, 0, 0, false},
		{"of another", raft.Config{}, 4, 4, 4, false},
		{"a lease was promised", raft.Config{LeaseReads: true}, 4, 2, 4, false},
	} {
		l := follower(t, c.cfg, 1, 2, 3, 4, 5)
		if c.told > 0 {
			l.core.PeerGone(2, c.told)
		}
		l.receive(3, raft.PreVote{Term: 2, LastIndex: 2, LastTerm: 1, Gone: c.gone, GoneBoot: c.boot})
		pre := sent[raft.PreVoteReply](l.settle(), 3)[0]
		l.receive(3, raft.Vote{Term: 2, LastIndex: 2, LastTerm: 1, Gone: c.gone, GoneBoot: c.boot})
		vote := sent[raft.VoteReply](l.settle(), 3)[0]
		if pre.Granted != c.granted || vote.Granted != c.granted {
			t.Errorf("%s: %+v, %+v", c.name, pre, vote)
		}
	}
}

func TestOfTwoEarlyCampaignsOneYields(t *testing.T) {
	for _, c := range []struct {
		name   string
		ask    raft.PreVote
		from   raft.NodeID
		yields bool
	}{
		{"a lower ID", raft.PreVote{Term: 2, LastIndex: 2, LastTerm: 1}, 1, true},
		{"a higher ID", raft.PreVote{Term: 2, LastIndex: 2, LastTerm: 1}, 4, false},
		{"a longer log", raft.PreVote{Term: 2, LastIndex: 3, LastTerm: 1}, 4, true},
	} {
		cfg := raft.Config{ID: 3, Group: 1, Seed: 1}
		core, err := raft.New(cfg, fresh(1, 2, 3, 4, 5), 0)
		if err != nil {
			t.Fatal(err)
		}
		l := &lab{t: t, core: core}
		l.receive(2, raft.Append{Term: 1, Entries: entries(1, 2, 1, 1), Commit: 1})
		l.core.PeerGone(2, 4)
		l.pass(25 * time.Millisecond)
		l.settle()
		if s := core.Status(); s.Role != raft.PreCandidate {
			t.Fatalf("%+v", s)
		}
		c.ask.Gone, c.ask.GoneBoot = 2, 4
		l.receive(c.from, c.ask)
		if got := sent[raft.PreVoteReply](l.settle(), c.from)[0]; !got.Granted {
			t.Errorf("%s: %+v", c.name, got)
		}
		if s := core.Status(); (s.Role == raft.Follower) != c.yields {
			t.Errorf("%s: it is a %v", c.name, s.Role)
		}
	}
}

// TestNobodyYieldsTwice: who is asked again and again by a node that cannot hear
// the answer campaigns all the same.
func TestNobodyYieldsTwice(t *testing.T) {
	l := follower(t, raft.Config{}, 1, 2, 3)
	l.core.PeerGone(2, 4)
	for range 40 {
		l.receive(3, raft.PreVote{Term: 2, LastIndex: 2, LastTerm: 1, Gone: 2, GoneBoot: 4})
		l.settle()
		l.pass(100 * time.Millisecond)
		if l.core.Status().Role == raft.PreCandidate {
			return
		}
	}
	t.Fatal("it never campaigns")
}

func TestAHintStaysWithTheCampaignsOfLaterTerms(t *testing.T) {
	l := follower(t, raft.Config{}, 1, 2, 3)
	l.core.PeerGone(2, 4)
	l.pass(25 * time.Millisecond)
	l.receive(3, raft.PreVoteReply{Term: 2, Granted: true})
	got := sent[raft.Vote](l.settle(), 3)
	if len(got) != 1 || got[0].Gone != 2 || got[0].GoneBoot != 4 {
		t.Fatalf("%+v", got)
	}
	l.pass(2 * time.Second)
	again := sent[raft.PreVote](l.settle(), 3)
	if len(again) != 1 || again[0].Term != 3 || again[0].Gone != 2 {
		t.Fatalf("%+v", again)
	}
	l.receive(3, raft.Heartbeat{Term: 3})
	l.pass(2 * time.Second)
	if last := sent[raft.PreVote](l.settle(), 2); len(last) != 1 || last[0].Gone != 0 {
		t.Fatalf("%+v", last)
	}
}

func TestImpossibleHintsAreRefused(t *testing.T) {
	l := follower(t, raft.Config{}, 1, 2, 3)
	for _, m := range []raft.Message{
		raft.PreVote{Term: 2, Gone: 3, GoneBoot: 1}, raft.Vote{Term: 2, Gone: 3, GoneBoot: 1},
		raft.PreVote{Term: 2, GoneBoot: 1}, raft.Vote{Term: 2, GoneBoot: 1},
	} {
		if err := l.core.Receive(3, m); !errors.Is(err, raft.ErrBadMessage) {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

func TestPeersThatLeftAreForgotten(t *testing.T) {
	l := leading(t, raft.Config{})
	l.core.PeerRuns(3, 9)
	l.core.ChangeConfig(raft.ChangeRequest{ID: 1, Expected: 0, Changes: []raft.Change{{Kind: raft.Remove, Node: 3}}})
	l.settle()
	l.ack(2, 3)
	l.ack(2)
	l.core.ChangeConfig(raft.ChangeRequest{ID: 2, Expected: 3, Changes: []raft.Change{{Kind: raft.AddLearner, Node: 3, Incarnation: 2}}})
	l.ack(2)
	if s := l.core.Status(); s.Configuration.Index != 4 {
		t.Fatalf("%+v", s.Configuration)
	}
	l.receive(3, raft.Append{Term: 2, PrevIndex: 4, PrevTerm: 1, Entries: entries(5, 1, 2, 1)})
	l.core.PeerGone(3, 1) // its new disk counts from 1 again
	if at := l.core.NextDeadline(); at > 25*time.Millisecond {
		t.Fatalf("campaigns at %v", at)
	}
}
