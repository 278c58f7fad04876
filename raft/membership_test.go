package raft_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// outcome returns the result of a proposal or change among effects.
func outcome(fx *raft.Effects, id raft.ProposalID) raft.ProposalResult {
	for _, r := range fx.Results {
		if r.ID == id {
			return r
		}
	}
	return raft.ProposalResult{}
}

func (l *lab) change(id raft.ProposalID, changes ...raft.Change) {
	at := l.core.Status().Configuration.Index
	l.core.ChangeConfig(raft.ChangeRequest{ID: id, Expected: at, Changes: changes})
}

func (l *lab) voters() string {
	s := l.core.Status().Configuration.Configuration
	text := ""
	for _, id := range s.Nodes() {
		switch {
		case s.IsVoter(id):
			text += id.String() + " "
		default:
			text += "(" + id.String() + ") "
		}
	}
	return text
}

func TestChangeIsAnsweredWhenItHasEnded(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.change(1, raft.Change{Kind: raft.Remove, Node: 3})
	if r := outcome(l.drain(), 1); !errors.Is(r.Err, raft.ErrNotReady) || r.Outcome != raft.OutcomeDropped {
		t.Fatalf("before the no-op: %+v", r)
	}
	l.ack(2, 3)
	l.change(2, raft.Change{Kind: raft.Remove, Node: 3})
	fx := l.drain()
	if len(fx.Accepted) != 1 || fx.Accepted[0].Index != 2 || fx.Configuration == nil || !fx.Configuration.Configuration.Joint() {
		t.Fatalf("%+v", fx)
	}
	l.change(3, raft.Change{Kind: raft.Remove, Node: 2})
	if r := outcome(l.drain(), 3); !errors.Is(r.Err, raft.ErrChangePending) {
		t.Fatalf("a second change: %+v", r)
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 2}) // joint: a majority of (1 2) and of (1 2 3)
	fx = l.drain()
	if r := outcome(fx, 2); r.Outcome != 0 || l.core.Status().LastIndex != 3 || l.core.Status().Configuration.Index != 3 {
		t.Fatalf("%+v, %+v", r, l.core.Status())
	}
	l.settle()
	if len(l.core.Status().Followers) != 2 {
		t.Fatal("n3 is not told any more, though it may not know")
	}
	l.receive(3, raft.AppendReply{Term: 1, Match: 3})
	if l.core.Status().Commit != 2 {
		t.Fatal("who is removed commits the end of the change")
	}
	l.receive(2, raft.AppendReply{Term: 1, Match: 3})
	fx = l.drain()
	if r := outcome(fx, 2); r.Outcome != raft.OutcomeCommitted || r.Index != 3 || len(l.core.Status().Followers) != 1 {
		t.Fatalf("%+v", r)
	}
	last := sent[raft.Append](fx.SendNow, 3)
	if len(last) != 1 || last[0].Commit != 3 || last[0].PrevIndex != 3 {
		t.Fatalf("the last word to n3: %+v", last)
	}
}

func TestChangeIsUnknownWhenLeadershipIsLost(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.change(1, raft.Change{Kind: raft.Demote, Node: 1})
	l.settle()
	l.receive(2, raft.Heartbeat{Term: 2})
	if r := outcome(l.drain(), 1); r.Outcome != raft.OutcomeUnknown || !errors.Is(r.Err, raft.ErrLeadershipLost) {
		t.Fatalf("%+v", r)
	}
	// The new leader does not have it: the old configuration is back in force.
	l.receive(2, raft.Append{Term: 2, PrevIndex: 1, PrevTerm: 1, Entries: entries(2, 1, 2, 0)})
	if got := l.voters(); got != "n1 n2 n3 " || l.core.Status().Configuration.Index != 0 {
		t.Fatalf("%s at %d", got, l.core.Status().Configuration.Index)
	}
	l.change(2, raft.Change{Kind: raft.Remove, Node: 1})
	if r := outcome(l.drain(), 2); !errors.Is(r.Err, raft.ErrNotLeader) {
		t.Fatalf("%+v", r)
	}
}

// TestNewLeaderEndsTheChange: whoever finds a joint configuration in its log ends
// it once its own no-op is committed.
func TestNewLeaderEndsTheChange(t *testing.T) {
	joint, err := confchange.New(1, 2).Changed(raft.Change{Kind: raft.Remove, Node: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := fresh(1, 2)
	r.HardState = raft.HardState{Term: 1, Commit: 1}
	r.LastIndex, r.TermRuns = 1, []raft.TermRun{{First: 1, Term: 1}}
	r.Configs = []raft.ConfigAt{{Index: 1, Configuration: joint}}
	l := newLab(t, raft.Config{}, r)
	l.pass(3 * time.Second)
	l.settle()
	if l.core.Status().Role == raft.Leader {
		t.Fatal("n1 leads alone in a joint configuration")
	}
	l.lead(2)
	if s := l.core.Status(); s.LastIndex != 2 || s.Commit != 1 {
		t.Fatalf("before the no-op is committed: %+v", s)
	}
	l.ack(2)
	if s := l.core.Status(); s.LastIndex != 3 || s.Commit != 3 || l.voters() != "n1 " {
		t.Fatalf("%s: %+v", l.voters(), s)
	}
}

func TestLearnersDoNotCount(t *testing.T) {
	l := newLab(t, raft.Config{LearnerLagBytesMax: 100}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.change(1, raft.Change{Kind: raft.AddLearner, Node: 4, Incarnation: 1})
	l.settle()
	l.receive(4, raft.AppendReply{Term: 1, Match: 2})
	if s := l.core.Status(); s.Commit != 1 || len(s.Followers) != 3 {
		t.Fatalf("a learner commits: %+v", s)
	}
	l.ack(2)
	if r := l.core.Status(); r.Commit != 2 {
		t.Fatalf("%+v", r)
	}
	l.propose(2, 1000)
	l.ack(2, 3)
	l.change(3, raft.Change{Kind: raft.Promote, Node: 4})
	if r := outcome(l.drain(), 3); !errors.Is(r.Err, raft.ErrLearnerBehind) {
		t.Fatalf("%+v", r)
	}
	l.ack(4)
	l.change(4, raft.Change{Kind: raft.Promote, Node: 4})
	l.ack(2, 3)
	l.ack(2, 3)
	if got := l.voters(); got != "n1 n2 n3 n4 " || l.core.Status().Configuration.Configuration.Joint() {
		t.Fatal(got)
	}
	// Voters are heard; learners do not keep a leader in office.
	l.change(5, raft.Change{Kind: raft.Demote, Node: 2}, raft.Change{Kind: raft.Demote, Node: 4})
	l.ack(2, 3, 4)
	l.ack(2, 3, 4)
	l.now += 900 * time.Millisecond
	l.core.Tick(l.now)
	l.receive(2, raft.HeartbeatReply{Term: 1})
	l.receive(4, raft.HeartbeatReply{Term: 1})
	l.pass(200 * time.Millisecond)
	if s := l.core.Status(); s.Role != raft.Follower {
		t.Fatalf("%s: %+v", l.voters(), s)
	}
}

func TestAFailedDiskChangesNothing(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1))
	l.core.PersistFailed(1, errors.New("input/output error"))
	l.change(1, raft.Change{Kind: raft.AddLearner, Node: 2, Incarnation: 1})
	if r := outcome(l.drain(), 1); !errors.Is(r.Err, raft.ErrDiskFailed) {
		t.Fatalf("%+v", r)
	}
	if err := l.core.TransferTo(2); !errors.Is(err, raft.ErrDiskFailed) {
		t.Fatal(err)
	}
}

// TestTransferWhileAChangeEnds: the target needs the entry that ends it as well.
func TestTransferWhileAChangeEnds(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2, 3)
	l.change(1, raft.Change{Kind: raft.Remove, Node: 3})
	l.settle()
	if err := l.core.TransferTo(3); !errors.Is(err, raft.ErrBadTransfer) {
		t.Fatal(err)
	}
	if err := l.core.TransferTo(2); err != nil {
		t.Fatal(err)
	}
	l.propose(2, 10)
	if r := outcome(l.drain(), 2); !errors.Is(r.Err, raft.ErrTransferring) {
		t.Fatalf("%+v", r)
	}
	if got := sent[raft.TimeoutNow](l.ack(2), 2); len(got) != 0 {
		t.Fatalf("%+v: it lacks the entry that ends the change", got)
	}
	if got := sent[raft.TimeoutNow](l.ack(2), 2); len(got) != 1 || l.voters() != "n1 n2 " {
		t.Fatalf("%+v, %s", got, l.voters())
	}
}

// TestTransferToTheFittest: 0 names no node but whoever has most of the log.
func TestTransferToTheFittest(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	if err := l.core.TransferTo(0); !errors.Is(err, raft.ErrNotLeader) {
		t.Fatal(err)
	}
	l.lead(2, 3)
	l.ack(2, 3)
	l.propose(1, 10)
	l.settle()
	l.ack(3)
	if err := l.core.TransferTo(0); err != nil {
		t.Fatal(err)
	}
	if got := sent[raft.TimeoutNow](l.settle(), 3); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	alone := newLab(t, raft.Config{}, fresh(1))
	alone.core.Campaign()
	alone.settle()
	if err := alone.core.TransferTo(0); !errors.Is(err, raft.ErrBadTransfer) {
		t.Fatal(err)
	}
}

// TestARepeatedRequestSaysOnWhoseBehalf: the first one may be lost, and the others
// still hear the old leader.
func TestARepeatedRequestSaysOnWhoseBehalf(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Heartbeat{Term: 1})
	l.receive(2, raft.TimeoutNow{Term: 1})
	l.settle()
	l.pass(100 * time.Millisecond)
	if again := sent[raft.Vote](l.settle(), 3); len(again) != 1 || !again[0].Transfer || again[0].Term != 2 {
		t.Fatalf("%+v", again)
	}
}

// TestTheLastToKnowMayCampaign: n1 alone has the entry that takes its vote away.
// n2 cannot win without n1, whose log is longer, so n1 has to.
func TestTheLastToKnowMayCampaign(t *testing.T) {
	joint, err := confchange.New(1, 2).Changed(raft.Change{Kind: raft.Remove, Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := fresh(1, 2)
	r.HardState = raft.HardState{Term: 1, Commit: 1}
	r.LastIndex, r.TermRuns = 2, []raft.TermRun{{First: 1, Term: 1}}
	r.Configs = []raft.ConfigAt{{Index: 1, Configuration: joint}, {Index: 2, Configuration: joint.End()}}
	l := newLab(t, raft.Config{}, r)
	l.lead(2)
	l.ack(2)
	if s := l.core.Status(); s.Role != raft.Follower || s.Commit != 3 || l.voters() != "n2 " {
		t.Fatalf("%+v", s)
	}
	l.core.Campaign()
	if got := l.settle(); len(got) != 0 {
		t.Fatalf("it campaigns though its removal is committed: %+v", got)
	}
}
