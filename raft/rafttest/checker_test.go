package rafttest

import (
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/quorum"
)

// wants fails the test unless err says what is wanted, or nothing when that is.
func wants(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("found %v, want %q", err, want)
	}
}

func TestCheckSeesWhatGoesBack(t *testing.T) {
	k := NewChecker(quorum.Majority{1, 2, 3})
	n := lone(t, 1, raft.HardState{Term: 2, Vote: 1}, entry(1, 1, "a"), entry(2, 2, "b"))
	was := raft.Status{Term: 2, Vote: 1, LastIndex: 2, Persisted: 2, Commit: 2, Handed: 2, Applied: 1}
	for name, c := range map[string]struct {
		want   string
		change func(s *raft.Status)
	}{
		"nothing":                  {"", func(*raft.Status) {}},
		"a step ahead":             {"", func(s *raft.Status) { s.Term, s.Vote, s.Applied = 3, 0, 2 }},
		"term":                     {"went back", func(s *raft.Status) { s.Term = 1 }},
		"commit":                   {"went back", func(s *raft.Status) { s.Commit = 1 }},
		"applied":                  {"went back", func(s *raft.Status) { s.Applied = 0 }},
		"another vote":             {"changed its vote", func(s *raft.Status) { s.Vote = 2 }},
		"a vote forgotten":         {"changed its vote", func(s *raft.Status) { s.Vote = 0 }},
		"persisted beyond the log": {"out of order", func(s *raft.Status) { s.Persisted = 3 }},
		"commit beyond the log":    {"out of order", func(s *raft.Status) { s.Commit = 3 }},
		"handed beyond the commit": {"out of order", func(s *raft.Status) { s.Handed = 3 }},
		"handed before the disk":   {"out of order", func(s *raft.Status) { s.Persisted = 1 }},
		"applied beyond handed":    {"out of order", func(s *raft.Status) { s.Applied = 3 }},
	} {
		is := was
		c.change(&is)
		t.Run(name, func(t *testing.T) { wants(t, k.checkSteps(n, &seen{status: was}, &is), c.want) })
	}
	behind := raft.Status{Term: 1}
	wants(t, k.checkSteps(n, &seen{}, &behind), "out of order") // its disk knows a later term
}

func TestCheckSeesAWrongCommit(t *testing.T) {
	k := NewChecker(quorum.Majority{1, 2, 3})
	state, log := raft.HardState{Term: 1}, []raft.Entry{entry(1, 1, "a"), entry(2, 1, "b")}
	a, b := lone(t, 1, state, log...), lone(t, 2, state, log...)
	other := lone(t, 3, state, entry(1, 1, "a"), entry(2, 1, "z"))
	short := lone(t, 3, state, log[0])
	all := []*Node{a, b, short}
	two := raft.Status{Commit: 2}
	wants(t, k.checkCommit(a, &seen{}, &two, all), "")
	wants(t, k.checkCommit(b, &seen{}, &two, all), "")
	wants(t, k.checkCommit(other, &seen{}, &two, all), "commits another entry at 2")
	wants(t, k.checkCommit(short, &seen{}, &two, all), "which it does not have")
}

func TestCheckSeesAWrongLeader(t *testing.T) {
	state, log := raft.HardState{Term: 2}, []raft.Entry{entry(1, 1, "a"), entry(2, 2, "b")}
	a, b := lone(t, 1, state, log...), lone(t, 2, state, log[0])
	all := []*Node{a, b}
	leads := func(term raft.Term, followers ...raft.FollowerStatus) *raft.Status {
		return &raft.Status{Role: raft.Leader, Term: term, Followers: followers}
	}
	k := NewChecker(quorum.Majority{1, 2, 3})
	k.MadeUp(3) // nobody voted or acknowledged anything here
	wants(t, k.checkLeader(a, &seen{}, leads(2), all), "")
	wants(t, k.checkLeader(b, &seen{}, leads(2), all), "both lead term 2")
	wants(t, k.checkLeader(b, &seen{}, &raft.Status{Role: raft.Follower, Term: 2}, all), "")

	for match, want := range []string{"", "", "its disk does not"} {
		f := raft.FollowerStatus{ID: 2, Match: raft.Index(match)}
		wants(t, k.checkLeader(a, &seen{}, leads(2, f), all), want)
	}

	last, _ := a.Disk.memory.at(2)
	first, _ := a.Disk.memory.at(1)
	k.committed = []uint64{first, last}
	wants(t, k.checkLeader(a, &seen{}, leads(3), all), "")
	wants(t, k.checkLeader(b, &seen{}, leads(4), all), "without what is committed up to 2")
	k.leaders[9] = 1
	wants(t, k.checkLeader(b, &seen{}, leads(5), all), "") // of the past: term 9 may have committed it
}
