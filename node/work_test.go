package node

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// moody is a machine that answers with the status that a command names.
type moody struct{ echo }

func (*moody) Apply(_ context.Context, _ plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	out := make([]plugins.Result, len(commands))
	for i, c := range commands {
		status, err := strconv.ParseInt(string(c), 10, 32)
		if err != nil {
			return nil, err
		}
		out[i].Status = int32(status)
	}
	return out, nil
}

// TestWorkCountsFailures once each, by reason: repeats that get their first answer do not count.
func TestWorkCountsFailures(t *testing.T) {
	a := NewApplier(7, &moody{}, nil)
	entries := []raft.Entry{
		entry(t, 1, 1, Batch{Commands: []Command{{Kind: CommandOpenSession}}}),
		entry(t, 2, 1, Batch{Commands: []Command{call1(1, 1, "9"), call1(1, 1, "9"), call1(0, 0, "0"), call1(0, 0, "-1"), call1(0, 0, "-2"), call1(0, 0, "-3")}}),
		entry(t, 3, 1, Batch{Commands: []Command{call1(1, 1, "9"), call1(0, 0, "-4"), call1(0, 0, "-5"), call1(9, 1, "0"), KeyedCommand("k", []byte("0")), KeyedCommand("k", []byte("1"))}}),
	}
	if _, err := a.Apply(t.Context(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 3, Entries: entries}}); err != nil {
		t.Fatal(err)
	}
	a.work.hold(a)
	want := Work{Commands: 8, Failed: [failureCount]uint64{FailureMachine: 1, FailureTrap: 1, FailureFuel: 1, FailureLimits: 2, FailureMalformed: 1, FailureRefused: 2}, Sessions: 1, Keys: 1}
	if *a.work != want {
		t.Errorf("counted %+v, want %+v", *a.work, want)
	}
}

// TestWorkCountsWhoWaitsForItsState: a machine whose state is to come refuses.
func TestWorkCountsWhoWaitsForItsState(t *testing.T) {
	a := NewApplier(7, &moody{}, nil)
	a.pending = &restoring{}
	entries := []raft.Entry{entry(t, 1, 1, Batch{Commands: []Command{call1(0, 0, "0"), call1(0, 0, "0")}})}
	if _, err := a.Apply(t.Context(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 1, Entries: entries}}); err != nil {
		t.Fatal(err)
	}
	if want := (Work{Failed: [failureCount]uint64{FailureRefused: 2}}); *a.work != want {
		t.Errorf("counted %+v, want %+v", *a.work, want)
	}
}

// TestCommitsAreTimed from when the shard proposed an entry to when it heard of its commit.
func TestCommitsAreTimed(t *testing.T) {
	s := NewShard(0)
	core, err := raft.New(raft.Config{ID: 1, Group: 2, Seed: 1, HeartbeatInterval: time.Second, ElectionTimeoutMin: 5 * time.Second, ElectionTimeoutMax: 9 * time.Second},
		raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1)}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Add(2, core)
	var out ShardEffects
	step := func(now time.Duration, durable bool) {
		s.Tick(now)
		for s.Drain(&out); len(out.Writes) > 0 && durable; s.Drain(&out) {
			for _, w := range out.Writes {
				s.Persisted(w.Group, w.Write.ID)
			}
		}
	}
	step(0, true)
	step(20*time.Second, true)
	if got := s.Commits(2); got != (CommitStats{}) {
		t.Errorf("without a command it counts %+v", got)
	}
	for i := range 2 {
		began := time.Duration(30+i) * time.Second
		s.Propose(2, i, Command{Kind: CommandCall})
		s.Tick(began)
		s.Drain(&out)
		id := out.Writes[len(out.Writes)-1].Write.ID
		s.Tick(began + 30*time.Millisecond)
		s.Persisted(2, id)
		step(began+30*time.Millisecond, true)
	}
	if got := s.Commits(2); got != (CommitStats{Entries: 2, Time: 60 * time.Millisecond}) {
		t.Errorf("of two commits that took 30 ms each it counts %+v", got)
	}
	if got := s.Commits(3); got != (CommitStats{}) {
		t.Errorf("of a group that is not here it counts %+v", got)
	}
}
