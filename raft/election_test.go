package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

func TestASoleVoterLeadsAtOnce(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1))
	if at := l.core.NextDeadline(); at != 0 {
		t.Fatalf("a sole voter waits until %v", at)
	}
	l.pass(0)
	l.held = true
	l.drain()
	if s := l.core.Status(); s.Role != raft.Candidate || s.Term != 1 {
		t.Fatalf("its own vote counted before it was durable: %+v", s)
	}
	l.held = false
	l.core.Persisted(1)
	l.settle()
	if s := l.core.Status(); s.Role != raft.Leader || s.Commit != 1 || s.Applied != 1 {
		t.Fatalf("%+v", s)
	}
	l.propose(7, 1)
	l.core.Read(raft.ReadRequest{ID: 9})
	fx := l.drain()
	if len(fx.Accepted) != 1 || len(fx.Reads) != 1 || fx.Reads[0].Index != 1 {
		t.Fatalf("accepted %v, reads %v", fx.Accepted, fx.Reads)
	}
	if fx = l.drain(); len(fx.Results) != 1 || fx.Results[0].Outcome != raft.OutcomeCommitted || fx.Results[0].Index != 2 {
		t.Fatalf("results %v", fx.Results)
	}
}

func TestRefusalAfterRestartEndsWithTheElectionTimeout(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState.Term = 4
	l := newLab(t, raft.Config{}, r)
	ask := func() raft.VoteReply {
		l.receive(2, raft.Vote{Term: 5, LastIndex: 1, LastTerm: 1})
		return sent[raft.VoteReply](l.settle(), 2)[0]
	}
	l.pass(999 * time.Millisecond)
	if got := ask(); got.Granted || got.Reason != raft.RefusedLeader || got.Term != 4 {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.PreVote{Term: 5, LastIndex: 1, LastTerm: 1})
	if got := sent[raft.PreVoteReply](l.settle(), 2)[0]; got.Granted || got.Reason != raft.RefusedLeader {
		t.Fatalf("%+v", got)
	}
	l.receive(3, raft.Vote{Term: 5, LastIndex: 1, LastTerm: 1, Transfer: true})
	if got := sent[raft.VoteReply](l.settle(), 3)[0]; !got.Granted {
		t.Fatalf("a transfer was refused: %+v", got)
	}
	l.pass(time.Millisecond)
	if got := ask(); got.Granted || got.Reason != raft.RefusedVoted || got.Term != 5 {
		t.Fatalf("%+v", got)
	}
}

func TestAFreshReplicaVotesAtOnce(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Vote{Term: 1})
	if got := sent[raft.VoteReply](l.settle(), 2)[0]; !got.Granted {
		t.Fatalf("%+v", got)
	}
}

func TestEveryVoteRequestIsAnswered(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState = raft.HardState{Term: 3, Commit: 2}
	r.LastIndex, r.TermRuns = 2, []raft.TermRun{{First: 1, Term: 2}}
	l := newLab(t, raft.Config{}, r)
	l.pass(time.Second)
	for _, c := range []struct {
		ask    raft.Vote
		reason raft.RefusalReason
	}{
		{raft.Vote{Term: 2, LastIndex: 9, LastTerm: 1}, raft.RefusedTerm},
		{raft.Vote{Term: 4, LastIndex: 9, LastTerm: 1}, raft.RefusedLog},
		{raft.Vote{Term: 4, LastIndex: 1, LastTerm: 2}, raft.RefusedLog},
		{raft.Vote{Term: 4, LastIndex: 2, LastTerm: 2}, raft.RefusedNone},
		{raft.Vote{Term: 4, LastIndex: 2, LastTerm: 2}, raft.RefusedNone},
	} {
		l.receive(2, c.ask)
		got := sent[raft.VoteReply](l.settle(), 2)
		if len(got) != 1 || got[0].Reason != c.reason || got[0].Granted != (c.reason == raft.RefusedNone) {
			t.Errorf("%+v was answered with %+v, want %v", c.ask, got, c.reason)
		}
	}
}

func TestTimeoutNowSkipsThePreVote(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(3, raft.TimeoutNow{Term: 1})
	if s := l.core.Status(); s.Role != raft.Follower || s.Term != 1 {
		t.Fatalf("a stranger made n1 campaign: %+v", s)
	}
	l.receive(2, raft.Heartbeat{Term: 1})
	l.receive(2, raft.TimeoutNow{Term: 1})
	got := sent[raft.Vote](l.settle(), 3)
	if len(got) != 1 || !got[0].Transfer || got[0].Term != 2 {
		t.Fatalf("%+v", got)
	}
}

func TestUnansweredRequestsAreRepeated(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.core.Campaign()
	l.receive(2, raft.PreVoteReply{Term: 0 + 1, Granted: true})
	l.settle()
	l.receive(2, raft.VoteReply{Term: 1, Reason: raft.RefusedVoted})
	l.settle()
	if at := l.core.NextDeadline(); at != l.now+100*time.Millisecond {
		t.Fatalf("next at %v", at)
	}
	l.pass(100 * time.Millisecond)
	again := l.settle()
	if len(sent[raft.Vote](again, 3)) != 1 || len(sent[raft.Vote](again, 2)) != 0 {
		t.Fatalf("%+v", again)
	}
}

func TestLearnersDoNotCampaignAndAnswerVotes(t *testing.T) {
	r := fresh(2, 3)
	r.Snapshot.Configuration.Learners = []raft.Member{{Node: 1, Incarnation: 1}}
	l := newLab(t, raft.Config{}, r)
	l.core.Campaign()
	l.pass(time.Hour)
	if s := l.core.Status(); s.Role != raft.Follower || len(l.settle()) != 0 {
		t.Fatalf("a learner campaigns: %+v", s)
	}
	if at := l.core.NextDeadline(); at < 1000*time.Hour {
		t.Fatalf("a learner wants to be woken at %v", at)
	}
	l.receive(2, raft.Vote{Term: 1})
	if got := sent[raft.VoteReply](l.settle(), 2)[0]; !got.Granted {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 3, 1, 1), Commit: 2})
	if s := l.core.Status(); s.LastIndex != 3 || s.Commit != 2 {
		t.Fatalf("%+v", s)
	}
}

// TestElectionsEndSoon is E11: a leader is gone and the timeouts of the two
// survivors interleave in a thousand ways. Each time a new leader must stand
// within four election timeouts.
func TestElectionsEndSoon(t *testing.T) {
	worst := time.Duration(0)
	for seed := range uint64(1000) {
		took := electAgain(t, seed)
		worst = max(worst, took)
		if took > 4*2*time.Second {
			t.Errorf("seed %d: no leader for %v", seed, took)
		}
	}
	t.Logf("the longest took %v", worst)
}

// electAgain measures an election between n2 and n3 with a delay of 10 ms.
func electAgain(t *testing.T, seed uint64) time.Duration {
	const delay = 10 * time.Millisecond
	b := &bench{}
	for id := raft.NodeID(1); id <= 3; id++ {
		core, err := raft.New(raft.Config{ID: id, Group: 1, Seed: seed*3 + uint64(id)},
			raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		b.cores[id] = core
	}
	b.cores[1].Campaign()
	b.settle(t)
	type flight struct {
		from raft.NodeID
		raft.Envelope
	}
	var queue []flight
	for now := delay; now < time.Minute; now += delay {
		arriving := queue
		queue = nil
		for id := raft.NodeID(2); id <= 3; id++ {
			b.cores[id].Tick(now)
		}
		for _, f := range arriving {
			if f.To != 1 {
				b.deliver(t, f.from, f.Envelope)
			}
		}
		for id := raft.NodeID(2); id <= 3; id++ {
			for b.cores[id].Pending() {
				fx := &b.effects[id]
				b.cores[id].Drain(fx)
				for _, e := range fx.SendNow {
					queue = append(queue, flight{id, e})
				}
				for _, g := range fx.SendAfter {
					queue = append(queue, flight{id, g.Envelope})
				}
				if n := len(fx.Writes); n > 0 {
					b.cores[id].Persisted(fx.Writes[n-1].ID)
				}
			}
			if b.cores[id].Status().Role == raft.Leader {
				return now
			}
		}
	}
	return time.Minute
}
