package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// leased is a lab that leads term 1 with leases on, at 1 s on its clock.
func leased(t *testing.T, cfg raft.Config) *lab {
	cfg.LeaseReads = true
	l := newLab(t, cfg, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	return l
}

// round lets a heartbeat pass and returns the round that went out.
func (l *lab) round() uint64 {
	l.t.Helper()
	l.pass(100 * time.Millisecond)
	beats := sent[raft.Heartbeat](l.settle(), 2)
	if len(beats) != 1 {
		l.t.Fatalf("%d heartbeats", len(beats))
	}
	return beats[0].Round
}

// leaseRead reads by lease and reports whether it was answered without a round.
func (l *lab) leaseRead(id raft.ReadID) bool {
	l.core.Read(raft.ReadRequest{ID: id, Mode: raft.ReadLease})
	got := l.drain().Reads
	return len(got) == 1 && got[0].Err == nil
}

func TestALeaseRunsFromTheSendTimeOfAPromisedRound(t *testing.T) {
	l := leased(t, raft.Config{ClockDriftPerMilleMax: 100})
	first := l.round() // sent at 100 ms
	second := l.round()
	l.pass(50 * time.Millisecond) // 250 ms
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: second})
	if l.leaseRead(1) {
		t.Fatal("a lease without a promise")
	}
	l.receive(3, raft.HeartbeatReply{Term: 1, Round: first, Promise: true})
	if got := l.core.Status().LeaseUntil; got != 1000*time.Millisecond {
		t.Fatalf("the lease ends at %v", got)
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 1, Round: second, Promise: true})
	if got := l.core.Status().LeaseUntil; got != 1100*time.Millisecond {
		t.Fatalf("the lease ends at %v", got)
	}
	// Late and repeated answers take nothing back.
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: first, Promise: true})
	if got := l.core.Status().LeaseUntil; got != 1100*time.Millisecond || !l.leaseRead(2) {
		t.Fatalf("the lease ends at %v", got)
	}
}

func TestReadsByLeaseFallBackToARound(t *testing.T) {
	l := leased(t, raft.Config{})
	round := l.round()
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: round, Promise: true})
	if !l.leaseRead(1) {
		t.Fatal("no lease")
	}
	l.pass(900 * time.Millisecond) // the lease ended at 1,050 ms
	l.receive(3, raft.HeartbeatReply{Term: 1, Round: round})
	l.pass(60 * time.Millisecond)
	l.settle()
	if l.leaseRead(2) {
		t.Fatal("answered after the lease")
	}
	l.receive(3, raft.HeartbeatReply{Term: 1, Round: round + 2})
	if got := l.reads(); len(got) != 1 || got[0] != (raft.ReadReady{ID: 2, Index: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestAGrainOfSendTimesIsOnTheSafeSide(t *testing.T) {
	l := leased(t, raft.Config{ClockDriftPerMilleMax: 100})
	round := l.round() // 100 ms
	for id := raft.ReadID(1); id <= 200; id++ {
		l.pass(time.Millisecond / 10)
		l.core.Read(raft.ReadRequest{ID: id})
		l.settle()
		round++
		l.receive(2, raft.HeartbeatReply{Term: 1, Round: round, Promise: true})
	}
	// The last round went out at 120 ms, 31 ms are not told apart.
	until := l.core.Status().LeaseUntil
	if until > 1020*time.Millisecond || until < 980*time.Millisecond {
		t.Fatalf("the lease ends at %v", until)
	}
}

func TestASilentQuorumGivesNoLeaseFromForgottenRounds(t *testing.T) {
	l := leased(t, raft.Config{HeartbeatInterval: 10 * time.Millisecond, ElectionTimeoutMin: time.Second})
	l.pass(40 * time.Millisecond)
	first := sent[raft.Heartbeat](l.settle(), 2)[0].Round
	for range 300 {
		l.pass(10 * time.Millisecond)
		l.receive(2, raft.HeartbeatReply{Term: 1})
		l.receive(3, raft.HeartbeatReply{Term: 1})
		l.settle()
	}
	l.receive(2, raft.HeartbeatReply{Term: 1, Round: first, Promise: true})
	if got := l.core.Status().LeaseUntil; got != 0 {
		t.Fatalf("a lease until %v", got)
	}
}

func TestOnlyLeaseReadsPromise(t *testing.T) {
	for _, on := range []bool{false, true} {
		l := newLab(t, raft.Config{LeaseReads: on}, fresh(1, 2, 3))
		l.receive(2, raft.Heartbeat{Term: 1, Round: 1})
		l.receive(2, raft.Append{Term: 1, PrevIndex: 9, PrevTerm: 1, Round: 1})
		l.receive(2, raft.Append{Term: 1, Round: 1})
		all := l.settle()
		beats, acks := sent[raft.HeartbeatReply](all, 2), sent[raft.AppendReply](all, 2)
		if len(beats) != 1 || len(acks) != 2 || beats[0].Promise != on || acks[0].Promise != on || acks[1].Promise != on {
			t.Errorf("leases %v: %+v", on, all)
		}
		// A newer term makes it forget the leader, not the promise.
		l.receive(3, raft.HeartbeatReply{Term: 4})
		l.pass(999 * time.Millisecond)
		l.receive(3, raft.Vote{Term: 5})
		if got := sent[raft.VoteReply](l.settle(), 3)[0]; got.Granted == on {
			t.Errorf("leases %v: %+v", on, got)
		}
		l.pass(time.Millisecond)
		l.receive(3, raft.Vote{Term: 5})
		if got := sent[raft.VoteReply](l.settle(), 3)[0]; !got.Granted {
			t.Errorf("leases %v: %+v", on, got)
		}
	}
}

func TestAPromiseHoldsUpTheOwnCampaignToo(t *testing.T) {
	l := newLab(t, raft.Config{LeaseReads: true}, fresh(1, 2, 3))
	l.receive(2, raft.Heartbeat{Term: 1, Round: 1})
	l.settle()
	l.pass(500 * time.Millisecond)
	l.core.Campaign()
	if s := l.core.Status(); s.Role != raft.Follower || l.core.NextDeadline() != time.Second {
		t.Fatalf("%v, next at %v", s.Role, l.core.NextDeadline())
	}
	l.pass(500 * time.Millisecond)
	if s := l.core.Status(); s.Role != raft.PreCandidate {
		t.Fatalf("%v", s.Role)
	}
	// The leader's own wish is another matter.
	l.receive(2, raft.Heartbeat{Term: 1, Round: 2})
	l.receive(2, raft.TimeoutNow{Term: 1})
	if s := l.core.Status(); s.Role != raft.Candidate {
		t.Fatalf("%v", s.Role)
	}
}

// TestASoleVoterMayHavePromised: n1 alone makes up a configuration that may not
// be committed; until it is, the leader that appended it may hold a lease.
func TestASoleVoterMayHavePromised(t *testing.T) {
	for _, committed := range []bool{false, true} {
		r := fresh(1, 2)
		r.HardState = raft.HardState{Term: 1}
		r.LastIndex, r.TermRuns = 1, []raft.TermRun{{First: 1, Term: 1}}
		r.Configs = []raft.ConfigAt{{Index: 1, Configuration: fresh(1).Snapshot.Configuration}}
		if committed {
			r.HardState.Commit = 1
		}
		l := newLab(t, raft.Config{LeaseReads: true}, r)
		if at := l.core.NextDeadline(); (at == 0) != committed || at > 2*time.Second {
			t.Errorf("committed %v: it campaigns at %v", committed, at)
		}
	}
}

func TestASoleVoterHasALeaseOfItsOwn(t *testing.T) {
	l := newLab(t, raft.Config{LeaseReads: true}, fresh(1))
	l.pass(0)
	l.settle()
	l.pass(100 * time.Millisecond)
	l.settle()
	if !l.leaseRead(1) {
		t.Fatal("no lease")
	}
}

func TestLocalAndImpossibleReads(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 4, 1, 1), Commit: 3})
	l.settle()
	l.core.Read(raft.ReadRequest{ID: 1, Mode: raft.ReadLocal})
	l.core.Read(raft.ReadRequest{ID: 2, Mode: 9})
	l.core.Read(raft.ReadRequest{ID: 3, Mode: raft.ReadBounded})
	got := l.reads()
	if len(got) != 3 || got[0] != (raft.ReadReady{ID: 1, Index: 3}) ||
		!errors.Is(got[1].Err, raft.ErrBadRead) || !errors.Is(got[2].Err, raft.ErrBadRead) {
		t.Fatalf("%+v", got)
	}
}
