package raft_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// behind lets the leader probe n3 again, who has nothing.
func (l *lab) behind() {
	l.t.Helper()
	l.pass(100 * time.Millisecond)
	l.receive(2, raft.HeartbeatReply{Term: 1})
}

func (l *lab) nextOf(id raft.NodeID) raft.Index {
	for _, f := range l.core.Status().Followers {
		if f.ID == id {
			return f.Next
		}
	}
	l.t.Fatalf("%v does not follow", id)
	return 0
}

func (l *lab) stateOf(id raft.NodeID) string {
	for _, f := range l.core.Status().Followers {
		if f.ID == id {
			return f.State
		}
	}
	return "none"
}

// offered is a leader whose n3 was offered a snapshot at 4.
func offered(t *testing.T, cfg raft.Config) *lab {
	t.Helper()
	l := leadingAlone(t, cfg, 3, 10)
	l.take()
	l.settle()
	l.behind()
	got := sent[raft.InstallSnapshot](l.settle(), 3)
	if len(got) != 1 || got[0].Snapshot.Index != 4 || l.stateOf(3) != "snapshot" {
		t.Fatalf("%+v, %s", got, l.stateOf(3))
	}
	return l
}

// sending is the same, whose bytes are on their way.
func sending(t *testing.T, cfg raft.Config) *lab {
	t.Helper()
	l := offered(t, cfg)
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 4})
	got := l.commands()
	if len(got) != 1 || got[0].Action != raft.SnapshotSend || got[0].Peer != 3 || got[0].Snapshot.Index != 4 {
		t.Fatalf("%+v", got)
	}
	return l
}

func TestAnOfferIsRepeatedOnceAHeartbeat(t *testing.T) {
	l := offered(t, tight)
	l.propose(9, 10)
	l.propose(10, 10)
	if got := sent[raft.InstallSnapshot](l.settle(), 3); len(got) != 0 {
		t.Fatalf("offered again at once: %+v", got)
	}
	l.pass(100 * time.Millisecond)
	if got := sent[raft.InstallSnapshot](l.settle(), 3); len(got) != 1 {
		t.Fatalf("not offered again: %+v", got)
	}
	l.ack(2)
	l.take()
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 4})
	if got := sent[raft.InstallSnapshot](l.settle(), 3); len(got) != 1 || got[0].Snapshot.Index != 6 {
		t.Fatalf("the newest should be offered, the bytes of the other may be gone: %+v", got)
	}
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 4})
	if got := l.commands(); len(got) != 0 {
		t.Fatalf("an answer to the older offer begins a transfer: %+v", got)
	}
}

func TestATransferThatSucceedsLeadsToAppends(t *testing.T) {
	l := sending(t, tight)
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 4})
	if got := l.commands(); len(got) != 0 {
		t.Fatalf("a repeated answer begins a second transfer: %+v", got)
	}
	l.core.SnapshotDone(3, 3, nil)
	l.core.SnapshotDone(2, 4, nil)
	if l.stateOf(3) != "snapshot" {
		t.Fatal("another transfer's end ended this one")
	}
	l.core.SnapshotDone(3, 4, nil)
	if l.stateOf(3) != "probe" || l.nextOf(3) != 5 {
		t.Fatalf("%s at %d", l.stateOf(3), l.nextOf(3))
	}
	l.pass(100 * time.Millisecond)
	if got := sent[raft.Append](l.settle(), 3); len(got) != 1 || got[0].PrevIndex != 4 {
		t.Fatalf("%+v", got)
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 4})
	if l.stateOf(3) != "replicate" {
		t.Fatal(l.stateOf(3))
	}
}

func TestAnAcknowledgementEndsATransfer(t *testing.T) {
	l := sending(t, tight)
	l.receive(3, raft.AppendReply{Term: 1, Match: 3})
	if l.stateOf(3) != "snapshot" {
		t.Fatal("what it holds does not reach the log, and yet:", l.stateOf(3))
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 4})
	if got := l.commands(); len(got) != 1 || got[0].Action != raft.SnapshotStopSend || l.stateOf(3) != "replicate" {
		t.Fatalf("%+v, %s", got, l.stateOf(3))
	}
	l.core.SnapshotDone(3, 4, nil)
	if l.stateOf(3) != "replicate" {
		t.Fatal("a late end went back to probing")
	}
}

// TestAFollowerThatCaughtUpOtherwiseNeedsNoSnapshot: it holds less than the
// snapshot and more than what is purged.
func TestAFollowerThatCaughtUpOtherwiseNeedsNoSnapshot(t *testing.T) {
	l := leadingAlone(t, raft.Config{RetainedEntriesMax: 2}, 9, 10)
	l.take()
	l.behind()
	l.settle()
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 10})
	l.settle()
	l.receive(3, raft.AppendReply{Term: 1, Match: 8})
	if l.stateOf(3) == "snapshot" || l.nextOf(3) != 9 {
		t.Fatalf("%s at %d", l.stateOf(3), l.nextOf(3))
	}
}

func TestFailuresPauseLongerEachTime(t *testing.T) {
	l := sending(t, tight)
	waits := []int{1, 2, 4, 8}
	for _, want := range waits {
		l.core.SnapshotDone(3, 4, errors.New("broken off"))
		beats := 0
		for len(sent[raft.InstallSnapshot](l.settle(), 3)) == 0 && beats < 100 {
			l.pass(100 * time.Millisecond)
			l.receive(2, raft.HeartbeatReply{Term: 1})
			beats++
		}
		if beats != want {
			t.Fatalf("offered again after %d heartbeats, want %d", beats, want)
		}
		l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 4})
		l.settle()
	}
}

func TestSnapshotsSentAtATimeAreBounded(t *testing.T) {
	r := fresh(1, 2, 3, 4, 5)
	l := newLab(t, raft.Config{RetainedEntriesMax: 1, RetainedBytesMax: 1, SnapshotSendsMax: 1}, r)
	l.lead(2, 3)
	for range 10 {
		l.pass(100 * time.Millisecond)
		l.ack(2, 3)
	}
	l.take()
	l.pass(100 * time.Millisecond)
	l.receive(3, raft.HeartbeatReply{Term: 1})
	l.receive(2, raft.HeartbeatReply{Term: 1})
	offers := l.settle()
	if len(sent[raft.InstallSnapshot](offers, 4)) != 1 || len(sent[raft.InstallSnapshot](offers, 5)) != 1 {
		t.Fatalf("%+v", offers)
	}
	l.receive(4, raft.InstallSnapshotReply{Term: 1, Index: 1})
	l.receive(5, raft.InstallSnapshotReply{Term: 1, Index: 1})
	if got := l.commands(); len(got) != 1 || got[0].Peer != 4 {
		t.Fatalf("%+v", got)
	}
	l.core.SnapshotDone(4, 1, nil)
	l.pass(100 * time.Millisecond)
	if got := sent[raft.InstallSnapshot](l.settle(), 5); len(got) != 1 {
		t.Fatalf("its turn has come: %+v", got)
	}
}

func TestWhoIsRemovedIsSentNothingMore(t *testing.T) {
	l := sending(t, tight)
	l.core.ChangeConfig(raft.ChangeRequest{ID: 7, Changes: []raft.Change{{Kind: raft.Remove, Node: 3}}})
	var got []raft.SnapshotCommand
	for range 3 {
		got = append(got, l.commands()...)
		l.receive(2, raft.AppendReply{Term: 1, Match: l.core.Status().LastIndex})
		l.receive(3, raft.HeartbeatReply{Term: 1})
	}
	if l.core.Status().Configuration.Configuration.Joint() {
		// The joint configuration needs a majority of n1, n2, n3: n2 is enough.
		t.Fatal("the change has not ended")
	}
	if len(got) != 1 || got[0].Action != raft.SnapshotStopSend {
		t.Fatalf("%+v", got)
	}
}

// TestALostTailBehindTheLogEndsInASnapshot: what was on its way was lost, and the
// log has gone on without the follower meanwhile.
func TestALostTailBehindTheLogEndsInASnapshot(t *testing.T) {
	cfg := tight
	cfg.PinnedBytesMax = 1
	l := leadingAlone(t, cfg, 1, 10)
	l.receive(3, raft.AppendReply{Term: 1, Match: 2})
	for i := range 3 {
		l.propose(raft.ProposalID(20+i), 10) // nothing of this reaches n3
		l.settle()
	}
	l.ack(2)
	l.propose(30, 10)
	l.ack(2)
	l.take()
	for range 3 {
		l.pass(100 * time.Millisecond)
		l.receive(3, raft.HeartbeatReply{Term: 1})
		l.settle()
	}
	if l.stateOf(3) != "replicate" {
		t.Fatalf("the window ends at the log's end: its tail can be asked after, %s", l.stateOf(3))
	}
	cfg.InflightAppendsMax = 1
	l = leadingAlone(t, cfg, 1, 10)
	l.receive(3, raft.AppendReply{Term: 1, Match: 2})
	for i := range 3 {
		l.propose(raft.ProposalID(20+i), 10)
		l.settle()
		l.ack(2)
	}
	l.take()
	for range 3 {
		l.pass(100 * time.Millisecond)
		l.receive(3, raft.HeartbeatReply{Term: 1})
		l.settle()
	}
	if l.stateOf(3) != "snapshot" {
		t.Fatalf("it waits for ever: %s", l.stateOf(3))
	}
}

func TestSnapshotActionsHaveNames(t *testing.T) {
	got := raft.SnapshotSend.String() + " " + raft.SnapshotRestore.String() + " " + raft.SnapshotAction(9).String()
	if got != "send restore invalid" {
		t.Error(got)
	}
}

// TestTheLogBehindASnapshotStaysUntilItIsAcknowledged: its bytes are there, but
// nobody knows yet what the follower made of them.
func TestTheLogBehindASnapshotStaysUntilItIsAcknowledged(t *testing.T) {
	l := sending(t, tight)
	l.core.SnapshotDone(3, 4, nil)
	l.propose(9, 10)
	l.propose(10, 10)
	l.settle()
	l.ack(2)
	l.take()
	l.settle()
	if got := l.core.Status().PurgedIndex; got != 4 {
		t.Fatalf("purged up to %d", got)
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 6})
	l.behind()
	l.settle()
	if got := l.core.Status().PurgedIndex; got != 6 {
		t.Fatalf("purged up to %d though nobody needs it", got)
	}
}

// TestWhatAFollowerHasAPartOfIsSent: it asks for the snapshot that an earlier leader offered.
// This one's log leads on from there, and stays; when that cannot be had the newest is sent.
func TestWhatAFollowerHasAPartOfIsSent(t *testing.T) {
	l := leadingAlone(t, raft.Config{RetainedEntriesMax: 2}, 9, 10)
	l.take() // at 10
	l.behind()
	l.settle()
	for _, index := range []raft.Index{7, 11, 0} { // behind the log, not committed, nothing
		l.core.SnapshotProgress(3, index, 1)
		l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: index})
		if got := l.commands(); len(got) != 0 {
			t.Fatalf("asked for %d: %+v", index, got)
		}
	}
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 8})
	if got := l.commands(); len(got) != 0 {
		t.Fatalf("nobody was heard to have a part of it: %+v", got)
	}
	l.core.SnapshotProgress(3, 8, 1)
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 8})
	if got := l.commands(); len(got) != 1 || got[0].Action != raft.SnapshotSend || got[0].Snapshot.Index != 8 || got[0].Snapshot.Term != 1 {
		t.Fatalf("%+v", got)
	}
	l.propose(100, 10)
	l.propose(101, 10)
	l.settle()
	l.ack(2)
	l.take()
	if at := l.core.Status(); at.SnapshotIndex != 12 || at.PurgedIndex != 8 {
		t.Fatalf("the log behind it is gone: %+v", at)
	}
	l.core.SnapshotDone(3, 8, errors.New("nobody has it"))
	for offered := 0; offered == 0; {
		l.pass(100 * time.Millisecond)
		l.receive(2, raft.HeartbeatReply{Term: 1})
		offered = len(sent[raft.InstallSnapshot](l.settle(), 3))
	}
	l.core.SnapshotProgress(3, 8, 1)
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 8})
	if got := l.commands(); len(got) != 0 {
		t.Fatalf("it is sent again: %+v", got)
	}
	l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: 12})
	if got := l.commands(); len(got) != 1 || got[0].Snapshot.Index != 12 {
		t.Fatalf("%+v", got)
	}
}

// TestWhoMayLeadNextKeepsTheLog: a follower that hears of another one's transfer keeps what is
// behind that snapshot, within its budget, for as long as it hears of it.
func TestWhoMayLeadNextKeepsTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		pinned uint64
		then   func(l *lab)
		purged raft.Index
	}{
		"while it goes on":   {1 << 20, func(*lab) {}, 4},
		"not beyond budget":  {1, func(*lab) {}, 8},
		"not when it is had": {1 << 20, func(l *lab) { l.core.SnapshotDone(3, 4, nil) }, 8},
		"not when it stops":  {1 << 20, func(l *lab) { l.pass(time.Minute) }, 8},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, raft.Config{RetainedEntriesMax: 1, RetainedBytesMax: 1, PinnedBytesMax: c.pinned}, fresh(1, 2, 3))
			l.receive(2, raft.Append{Term: 1, Commit: 4, Entries: entries(1, 4, 1, 1)})
			l.settle()
			l.take()
			l.settle()
			l.core.SnapshotProgress(3, 4, 1000)
			l.receive(2, raft.Append{Term: 1, PrevIndex: 4, PrevTerm: 1, Commit: 8, Entries: entries(5, 4, 1, 10)})
			l.settle()
			c.then(l)
			l.take()
			l.settle()
			if at := l.core.Status(); at.SnapshotIndex != 8 || at.PurgedIndex != c.purged {
				t.Errorf("%+v, want the log cut up to %d", at, c.purged)
			}
		})
	}
}

// TestAReceiverThatBeginsAnewIsOfferedTheSame, though there is a newer one, while somebody may
// still have it and the log leads on from there.
func TestAReceiverThatBeginsAnewIsOfferedTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(l *lab)
		offers raft.Index
		soon   bool
	}{
		"another process runs":   {func(l *lab) { l.core.PeerRuns(3, 2) }, 4, true},
		"the transfer stands":    {func(l *lab) { l.core.PeerRuns(3, 1) }, 4, false},
		"nobody has it":          {func(l *lab) { l.core.SnapshotDone(3, 4, errors.New("gone")) }, 6, true},
		"it has part of nothing": {func(l *lab) { l.core.SnapshotProgress(3, 3, 1); l.core.PeerRuns(3, 2) }, 6, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := sending(t, tight)
			l.core.PeerRuns(3, 1)
			l.core.SnapshotProgress(3, 4, 1000)
			l.propose(9, 10)
			l.propose(10, 10)
			l.settle()
			l.ack(2)
			l.take()
			l.settle()
			c.then(l)
			offer, beats := l.nextOffer()
			if offer.Index != c.offers || (beats <= 2) != c.soon {
				t.Fatalf("%+v is offered after %d heartbeats", offer, beats)
			}
			l.receive(3, raft.InstallSnapshotReply{Term: 1, Index: offer.Index})
			got := l.commands()
			if len(got) == 0 || got[len(got)-1].Action != raft.SnapshotSend || !reflect.DeepEqual(got[len(got)-1].Snapshot, offer) {
				t.Fatalf("%+v was offered, asked for is %+v", offer, got)
			}
			for total := 0; offer.Index != 6; total += beats { // it is not heard of any more
				if offer, beats = l.nextOffer(); total > 1000 {
					t.Fatalf("after %d heartbeats %+v is offered", total, offer)
				}
			}
		})
	}
}

// nextOffer is the next snapshot that n3 is offered, and after how many heartbeats.
func (l *lab) nextOffer() (m raft.SnapshotMeta, beats int) {
	l.t.Helper()
	for beats = 1; beats < 2000; beats++ {
		l.pass(100 * time.Millisecond)
		l.receive(2, raft.HeartbeatReply{Term: 1})
		if got := sent[raft.InstallSnapshot](l.settle(), 3); len(got) > 0 {
			return got[0].Snapshot, beats
		}
	}
	l.t.Fatal("nothing is offered")
	return m, beats
}
