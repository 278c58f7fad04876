package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// follower returns what the leader knows of id.
func (l *lab) follower(id raft.NodeID) raft.FollowerStatus {
	for _, f := range l.core.Status().Followers {
		if f.ID == id {
			return f
		}
	}
	l.t.Fatalf("%v is not followed", id)
	return raft.FollowerStatus{}
}

func TestOldEntriesAreFetchedFromStorage(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState.Term, r.LastIndex = 1, 10
	r.TermRuns = []raft.TermRun{{First: 1, Term: 1}}
	l := newLab(t, raft.Config{AppendBytesMax: 3 * 33}, r)
	l.lead(2, 3)
	l.receive(2, raft.AppendReply{Term: 2, Rejected: true, PrevIndex: 10, HintIndex: 4, HintTerm: 1})
	probe := sent[raft.Append](l.settle(), 2)
	if len(probe) != 1 || probe[0].PrevIndex != 4 || len(probe[0].Entries) != 0 {
		t.Fatalf("want an empty probe behind 4: %+v", probe)
	}
	l.receive(2, raft.AppendReply{Term: 2, Match: 4})
	fx := l.drain()
	if len(fx.Fetches) != 1 || fx.Fetches[0] != (raft.Fetch{Peer: 2, Lo: 5, Hi: 11}) {
		t.Fatalf("%+v", fx.Fetches)
	}
	l.core.Unreachable(3) // something else happens meanwhile
	l.pass(100 * time.Millisecond)
	if fx = l.drain(); len(fx.Fetches) != 0 {
		t.Fatalf("a second question while one is open: %+v", fx.Fetches)
	}
	l.core.Fetched(2, 5, entries(5, 4, 1, 1))
	got := sent[raft.Append](l.settle(), 2)
	if len(got) != 2 || len(got[0].Entries) != 3 || got[1].PrevIndex != 7 || len(got[1].Entries) != 1 {
		t.Fatalf("four entries in appends of three: %+v", got)
	}
}

func TestAFailedFetchIsRepeatedAfterAHeartbeat(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState.Term, r.LastIndex = 1, 10
	r.TermRuns = []raft.TermRun{{First: 1, Term: 1}}
	l := newLab(t, raft.Config{}, r)
	l.lead(2, 3)
	l.receive(2, raft.AppendReply{Term: 2, Match: 4})
	l.settle()
	l.core.Fetched(2, 5, nil)
	if got := l.settle(); len(sent[raft.Append](got, 2)) != 0 {
		t.Fatalf("%+v", got)
	}
	l.core.Fetched(9, 5, nil) // of a node that is not followed
	l.pass(100 * time.Millisecond)
	if got := sent[raft.Append](l.settle(), 2); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	l.receive(2, raft.AppendReply{Term: 2, Match: 4})
	if fx := l.drain(); len(fx.Fetches) != 1 {
		t.Fatalf("%+v", fx)
	}
	// Entries that are not this log's are not sent.
	l.core.Fetched(2, 5, entries(5, 4, 7, 1))
	fx := l.drain()
	if len(sent[raft.Append](fx.SendNow, 2)) != 0 || len(fx.Fetches) != 1 {
		t.Fatalf("%+v", fx)
	}
}

func TestTheWindowBoundsWhatIsOnItsWay(t *testing.T) {
	l := newLab(t, raft.Config{AppendBytesMax: 1, InflightAppendsMax: 3}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	for id := range 10 {
		l.propose(raft.ProposalID(id+1), 1)
	}
	if got := sent[raft.Append](l.settle(), 2); len(got) != 3 {
		t.Fatalf("%d appends on their way, three are allowed", len(got))
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 3})
	if got := sent[raft.Append](l.settle(), 2); len(got) != 2 || got[0].Entries[0].Index != 5 {
		t.Fatalf("%+v", got)
	}
	if f := l.follower(2); f.State != "replicate" || f.Match != 3 || f.Next != 7 || f.InflightAppends != 3 || f.InflightBytes != 99 {
		t.Fatalf("%+v", f)
	}
}

func TestUnreachableFollowersAreProbedOncePerHeartbeat(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.core.Unreachable(2)
	for id := range 5 {
		l.propose(raft.ProposalID(id+1), 1)
		if got := sent[raft.Append](l.settle(), 2); len(got) != 0 {
			t.Fatalf("busy loop: %+v", got)
		}
		l.core.Unreachable(2)
	}
	for range 2 {
		l.pass(100 * time.Millisecond)
		got := sent[raft.Append](l.settle(), 2)
		if len(got) != 1 || got[0].PrevIndex != 1 {
			t.Fatalf("%+v", got)
		}
		l.core.Unreachable(2)
	}
	l.core.Unreachable(77)
}

func TestSilentNodesAreProbedWithoutEntries(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(3)
	l.propose(1, 1)
	for range 11 {
		l.pass(100 * time.Millisecond)
		l.ack(3)
	}
	l.pass(100 * time.Millisecond)
	if got := sent[raft.Append](l.settle(), 2); len(got) != 1 || len(got[0].Entries) != 0 {
		t.Fatalf("%+v", got)
	}
}

func TestALeaderWithoutAnswersStepsDown(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.pass(999 * time.Millisecond)
	if s := l.core.Status(); s.Role != raft.Leader {
		t.Fatal("too early")
	}
	l.receive(3, raft.HeartbeatReply{Term: 1})
	l.pass(999 * time.Millisecond)
	if s := l.core.Status(); s.Role != raft.Leader {
		t.Fatal("it was answered")
	}
	l.pass(time.Millisecond)
	l.settle()
	if s := l.core.Status(); s.Role != raft.Follower || s.Term != 1 || s.Leader != 0 || s.Followers != nil {
		t.Fatalf("%+v", s)
	}
	l.pass(0)
	if got := l.settle(); len(got) != 0 {
		t.Fatalf("it goes on speaking: %+v", got)
	}
}

func TestRepliesOfOthersAndOldTermsChangeNothing(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.receive(2, raft.AppendReply{Term: 0 + 1, Rejected: true, PrevIndex: 0})
	l.receive(9, raft.AppendReply{Term: 1, Match: 1})
	l.receive(9, raft.HeartbeatReply{Term: 1})
	if s := l.core.Status(); s.Commit != 0 {
		t.Fatalf("a stranger's acknowledgement counts: %+v", s)
	}
	l.ack(2)
	if s := l.core.Status(); s.Commit != 1 {
		t.Fatalf("%+v", s)
	}
	l.receive(3, raft.AppendReply{Term: 4})
	if s := l.core.Status(); s.Role != raft.Follower || s.Term != 4 {
		t.Fatalf("%+v", s)
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 1})
	l.receive(2, raft.VoteReply{Term: 1, Granted: true})
	if s := l.core.Status(); s.Term != 4 || s.Commit != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestTheLeadersOwnDiskCounts(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.held = true
	l.propose(1, 1)
	l.drain()
	write := l.fx.Writes[0].ID
	if len(sent[raft.Append](l.fx.SendNow, 2)) != 1 {
		t.Fatal("the append waits for the leader's disk")
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 2})
	l.drain()
	if s := l.core.Status(); s.Commit != 1 {
		t.Fatalf("one follower and no disk of its own: %+v", s)
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 2})
	fx := l.drain()
	if s := l.core.Status(); s.Commit != 2 || len(fx.Apply) != 0 || len(fx.Results) != 1 {
		t.Fatalf("two followers are a quorum; apply waits for the own disk: %+v %+v", s, fx)
	}
	l.core.Persisted(write)
	if fx = l.drain(); len(fx.Apply) != 1 || fx.Apply[0].Last != 2 {
		t.Fatalf("%+v", fx.Apply)
	}
}

func TestApplyIsBoundedAndReadsBackWhatIsNotCached(t *testing.T) {
	r := fresh(1)
	r.HardState = raft.HardState{Term: 1, Commit: 2000}
	r.LastIndex, r.TermRuns = 2000, []raft.TermRun{{First: 1, Term: 1}}
	l := newLab(t, raft.Config{ApplyBytesMax: 100}, r)
	fx := l.drain()
	if len(fx.Apply) != 1 || fx.Apply[0].First != 1 || fx.Apply[0].Last != 1024 || fx.Apply[0].Entries != nil {
		t.Fatalf("%+v", fx.Apply)
	}
	l.core.Applied(1000)
	if fx = l.drain(); len(fx.Apply) != 0 {
		t.Fatalf("more though the range is not done: %+v", fx.Apply)
	}
	l.core.Applied(1024)
	if fx = l.drain(); len(fx.Apply) != 1 || fx.Apply[0].Last != 2000 {
		t.Fatalf("%+v", fx.Apply)
	}
	l.core.Applied(2000)
	l.pass(0)
	for l.core.Status().Role != raft.Leader {
		l.drain()
	}
	for id := range 20 {
		l.propose(raft.ProposalID(id+1), 8)
	}
	handed := 0
	for l.core.Pending() {
		out := uint64(0)
		for _, a := range l.drain().Apply {
			for _, e := range a.Entries {
				out += e.Size()
			}
			handed += len(a.Entries)
			defer l.core.Applied(a.Last)
		}
		if out > 100 {
			t.Fatalf("%d bytes out for apply, 100 are allowed", out)
		}
	}
	if handed != 2 { // the no-op and one entry of 40 bytes
		t.Fatalf("%d entries handed out", handed)
	}
}

func TestTheCacheIsTrimmed(t *testing.T) {
	l := newLab(t, raft.Config{CacheBytesMax: 1000}, fresh(1))
	l.pass(0)
	l.settle()
	for id := range 2000 {
		l.propose(raft.ProposalID(id+1), 8)
		l.settle()
	}
	if s := l.core.Status(); s.Applied != 2001 || s.CacheBytes > 1000+512*40 || s.CacheBytes == 0 {
		t.Fatalf("%+v", s)
	}
}

func TestMemoryIsBoundedWhenDiskOrMachineLag(t *testing.T) {
	cfg := raft.Config{CacheBytesMax: 10_000, UncommittedBytesMax: 20_000}
	l := newLab(t, cfg, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.held = true // two followers commit, the leader's own disk stands still
	refused := 0
	for id := range 200 {
		l.propose(raft.ProposalID(id+1), 1000)
		l.ack(2, 3)
		l.core.Drain(&l.fx)
		s := l.core.Status()
		if s.CacheBytes > 42_000 {
			t.Fatalf("%d bytes in memory", s.CacheBytes)
		}
		if refused = 200 - int(s.LastIndex); s.Commit != s.LastIndex {
			t.Fatalf("%+v", s)
		}
	}
	if refused < 150 {
		t.Fatalf("only %d proposals were refused", refused)
	}
	f := newLab(t, cfg, fresh(1, 2, 3)) // its machine stands still
	for i := range raft.Index(200) {
		term := raft.Term(1)
		if i == 0 {
			term = 0
		}
		f.receive(2, raft.Append{Term: 1, PrevIndex: i, PrevTerm: term, Entries: entries(i+1, 1, 1, 1000), Commit: i})
		f.drain()
	}
	if s := f.core.Status(); s.CacheBytes > 22_000 || s.Commit != 199 || s.Handed == 0 || s.Applied != 0 {
		t.Fatalf("%+v", s)
	}
}

// TestManySmallEntriesFitIntoAppends: bytes alone do not bound an append, since a
// peer also refuses too many entries.
func TestManySmallEntriesFitIntoAppends(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.receive(3, raft.AppendReply{Term: 1, Match: 1})
	l.settle()
	const many = 3 * raft.AppendEntriesMax
	for i := range many {
		l.core.Propose(raft.Proposal{ID: raft.ProposalID(i + 1), Type: raft.EntryCommand})
		if i%1000 == 0 {
			l.settle()
		}
	}
	l.settle()
	l.receive(2, raft.AppendReply{Term: 1, Match: 1})
	next := raft.Index(2)
	for _, m := range sent[raft.Append](l.settle(), 2) {
		if len(m.Entries) > raft.AppendEntriesMax {
			t.Fatalf("an append of %d entries", len(m.Entries))
		}
		if len(m.Entries) > 0 {
			next = m.Entries[len(m.Entries)-1].Index + 1
		}
	}
	if next != many+2 {
		t.Errorf("everything up to %d should be on its way, it is up to %d", many+1, next-1)
	}
	err := l.core.Receive(2, raft.Append{Term: 2, Entries: make([]raft.Entry, raft.AppendEntriesMax+1)})
	if !errors.Is(err, raft.ErrBadMessage) {
		t.Errorf("an append of too many entries: %v", err)
	}
}
