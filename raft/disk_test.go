package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// event returns the newest event of a type since the last drain, and whether there is one.
func event[E raft.Event](fx *raft.Effects) (found E, ok bool) {
	for _, ev := range fx.Events {
		if e, is := ev.(E); is {
			found, ok = e, true
		}
	}
	return found, ok
}

// stalledLeader returns a leader of three with a write on its way for longer than the
// deadline, whose followers answered meanwhile with what is given.
func stalledLeader(t *testing.T, answers map[raft.NodeID]raft.Message) *lab {
	l := newLab(t, raft.Config{DiskStallTimeout: 2 * time.Second}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.held = true
	l.propose(1, 10)
	l.drain()
	for range 19 {
		l.pass(100 * time.Millisecond)
		for id := raft.NodeID(2); id <= 3; id++ {
			if m := answers[id]; m != nil {
				l.receive(id, m)
			}
		}
		l.settle()
	}
	if s := l.core.Status(); s.Role != raft.Leader || s.DiskSlow {
		t.Fatalf("before the deadline: %+v", s)
	}
	if at := l.core.NextDeadline(); at > l.now+100*time.Millisecond {
		t.Fatalf("nothing is due before %v", at)
	}
	l.pass(100 * time.Millisecond)
	return l
}

func TestAStalledLeaderPrefersAHealthyDisk(t *testing.T) {
	l := stalledLeader(t, map[raft.NodeID]raft.Message{
		2: raft.HeartbeatReply{Term: 1, DiskSlow: true},
		3: raft.HeartbeatReply{Term: 1},
	})
	fx := l.drain()
	slow, _ := event[raft.DiskSlow](fx)
	if begun, ok := event[raft.TransferBegan](fx); !ok || begun.To != 3 || slow != (raft.DiskSlow{Since: 0, Writes: 1}) {
		t.Fatalf("%+v", fx.Events)
	}
	if err := l.core.TransferTo(2); !errors.Is(err, raft.ErrTransferring) {
		t.Fatal(err)
	}
	// It does not work out: the leader steps down instead of taking proposals again.
	for range 10 {
		l.receive(3, raft.HeartbeatReply{Term: 1})
		l.pass(100 * time.Millisecond)
		l.settle()
	}
	l.pass(time.Millisecond)
	if s := l.core.Status(); s.Role != raft.Follower || !s.DiskSlow {
		t.Fatalf("%+v", s)
	}
	if got := l.core.NextDeadline(); got < l.now+time.Hour {
		t.Fatalf("it waits to campaign at %v", got)
	}
	l.core.Campaign()
	l.receive(3, raft.Heartbeat{Term: 2})
	l.settle()
	l.receive(3, raft.TimeoutNow{Term: 2})
	if s := l.core.Status(); s.Role != raft.Follower || s.Term != 2 {
		t.Fatalf("it campaigns: %+v", s)
	}
	l.core.Persisted(l.newest)
	fx = l.drain()
	if back, ok := event[raft.DiskRecovered](fx); !ok || back.Since != 0 || l.core.Status().DiskSlow {
		t.Fatalf("%+v", fx.Events)
	}
	// It lets others have the campaign for a while: it could soon stall again.
	if got := l.core.NextDeadline(); got < l.now+5*time.Second || got > l.now+6*time.Second {
		t.Fatalf("the election timeout is at %v, now is %v", got, l.now)
	}
}

func TestAStalledLeaderWithoutAnHeirStepsDown(t *testing.T) {
	for name, answers := range map[string]map[raft.NodeID]raft.Message{
		"both disks stalled": {2: raft.HeartbeatReply{Term: 1, DiskSlow: true}, 3: raft.AppendReply{Term: 1, Match: 1, DiskSlow: true}},
		"one stalled":        {2: raft.AppendReply{Term: 1, Rejected: true, DiskSlow: true}},
	} {
		l := stalledLeader(t, answers)
		if s := l.core.Status(); s.Role != raft.Follower || s.Followers != nil {
			t.Errorf("%s: %+v", name, s)
		}
		if role, ok := event[raft.RoleChanged](l.drain()); !ok || role.Cause != "disk stalled" {
			t.Errorf("%s: %+v", name, l.fx.Events)
		}
	}
}

func TestAFollowersDiskIsAnEventAndInStatus(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.receive(2, raft.HeartbeatReply{Term: 1, DiskSlow: true})
	if ev, ok := event[raft.FollowerDisk](l.drain()); !ok || ev != (raft.FollowerDisk{Peer: 2, Slow: true}) || !l.core.Status().Followers[0].DiskSlow {
		t.Fatalf("%+v", l.fx.Events)
	}
	if err := l.core.TransferTo(2); !errors.Is(err, raft.ErrBadTransfer) {
		t.Fatal(err)
	}
	l.receive(2, raft.HeartbeatReply{Term: 1, DiskSlow: true})
	if _, again := event[raft.FollowerDisk](l.drain()); again {
		t.Fatal("said twice")
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 1})
	if ev, ok := event[raft.FollowerDisk](l.drain()); !ok || ev.Slow || l.core.Status().Followers[0].DiskSlow {
		t.Fatalf("%+v", l.fx.Events)
	}
}

// stalledFollower returns a follower of n2 with a write that does not become durable.
func stalledFollower(t *testing.T) *lab {
	l := newLab(t, raft.Config{DiskStallTimeout: 2 * time.Second}, fresh(1, 2, 3))
	l.receive(2, raft.Heartbeat{Term: 1})
	l.settle()
	l.held = true
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 1, 1, 10)})
	l.drain()
	l.pass(2 * time.Second)
	return l
}

func TestAFollowerSaysThatItsDiskStalled(t *testing.T) {
	l := stalledFollower(t)
	l.receive(2, raft.Heartbeat{Term: 1})
	l.receive(2, raft.Append{Term: 1, PrevIndex: 9, PrevTerm: 1})
	fx := l.drain()
	if beats := sent[raft.HeartbeatReply](fx.SendNow, 2); len(beats) != 1 || !beats[0].DiskSlow {
		t.Fatalf("%+v", fx.SendNow)
	}
	if replies := sent[raft.AppendReply](fx.SendNow, 2); len(replies) != 1 || !replies[0].Rejected || !replies[0].DiskSlow {
		t.Fatalf("%+v", fx.SendNow)
	}
	// What needs no write says so, too; what waits for one leaves when the disk works.
	l.receive(2, raft.Append{Term: 1})
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 1, 1, 10)})
	fx = l.drain()
	if len(fx.SendAfter) != 1 || fx.SendAfter[0].Message.(raft.AppendReply).DiskSlow {
		t.Fatalf("%+v", fx.SendAfter)
	}
	// A commit index is not worth another write meanwhile.
	l.receive(2, raft.Heartbeat{Term: 1, Commit: 1})
	l.settle()
	l.pass(1100 * time.Millisecond)
	if fx = l.drain(); len(fx.Writes) != 0 {
		t.Fatalf("%+v", fx.Writes)
	}
	l.held = false
	l.core.Persisted(l.newest)
	l.pass(1100 * time.Millisecond)
	if fx = l.drain(); len(fx.Writes) != 1 || fx.Writes[0].HardState.Commit != 1 {
		t.Fatalf("%+v", fx.Writes)
	}
}

// TestWhatWaitsForTheDiskIsBounded: a leader repeats itself for as long as a disk
// stalls.
func TestWhatWaitsForTheDiskIsBounded(t *testing.T) {
	l := stalledFollower(t)
	waiting, said := 0, 0
	for range 6000 {
		l.receive(2, raft.Append{Term: 1, Entries: entries(1, 1, 1, 10)})
		fx := l.drain()
		waiting += len(fx.SendAfter)
		if ev, ok := event[raft.RepliesDropped](fx); ok {
			said++
			if ev.Waiting < 4000 {
				t.Fatalf("%+v", ev)
			}
		}
	}
	if waiting > 4096 || said != 1 {
		t.Fatalf("%d messages wait, and it was said %d times that some are dropped", waiting, said)
	}
	l.core.Persisted(l.newest)
	l.held = false
	l.receive(2, raft.Append{Term: 1, PrevIndex: 1, PrevTerm: 1, Entries: entries(2, 1, 1, 10)})
	if replies := sent[raft.AppendReply](l.settle(), 2); len(replies) != 1 || replies[0].Match != 2 {
		t.Fatalf("%+v", replies)
	}
}

func TestACandidateWaitsForItsOwnVote(t *testing.T) {
	l := newLab(t, raft.Config{DiskStallTimeout: time.Minute}, fresh(1, 2, 3))
	l.core.Campaign()
	l.settle()
	l.held = true
	l.receive(2, raft.PreVoteReply{Term: 1, Granted: true})
	l.settle()
	for range 300 {
		l.pass(100 * time.Millisecond)
		l.settle()
	}
	if s := l.core.Status(); s.Role != raft.Candidate || s.Term != 1 {
		t.Fatalf("nobody was asked in term 1, and it campaigns in another: %+v", s)
	}
	for range 400 {
		l.pass(100 * time.Millisecond)
		l.settle()
	}
	if s := l.core.Status(); s.Role != raft.Follower || !s.DiskSlow {
		t.Fatalf("the disk has stalled: %+v", s)
	}
}

// TestALeaderWithoutAnHeirGetsPatient: when all disks are slower than the deadline a
// second stall soon after the first does not end leadership at once.
func TestALeaderWithoutAnHeirGetsPatient(t *testing.T) {
	slow := raft.HeartbeatReply{Term: 1, DiskSlow: true}
	l := stalledLeader(t, map[raft.NodeID]raft.Message{2: slow, 3: slow})
	l.core.Persisted(l.newest)
	l.held = false
	l.drain()
	for l.core.Status().Role != raft.Leader {
		l.pass(time.Second)
		term := l.core.Status().Term
		l.receive(2, raft.PreVoteReply{Term: term + 1, Granted: true})
		l.settle()
		l.receive(2, raft.VoteReply{Term: l.core.Status().Term, Granted: true})
		l.settle()
	}
	term := l.core.Status().Term
	l.ack(2, 3)
	l.held = true
	l.propose(2, 10)
	l.drain()
	for lasted := time.Duration(0); ; lasted += 100 * time.Millisecond {
		l.pass(100 * time.Millisecond)
		for id := raft.NodeID(2); id <= 3; id++ {
			l.receive(id, raft.HeartbeatReply{Term: term, DiskSlow: true})
		}
		l.settle()
		if s := l.core.Status(); s.Role == raft.Leader {
			continue
		}
		if lasted < 3800*time.Millisecond || lasted > 4100*time.Millisecond {
			t.Fatalf("it stepped down after %v, the deadline is 2s", lasted)
		}
		return
	}
}

// TestACandidateGivesSlowVotersTime: one whose own vote took long does not begin anew
// before the others' votes can be there.
func TestACandidateGivesSlowVotersTime(t *testing.T) {
	l := newLab(t, raft.Config{DiskStallTimeout: 10 * time.Second}, fresh(1, 2, 3))
	l.held = true
	l.pass(4 * time.Second)
	l.receive(2, raft.PreVoteReply{Term: 1, Granted: true})
	l.drain()
	for range 30 {
		l.pass(100 * time.Millisecond)
	}
	l.core.Persisted(l.newest)
	l.drain()
	for range 55 {
		l.pass(100 * time.Millisecond)
	}
	if s := l.core.Status(); s.Role != raft.Candidate || s.Term != 1 {
		t.Fatalf("%+v", s)
	}
	l.receive(2, raft.VoteReply{Term: 1, Granted: true})
	if s := l.core.Status(); s.Role != raft.Leader {
		t.Fatalf("%+v", s)
	}
}
