package raft_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/raft"
)

const lastTerm = raft.Term(1) << 62 // that a message may have

// ofTerm are messages that a follower takes a higher term from.
func ofTerm(term raft.Term) []raft.Message {
	return []raft.Message{
		raft.Heartbeat{Term: term}, raft.Append{Term: term}, raft.Vote{Term: term, Transfer: true}, raft.TimeoutNow{Term: term},
		raft.AppendReply{Term: term, Rejected: true}, raft.HeartbeatReply{Term: term}, raft.PreVoteReply{Term: term}, raft.ReadIndex{Term: term},
	}
}

// TestTermsThatJumpAreTold: a message of any kind that raises the term by more than
// TermJumpMax is told, one that raises it by less is not, and one beyond the last
// term is refused and changes nothing.
func TestTermsThatJumpAreTold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := fresh(1, 2, 3)
		r.HardState.Term = raft.Term(rapid.Uint64Range(0, uint64(lastTerm)).Draw(rt, "before"))
		term := raft.Term(rapid.OneOf(
			rapid.Map(rapid.Uint64Range(0, 2*uint64(raft.TermJumpMax)), func(d uint64) uint64 { return uint64(r.HardState.Term) + d }),
			rapid.Uint64(),
		).Draw(rt, "term"))
		m := rapid.SampledFrom(ofTerm(term)).Draw(rt, "message")
		l := newLab(t, raft.Config{}, r)
		before := l.core.Status()
		err := l.core.Receive(2, m)
		if term == 0 || term > lastTerm {
			if after := l.core.Status(); !errors.Is(err, raft.ErrBadMessage) || after.Term != before.Term {
				rt.Fatalf("%T of term %d in term %d: %v, term %d", m, term, before.Term, err, after.Term)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		jumps := termJumps(l.drain())
		if want := (raft.TermJumped{Peer: 2, Before: before.Term, After: term}); term > before.Term && term-before.Term > raft.TermJumpMax {
			if !slices.Equal(jumps, []raft.TermJumped{want}) {
				rt.Fatalf("%T: %+v, want %+v", m, jumps, want)
			}
		} else if len(jumps) != 0 {
			rt.Fatalf("%T of term %d: %+v", m, term, jumps)
		}
	})
}

func termJumps(fx *raft.Effects) []raft.TermJumped {
	var jumps []raft.TermJumped
	for _, e := range fx.Events {
		if j, ok := e.(raft.TermJumped); ok {
			jumps = append(jumps, j)
		}
	}
	return jumps
}

// TestNobodyCampaignsBeyondTheLastTerm: what such a campaign wrote could not be read
// by the next start.
func TestNobodyCampaignsBeyondTheLastTerm(t *testing.T) {
	for _, at := range []raft.Term{lastTerm - 1, lastTerm} {
		r := fresh(1)
		r.HardState.Term = at
		l := newLab(t, raft.Config{}, r)
		l.core.Campaign()
		for range 10 {
			l.pass(5 * time.Second)
			l.settle()
		}
		if s := l.core.Status(); s.Term != lastTerm || (s.Role == raft.Leader) != (at < lastTerm) {
			t.Errorf("from term %d: %v in term %d", at, s.Role, s.Term)
		}
	}
	r := fresh(1, 2, 3)
	r.HardState.Term = math.MaxUint64
	if _, err := raft.New(raft.Config{ID: 1, Group: 1, Seed: 1}, r, 0); err == nil {
		t.Error("a term that no correct node writes was restored")
	}
}
