package raft_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// following is a lab that follows n2 in term 3 with entries 1 to 5 of terms 1 1 2
// 3 3, of which two are committed.
func following(t *testing.T) *lab {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	log := append(append(entries(1, 2, 1, 1), entries(3, 1, 2, 1)...), entries(4, 2, 3, 1)...)
	l.receive(2, raft.Append{Term: 3, Entries: log, Commit: 2})
	l.settle()
	return l
}

func TestWhatNoCorrectPeerSendsIsRefusedWhole(t *testing.T) {
	gap, fall, future, unknown := entries(6, 2, 3, 1), entries(6, 2, 3, 1), entries(6, 1, 4, 1), entries(6, 1, 3, 1)
	gap[1].Index = 8
	fall[1].Term = 2
	unknown[0].Type = 9
	noConfig := entries(6, 1, 3, 1)
	noConfig[0].Type = raft.EntryConfig
	for name, c := range map[string]struct {
		from raft.NodeID
		m    raft.Message
	}{
		"nothing":               {2, nil},
		"from nobody":           {0, raft.Heartbeat{Term: 3}},
		"from itself":           {1, raft.Heartbeat{Term: 3}},
		"term 0":                {2, raft.Heartbeat{}},
		"a huge term":           {2, raft.Heartbeat{Term: 1 << 63}},
		"unknown kind":          {2, strange{}},
		"a second leader":       {3, raft.Heartbeat{Term: 3}},
		"a second leader hands": {3, raft.TimeoutNow{Term: 3}},
		"huge index":            {2, raft.Append{Term: 3, PrevIndex: 1 << 63, PrevTerm: 3}},
		"huge commit":           {2, raft.Append{Term: 3, Commit: 1 << 63}},
		"entry without term":    {2, raft.Append{Term: 3, PrevIndex: 5}},
		"entry of the future":   {2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 4}},
		"gap":                   {2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: gap}},
		"falling terms":         {2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: fall}},
		"future terms":          {2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: future}},
		"unknown type":          {2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: unknown}},
		"no configuration":      {2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: noConfig}},
		"against the commit":    {3, raft.Append{Term: 9, PrevIndex: 1, PrevTerm: 1, Entries: entries(2, 1, 4, 1)}},
		"against itself":        {2, raft.Append{Term: 3, PrevIndex: 3, PrevTerm: 2, Entries: entries(4, 1, 2, 1)}},
		"candidate's log":       {3, raft.Vote{Term: 4, LastIndex: 3, LastTerm: 4}},
		"candidate's index":     {3, raft.PreVote{Term: 4, LastIndex: 1 << 63, LastTerm: 1}},
		"candidate without log": {3, raft.PreVote{Term: 4, LastTerm: 1}},
		"vote to come":          {3, raft.VoteReply{Term: 4, Granted: true}},
		"reply out of range":    {3, raft.AppendReply{Term: 3, Match: 1 << 63}},
		"read out of range":     {2, raft.ReadIndexReply{Term: 3, Index: 1 << 63}},
	} {
		l := following(t)
		before := l.core.Status()
		err := l.core.Receive(c.from, c.m)
		if !errors.Is(err, raft.ErrBadMessage) {
			t.Errorf("%s: %v", name, err)
		}
		if after := l.core.Status(); !reflect.DeepEqual(before, after) || l.core.Pending() {
			t.Errorf("%s changed something: %+v", name, after)
		}
	}
}

type strange struct{}

func (strange) MessageTerm() raft.Term { return 3 }

func TestALeaderRefusesAnswersToWhatItNeverSent(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	for _, m := range []raft.Message{
		raft.AppendReply{Term: 1, Match: 2},
		raft.AppendReply{Term: 1, Round: 1},
		raft.HeartbeatReply{Term: 1, Round: 1},
		raft.Append{Term: 1},
	} {
		if err := l.core.Receive(2, m); !errors.Is(err, raft.ErrBadMessage) {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

func TestAStaleLeaderLearnsTheTerm(t *testing.T) {
	l := following(t)
	l.receive(3, raft.Append{Term: 2, PrevIndex: 1, PrevTerm: 1})
	l.receive(3, raft.Heartbeat{Term: 2})
	l.receive(3, raft.ReadIndex{Term: 2, ID: 7})
	got := l.settle()
	a, h, r := sent[raft.AppendReply](got, 3), sent[raft.HeartbeatReply](got, 3), sent[raft.ReadIndexReply](got, 3)
	if len(a) != 1 || !a[0].Rejected || a[0].Term != 3 || len(h) != 1 || h[0].Term != 3 || len(r) != 1 || !r[0].Refused {
		t.Fatalf("%+v", got)
	}
}

func TestOneAcknowledgementForManyAppends(t *testing.T) {
	l := following(t)
	l.receive(2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: entries(6, 2, 3, 1), Round: 1})
	l.receive(2, raft.Append{Term: 3, PrevIndex: 7, PrevTerm: 3, Entries: entries(8, 2, 3, 1), Round: 2})
	l.receive(2, raft.Append{Term: 3, PrevIndex: 2, PrevTerm: 1, Round: 1})
	l.held = true
	fx := l.drain()
	if len(fx.SendNow) != 0 || len(fx.SendAfter) != 1 || fx.SendAfter[0].After != fx.Writes[0].ID {
		t.Fatalf("now %+v, after %+v", fx.SendNow, fx.SendAfter)
	}
	want := raft.AppendReply{Term: 3, Match: 9, Round: 2}
	if got := fx.SendAfter[0].Message; got != want {
		t.Fatalf("%+v", got)
	}
}

func TestAnAcknowledgementWaitsForTheWriteThatHoldsIt(t *testing.T) {
	l := following(t)
	l.held = true
	l.receive(2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: entries(6, 1, 3, 1)})
	first := l.drain().Writes[0].ID
	l.receive(2, raft.Append{Term: 3, PrevIndex: 6, PrevTerm: 3, Entries: entries(7, 1, 3, 1)})
	second := l.drain().Writes[0].ID
	// Asked about 6 again while both writes are on their way.
	l.receive(2, raft.Append{Term: 3, PrevIndex: 6, PrevTerm: 3})
	if fx := l.drain(); len(fx.SendAfter) != 1 || fx.SendAfter[0].After != first {
		t.Fatalf("want %d: %+v", first, fx.SendAfter)
	}
	// A new leader cuts 7 and replaces it: now 7 is in a third write, and what the
	// second one made durable does not count.
	l.receive(3, raft.Append{Term: 4, PrevIndex: 6, PrevTerm: 3, Entries: entries(7, 1, 4, 1)})
	fx := l.drain()
	if len(fx.Writes) != 1 || !fx.Writes[0].Truncate || fx.Writes[0].TruncateAfter != 6 || fx.SendAfter[0].After != fx.Writes[0].ID {
		t.Fatalf("%+v", fx)
	}
	third := fx.Writes[0].ID
	l.core.Persisted(second)
	if s := l.core.Status(); s.Persisted != 6 {
		t.Fatalf("%+v", s)
	}
	l.core.Persisted(third)
	if s := l.core.Status(); s.Persisted != 7 || s.LastTerm != 4 {
		t.Fatalf("%+v", s)
	}
}

func TestEntriesThatWereNeverWrittenNeedNoTruncation(t *testing.T) {
	l := following(t)
	l.receive(2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: entries(6, 3, 3, 1)})
	l.receive(3, raft.Append{Term: 4, PrevIndex: 5, PrevTerm: 3, Entries: entries(6, 1, 4, 1)})
	fx := l.drain()
	if len(fx.Writes) != 1 || fx.Writes[0].Truncate || len(fx.Writes[0].Entries) != 1 {
		t.Fatalf("%+v", fx.Writes)
	}
	if got := sent[raft.AppendReply](fx.SendNow, 2); len(got) != 0 {
		t.Fatalf("entries that are gone are acknowledged: %+v", got)
	}
}

func TestAConfigurationCountsFromItsAppendToItsTruncation(t *testing.T) {
	l := following(t)
	e := entries(6, 1, 3, 1)
	e[0].Type, e[0].Data = raft.EntryConfig, confchange.New(2, 3).Encode()
	l.receive(2, raft.Append{Term: 3, PrevIndex: 5, PrevTerm: 3, Entries: e})
	fx := l.drain()
	if fx.Configuration == nil || fx.Configuration.Index != 6 || fx.Configuration.Configuration.IsVoter(1) {
		t.Fatalf("%+v", fx.Configuration)
	}
	l.core.Campaign()
	if s := l.core.Status(); s.Role != raft.PreCandidate {
		t.Fatal("its removal is not committed: it may be the only one that can win")
	}
	l.receive(3, raft.Append{Term: 4, PrevIndex: 5, PrevTerm: 3, Entries: entries(6, 1, 4, 1)})
	fx = l.drain()
	if fx.Configuration == nil || fx.Configuration.Index != 0 || !fx.Configuration.Configuration.IsVoter(1) {
		t.Fatalf("%+v", fx.Configuration)
	}
	if _, ok := fx.Events[len(fx.Events)-1].(raft.LogTruncated); !ok {
		t.Fatalf("%+v", fx.Events)
	}
}

func TestAnAppendBelowTheSnapshotIsAcceptedUpToIt(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState = raft.HardState{Term: 2, Commit: 10}
	r.Snapshot.Index, r.Snapshot.Term, r.LastIndex = 10, 2, 10
	r.PurgedIndex, r.PurgedTerm = 10, 2
	l := newLab(t, raft.Config{}, r)
	l.receive(2, raft.Append{Term: 3, PrevIndex: 4, PrevTerm: 1, Entries: entries(5, 3, 2, 1)})
	if got := sent[raft.AppendReply](l.settle(), 2); len(got) != 1 || got[0].Match != 10 || got[0].Rejected {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.Append{Term: 3, PrevIndex: 7, PrevTerm: 1, Entries: entries(8, 5, 2, 1)})
	if s := l.core.Status(); s.LastIndex != 12 || s.LastTerm != 2 {
		t.Fatalf("%+v", s)
	}
	if err := l.core.Receive(2, raft.Append{Term: 3, PrevIndex: 9, PrevTerm: 1, Entries: entries(10, 1, 1, 1)}); !errors.Is(err, raft.ErrBadMessage) {
		t.Fatalf("it contradicts the snapshot: %v", err)
	}
}
