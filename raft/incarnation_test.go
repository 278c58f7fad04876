package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// receiveFrom hands over a message of a peer in one of its lives.
func (l *lab) receiveFrom(from raft.NodeID, life raft.Incarnation, m raft.Message) {
	l.t.Helper()
	if err := l.core.ReceiveFrom(raft.Member{Node: from, Incarnation: life}, m); err != nil {
		l.t.Fatal(err)
	}
}

// TestVotesOfAnotherLifeCountForNothing: a node that lost its disk has forgotten whom it
// voted for, so that only the life which the configuration names may vote.
func TestVotesOfAnotherLifeCountForNothing(t *testing.T) {
	for life, wins := range map[raft.Incarnation]bool{1: true, 2: false} {
		l := newLab(t, raft.Config{}, fresh(1, 2, 3))
		l.core.Campaign()
		l.receiveFrom(2, 1, raft.PreVoteReply{Term: 1, Granted: true})
		l.settle()
		l.receiveFrom(2, life, raft.VoteReply{Term: 1, Granted: true})
		if got := l.core.Status().Role == raft.Leader; got != wins {
			t.Errorf("a vote of life %d elects: %v", life, got)
		}
	}
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.core.Campaign()
	l.receiveFrom(2, 2, raft.PreVoteReply{Term: 1, Granted: true})
	if got := l.core.Status(); got.Role != raft.PreCandidate || got.Term != 0 {
		t.Errorf("a pre-vote of another life counts: %+v", got)
	}
	l.receiveFrom(2, 2, raft.PreVoteReply{Term: 7})
	if got := l.core.Status(); got.Term != 7 {
		t.Errorf("nothing is learnt from a later term: %+v", got)
	}
}

// TestAcknowledgementsOfAnotherLifeCountForNothing: neither for the commit index nor for
// the leader's right to go on.
func TestAcknowledgementsOfAnotherLifeCountForNothing(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2)
	l.receiveFrom(3, 2, raft.AppendReply{Term: 1, Match: 1})
	l.settle()
	if got := l.core.Status().Commit; got != 0 {
		t.Fatalf("commit is %d", got)
	}
	for range 30 {
		l.pass(100 * time.Millisecond)
		l.receiveFrom(3, 2, raft.HeartbeatReply{Term: 1})
		l.settle()
	}
	if got := l.core.Status().Role; got == raft.Leader {
		t.Error("it leads with nobody but a stranger")
	}
}

// TestALaterLifeMayLead: a replica that is behind does not know yet that the later life
// is a member; it votes for it and follows it all the same (scenario M4). What an
// earlier life says is too late.
func TestALaterLifeMayLead(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receiveFrom(3, 2, raft.Vote{Term: 4, LastIndex: 1, LastTerm: 3})
	if got := l.core.Status(); got.Vote != 3 || got.Term != 4 {
		t.Fatalf("no vote for the later life: %+v", got)
	}
	next := confchange.Configuration{Voters: []raft.Member{{Node: 1, Incarnation: 1}, {Node: 2, Incarnation: 1}, {Node: 3, Incarnation: 2}}}
	l.receiveFrom(3, 2, raft.Append{Term: 4, Entries: []raft.Entry{{Index: 1, Term: 4, Type: raft.EntryConfig, Data: next.Encode()}}})
	l.settle()
	if got := l.core.Status(); got.Leader != 3 || got.Configuration.Index != 1 {
		t.Fatalf("it does not follow the later life: %+v", got)
	}
	l.receiveFrom(3, 1, raft.Vote{Term: 9, LastIndex: 9, LastTerm: 8, Transfer: true})
	if got := l.core.Status(); got.Term != 4 {
		t.Errorf("late words of an earlier life are heard: %+v", got)
	}
}

// TestOnlyTheLifeThatIsNamedCampaigns: a node with a fresh disk finds itself among the
// voters of an old configuration, and must not take that for its own seat.
func TestOnlyTheLifeThatIsNamedCampaigns(t *testing.T) {
	l := newLab(t, raft.Config{Incarnation: 2}, fresh(1, 2, 3))
	for range 50 {
		l.pass(100 * time.Millisecond)
	}
	l.core.Campaign()
	if sent := l.settle(); len(sent) > 0 || l.core.Status().Role != raft.Follower {
		t.Fatalf("it campaigns: %+v", sent)
	}
	l = newLab(t, raft.Config{Incarnation: 2}, fresh(1))
	l.pass(time.Minute)
	if l.settle(); l.core.Status().Role == raft.Leader {
		t.Fatal("it elects itself in the place of an earlier life")
	}
}
