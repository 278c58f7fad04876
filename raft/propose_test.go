package raft_test

import (
	"errors"
	"testing"

	"github.com/wraft/wraft/raft"
)

func TestProposalsAreAnsweredInOrder(t *testing.T) {
	l := leading(t, raft.Config{})
	for id := range raft.ProposalID(100) {
		l.propose(id+1, 3)
	}
	fx := l.drain()
	if len(fx.Accepted) != 100 || fx.Accepted[99] != (raft.ProposalAccepted{ID: 100, Index: 101, Term: 1}) {
		t.Fatalf("%+v", fx.Accepted)
	}
	if a := sent[raft.Append](fx.SendNow, 2); len(a) != 1 || len(a[0].Entries) != 100 || len(fx.Writes) != 1 {
		t.Fatalf("one batch: %d appends, %d writes", len(a), len(fx.Writes))
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 51})
	fx = l.drain()
	if len(fx.Results) != 50 || fx.Results[49] != (raft.ProposalResult{ID: 50, Outcome: raft.OutcomeCommitted, Index: 51, Term: 1}) {
		t.Fatalf("%+v", fx.Results)
	}
	if s := l.core.Status(); s.PendingProposals != 50 || s.UncommittedBytes != 50*35 {
		t.Fatalf("%+v", s)
	}
	l.receive(2, raft.Heartbeat{Term: 2})
	fx = l.drain()
	if len(fx.Results) != 50 || fx.Results[0] != (raft.ProposalResult{ID: 51, Outcome: raft.OutcomeUnknown, Index: 52, Term: 1, Err: raft.ErrLeadershipLost}) {
		t.Fatalf("%+v", fx.Results)
	}
	if s := l.core.Status(); s.PendingProposals != 0 || s.UncommittedBytes != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestProposalsAreRefusedWithAReason(t *testing.T) {
	cfg := raft.Config{EntryBytesMax: 100, UncommittedBytesMax: 200, PendingProposalsMax: 3}
	result := func(l *lab) error {
		fx := l.drain()
		if len(fx.Results) != 1 || fx.Results[0].Outcome != raft.OutcomeDropped || fx.Results[0].Index != 0 {
			t.Fatalf("%+v", fx.Results)
		}
		return fx.Results[0].Err
	}
	l := leading(t, cfg)
	l.propose(1, 101)
	if err := result(l); !errors.Is(err, raft.ErrProposalTooLarge) {
		t.Error(err)
	}
	for _, kind := range []raft.EntryType{raft.EntryNoop, raft.EntryConfig, 0} {
		l.core.Propose(raft.Proposal{ID: 1, Type: kind})
		if err := result(l); !errors.Is(err, raft.ErrBadProposal) {
			t.Error(err)
		}
	}
	l.propose(1, 100)
	l.drain()
	l.propose(2, 100)
	if err := result(l); !errors.Is(err, raft.ErrBackpressure) {
		t.Error(err)
	}
	l.propose(2, 1)
	l.propose(3, 1)
	l.drain()
	l.propose(4, 0)
	if err := result(l); !errors.Is(err, raft.ErrBackpressure) {
		t.Error(err)
	}
	l.receive(2, raft.Heartbeat{Term: 2})
	l.drain()
	l.propose(5, 1)
	var notLeader *raft.NotLeaderError
	if err := result(l); !errors.As(err, &notLeader) || notLeader.Leader != 2 {
		t.Error(err)
	}
}
