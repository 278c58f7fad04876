package raft_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

func TestConfigNamesEveryProblem(t *testing.T) {
	err := raft.Config{
		HeartbeatInterval: -1, ElectionTimeoutMin: -3, ElectionTimeoutMax: -4,
		DiskStallTimeout: -1, RetainedEntriesMax: -1, SnapshotSendsMax: -1, InflightAppendsMax: -1, PendingReadsMax: -1, PendingProposalsMax: -1,
		Priority: 1, ClockDriftPerMilleMax: 1000,
	}.Validate()
	for _, field := range []string{"ID", "Group", "HeartbeatInterval", "ElectionTimeoutMin", "ElectionTimeoutMax", "DiskStallTimeout", "InflightAppendsMax", "PendingReadsMax", "PendingProposalsMax", "RetainedEntriesMax", "SnapshotSendsMax", "Priority", "ClockDriftPerMilleMax"} {
		if err == nil || !strings.Contains(err.Error(), field+" ") {
			t.Errorf("%s is not complained about: %v", field, err)
		}
	}
	if _, err := raft.New(raft.Config{}, fresh(1), 0); err == nil {
		t.Error("New takes an empty configuration")
	}
	if err := (raft.Config{ID: 1, Group: 1}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestRestoredStateIsValidated(t *testing.T) {
	sound := func() raft.Restored {
		r := fresh(1, 2, 3)
		r.HardState = raft.HardState{Term: 5, Vote: 2, Commit: 3}
		r.Snapshot.Index, r.Snapshot.Term, r.Snapshot.ConfigIndex = 3, 1, 1
		r.PurgedIndex, r.PurgedTerm = 2, 1
		r.LastIndex = 6
		r.TermRuns = []raft.TermRun{{First: 3, Term: 1}, {First: 5, Term: 4}}
		r.Configs = []raft.ConfigAt{{Index: 4, Configuration: confchange.New(1, 2)}}
		return r
	}
	if _, err := raft.New(raft.Config{ID: 1, Group: 1}, sound(), 0); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*raft.Restored){
		"commit beyond the log":     func(r *raft.Restored) { r.HardState.Commit = 7 },
		"log before the snapshot":   func(r *raft.Restored) { r.LastIndex, r.HardState.Commit = 2, 2 },
		"purged beyond it":          func(r *raft.Restored) { r.PurgedIndex = 4; r.TermRuns = r.TermRuns[1:] },
		"purged without a term":     func(r *raft.Restored) { r.PurgedTerm = 0 },
		"a term other than the log": func(r *raft.Restored) { r.Snapshot.Term = 2 },
		"a term other than purged": func(r *raft.Restored) {
			r.LastIndex, r.PurgedIndex, r.PurgedTerm, r.TermRuns, r.Configs = 3, 3, 2, nil, nil
		},
		"configuration of later":    func(r *raft.Restored) { r.Snapshot.ConfigIndex = 4 },
		"snapshot without a term":   func(r *raft.Restored) { r.Snapshot.Term = 0 },
		"snapshot of the future":    func(r *raft.Restored) { r.Snapshot.Term = 6 },
		"term out of range":         func(r *raft.Restored) { r.HardState.Term = 1 << 63 },
		"no voters":                 func(r *raft.Restored) { r.Snapshot.Configuration.Voters = nil },
		"no term runs":              func(r *raft.Restored) { r.TermRuns = nil },
		"runs with a gap":           func(r *raft.Restored) { r.TermRuns[0].First = 4 },
		"runs that fall":            func(r *raft.Restored) { r.TermRuns[1].Term = 1 },
		"runs beyond the log":       func(r *raft.Restored) { r.TermRuns[1].First = 7 },
		"runs beyond the term":      func(r *raft.Restored) { r.TermRuns[1].Term = 6 },
		"runs of an empty log":      func(r *raft.Restored) { r.LastIndex, r.PurgedIndex, r.Configs = 3, 3, nil },
		"configuration out of log":  func(r *raft.Restored) { r.Configs[0].Index = 3 },
		"configuration of nobody":   func(r *raft.Restored) { r.Configs[0].Configuration.Voters = nil },
		"configuration twice there": func(r *raft.Restored) { r.Configs = append(r.Configs, r.Configs[0]) },
	} {
		r := sound()
		spoil(&r)
		if _, err := raft.New(raft.Config{ID: 1, Group: 1}, r, 0); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestTheConfigurationInForceIsTheLastOne(t *testing.T) {
	r := fresh(1, 2, 3)
	r.HardState.Term, r.LastIndex = 1, 2
	r.TermRuns = []raft.TermRun{{First: 1, Term: 1}}
	r.Configs = []raft.ConfigAt{{Index: 2, Configuration: confchange.New(1)}}
	l := newLab(t, raft.Config{}, r)
	if fx := l.drain(); fx.Configuration == nil || fx.Configuration.Index != 2 {
		t.Fatalf("%+v", fx.Configuration)
	}
	l.pass(0)
	l.settle()
	if s := l.core.Status(); s.Role != raft.Leader {
		t.Fatalf("the only voter of the last configuration does not lead: %+v", s)
	}
}

// TestEqualInputsGiveEqualEffects feeds two cores the same random inputs.
func TestEqualInputsGiveEqualEffects(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := newLab(t, raft.Config{}, fresh(1, 2, 3)), newLab(t, raft.Config{}, fresh(1, 2, 3))
		for range 200 {
			do := randomInput(rng)
			do(a)
			do(b)
			x, y := a.drain(), b.drain()
			if !reflect.DeepEqual(x, y) {
				t.Fatalf("seed %d:\n%+v\n%+v", seed, x, y)
			}
			if p, q := a.core.NextDeadline(), b.core.NextDeadline(); p != q {
				t.Fatalf("seed %d: deadlines %v and %v", seed, p, q)
			}
		}
	}
}

func randomInput(rng *rand.Rand) func(*lab) {
	term := raft.Term(rng.IntN(4) + 1)
	from := raft.NodeID(rng.IntN(2) + 2)
	n := rng.IntN(4)
	messages := []raft.Message{
		raft.PreVoteReply{Term: term, Granted: true}, raft.VoteReply{Term: term, Granted: true},
		raft.Vote{Term: term + 1}, raft.PreVote{Term: term + 1}, raft.Heartbeat{Term: term},
		raft.Append{Term: term, Entries: entries(1, n, term, 1), Commit: 2},
		raft.AppendReply{Term: term, Match: raft.Index(n)},
	}
	m := messages[rng.IntN(len(messages))]
	switch rng.IntN(5) {
	case 0:
		d := time.Duration(rng.IntN(900)) * time.Millisecond
		return func(l *lab) { l.pass(d) }
	case 1:
		return func(l *lab) { l.propose(raft.ProposalID(n), n); l.core.Read(raft.ReadRequest{ID: raft.ReadID(n)}) }
	}
	return func(l *lab) { _ = l.core.Receive(from, m) }
}

func TestDiskFailureIsFinal(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2, 3)
	l.ack(2)
	l.propose(1, 1)
	l.core.Read(raft.ReadRequest{ID: 2})
	cause := errors.New("no space left")
	l.core.PersistFailed(9, cause)
	l.core.PersistFailed(9, errors.New("again"))
	fx := l.drain()
	if len(fx.SendNow) != 0 || len(fx.Writes) != 0 {
		t.Fatalf("a broken replica speaks: %+v", fx)
	}
	if len(fx.Results) != 1 || fx.Results[0].Outcome != raft.OutcomeUnknown {
		t.Errorf("results %+v", fx.Results)
	}
	if len(fx.Reads) != 1 || !errors.Is(fx.Reads[0].Err, raft.ErrLeadershipLost) {
		t.Errorf("reads %+v", fx.Reads)
	}
	if last := fx.Events[len(fx.Events)-1]; last != (raft.DiskFailed{Err: cause}) {
		t.Errorf("events %+v", fx.Events)
	}
	l.propose(3, 1)
	l.core.Read(raft.ReadRequest{ID: 4})
	l.core.Campaign()
	l.core.Persisted(1)
	l.pass(time.Hour)
	if err := l.core.Receive(2, raft.Heartbeat{Term: 9}); !errors.Is(err, raft.ErrDiskFailed) {
		t.Errorf("received: %v", err)
	}
	fx = l.drain()
	if len(fx.SendNow) != 0 || !errors.Is(fx.Results[0].Err, raft.ErrDiskFailed) || !errors.Is(fx.Reads[0].Err, raft.ErrDiskFailed) {
		t.Errorf("%+v", fx)
	}
	if s := l.core.Status(); !s.DiskFailed || s.Role != raft.Follower || s.Term != 1 {
		t.Errorf("%+v", s)
	}
	if at := l.core.NextDeadline(); at < 1000*time.Hour {
		t.Errorf("a broken replica wants to be woken at %v", at)
	}
}

func TestALoneCommitIndexIsWrittenOnceAndNotSynced(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.receive(2, raft.Append{Term: 1, Entries: entries(1, 3, 1, 1)})
	l.settle()
	l.receive(2, raft.Heartbeat{Term: 1, Commit: 3})
	if fx := l.drain(); len(fx.Writes) != 0 {
		t.Fatalf("written at once: %+v", fx.Writes)
	}
	l.pass(900 * time.Millisecond)
	l.receive(2, raft.Heartbeat{Term: 1, Commit: 3})
	if at := l.core.NextDeadline(); at != time.Second {
		t.Fatalf("next at %v", at)
	}
	l.settle()
	l.pass(100 * time.Millisecond)
	fx := l.drain()
	if len(fx.Writes) != 1 || fx.Writes[0].Sync || fx.Writes[0].HardState.Commit != 3 {
		t.Fatalf("%+v", fx.Writes)
	}
	l.pass(0)
	if fx := l.drain(); len(fx.Writes) != 0 || len(fx.SendNow) != 0 {
		t.Fatalf("written twice: %+v", fx.Writes)
	}
}

func TestPendingSaysWhenThereIsNothing(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.settle()
	l.pass(10 * time.Millisecond)
	l.core.CancelRead(1)
	l.core.Unreachable(2)
	l.core.Applied(0)
	l.core.Persisted(0)
	if l.core.Pending() {
		t.Error("something is pending")
	}
	if fx := l.drain(); !fx.Empty() {
		t.Errorf("%+v", fx)
	}
	l.receive(2, raft.Heartbeat{Term: 1})
	if !l.core.Pending() {
		t.Error("nothing is pending after a heartbeat")
	}
}

func TestTimeDoesNotGoBack(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.core.Tick(5 * time.Second)
	l.core.Tick(time.Second)
	l.receive(2, raft.Heartbeat{Term: l.core.Status().Term + 1})
	if at := l.core.NextDeadline(); at < 6*time.Second {
		t.Errorf("the next election is at %v", at)
	}
}

func TestDriverBugsPanic(t *testing.T) {
	for name, do := range map[string]func(*raft.Core){
		"persisted": func(c *raft.Core) { c.Persisted(99) },
		"applied":   func(c *raft.Core) { c.Applied(99) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s what was never handed out", name)
				}
			}()
			do(newLab(t, raft.Config{}, fresh(1, 2, 3)).core)
		}()
	}
}

func TestNamesOfThings(t *testing.T) {
	for got, want := range map[string]string{
		raft.Leader.String():                              "leader",
		raft.Role(99).String():                            "invalid",
		raft.OutcomeUnknown.String():                      "unknown",
		raft.Outcome(99).String():                         "invalid",
		raft.RefusedLeader.String():                       "leader",
		raft.RefusalReason(99).String():                   "unknown",
		raft.EntryConfig.String():                         "config",
		raft.EntryType(99).String():                       "unknown",
		(&raft.NotLeaderError{Leader: 3}).Error():         "raft: not the leader: n3 leads",
		(&raft.NotLeaderError{}).Error():                  "raft: not the leader: no leader is known",
		raft.EntryNoop.String() + raft.NodeID(1).String(): "noopn1",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !errors.Is(&raft.NotLeaderError{}, raft.ErrNotLeader) || raft.EntryType(9).Valid() || !raft.EntryCommand.Valid() {
		t.Error("errors or types do not say what they are")
	}
}
