package rafttest

import (
	"errors"
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/quorum"
)

// expectError fails unless err says want; nothing when want is empty.
func expectError(t *testing.T, name string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: %v", name, err)
	}
}

func TestCheckSeesATermWithoutACandidate(t *testing.T) {
	was := raft.Status{ID: 2, Term: 1}
	for name, c := range map[string]struct {
		is   raft.Status
		made raft.Term // up by a script
		want string
	}{
		"same term":       {raft.Status{ID: 2, Term: 1}, 0, ""},
		"its own":         {raft.Status{ID: 2, Term: 2, Vote: 2}, 0, ""},
		"nobody's":        {raft.Status{ID: 2, Term: 2}, 0, "nobody has campaigned"},
		"a vote for none": {raft.Status{ID: 2, Term: 2, Vote: 3}, 0, "nobody has campaigned"},
		"a script's":      {raft.Status{ID: 2, Term: 2}, 2, ""},
	} {
		k := NewChecker(quorum.Majority{1, 2, 3})
		n := &Node{ID: 2}
		if err := k.checkTerm(n, &seen{}, &was); err != nil {
			t.Errorf("%s: a start: %v", name, err)
		}
		k.MadeUp(c.made)
		expectError(t, name, k.checkTerm(n, &seen{status: was}, &c.is), c.want)
	}
}

func TestCheckSeesAChangeBeforeTheNoop(t *testing.T) {
	change := raft.Entry{Index: 3, Term: 2, Type: raft.EntryConfig, Data: confchange.New(1, 2).Encode()}
	n := &Node{ID: 1, Disk: diskWith(t, raft.HardState{Term: 2, Commit: 1}, entry(1, 1, "a"), entry(2, 2, ""), change)}
	k := NewChecker([]raft.NodeID{1, 2})
	k.terms = []raft.Term{1, 2}
	was := &seen{status: raft.Status{Role: raft.Leader, Term: 2, LastIndex: 2}}
	is := raft.Status{Role: raft.Leader, Term: 2, LastIndex: 3, Commit: 2}
	expectError(t, "after it", k.checkBegun(n, was, &is), "")
	is.Commit = 1
	expectError(t, "before it", k.checkBegun(n, was, &is), "before its term's no-op is committed")
	compact(t, n.Disk, 1, 1)
	expectError(t, "behind a snapshot", k.checkBegun(n, &seen{}, &is), "before its term's no-op is committed")
	is.Role = raft.Follower
	expectError(t, "another's", k.checkBegun(n, was, &is), "")
}

// compact lets a disk begin behind a snapshot at index.
func compact(t *testing.T, d *Disk, index raft.Index, term raft.Term) {
	t.Helper()
	meta := metaAt(index, term)
	chain, _ := d.memory.at(index)
	d.Save(Snapshot{Meta: meta, Chain: chain})
	if err := d.Begin(raft.Write{ID: 1, Snapshot: &meta, CompactTo: index}); err != nil {
		t.Fatal(err)
	}
}

// TestCheckSeesALaggingHeir lets n1 lead with n2 up to date and n3 behind.
func TestCheckSeesALaggingHeir(t *testing.T) {
	e := NewEnvironment()
	if _, err := e.Run([]string{"cluster 3", "boot", "elect 1", "cut 1->3", "propose 1 x", "deliver"}); err != nil {
		t.Fatal(err)
	}
	now := raft.Envelope{To: 2, Message: raft.TimeoutNow{Term: 1}}
	expectError(t, "up to date", e.checker.Sent(e.nodes[0], now), "")
	now.To = 3
	expectError(t, "behind", e.checker.Sent(e.nodes[0], now), "hands leadership to n3, which has 1 of 2")
}

func TestCheckSeesAnAcknowledgementNobodyMade(t *testing.T) {
	e := NewEnvironment()
	if _, err := e.Run([]string{"cluster 3", "boot", "elect 1"}); err != nil {
		t.Fatal(err)
	}
	expectError(t, "in step", e.checker.Check(e.nodes[0], e.nodes), "")
	e.checker.acked[acked{from: 3, to: 1, term: 1}] = 0
	expectError(t, "not said", e.checker.Check(e.nodes[0], e.nodes), "n1 believes that n3 has 1, which said 0 in term 1")
	e.checker.MadeUp(1)
	expectError(t, "a script's", e.checker.Check(e.nodes[0], e.nodes), "")
}

func TestCheckSeesALeaderWithoutVotes(t *testing.T) {
	voted, not := raft.HardState{Term: 3, Vote: 1}, raft.HardState{Term: 3, Vote: 2}
	old, later := raft.HardState{Term: 2, Vote: 1}, raft.HardState{Term: 4}
	joint := raft.Configuration{Voters: confchange.New(1, 2, 3).Voters, Outgoing: confchange.New(1, 4, 5).Voters}
	for name, c := range map[string]struct {
		of     raft.Configuration
		states [4]raft.HardState // of n2 to n5
		want   string
	}{
		"a majority":       {confchange.New(1, 2, 3), [4]raft.HardState{voted, not}, ""},
		"a minority":       {confchange.New(1, 2, 3), [4]raft.HardState{old, not}, "leads term 3 without"},
		"gone on":          {confchange.New(1, 2, 3), [4]raft.HardState{later, not}, ""},
		"both halves":      {joint, [4]raft.HardState{voted, not, not, voted}, ""},
		"the new half":     {joint, [4]raft.HardState{voted, voted, not, not}, "leads term 3 without"},
		"the old half":     {joint, [4]raft.HardState{not, not, voted, voted}, "leads term 3 without"},
		"no member's vote": {confchange.New(1, 2, 3), [4]raft.HardState{not, not, voted, voted}, "leads term 3 without"},
	} {
		n := &Node{ID: 1, Disk: diskWith(t, voted)}
		all := []*Node{n}
		for i, state := range c.states {
			all = append(all, &Node{ID: raft.NodeID(i + 2), Disk: diskWith(t, state)})
		}
		is := raft.Status{Term: 3, Configuration: raft.ConfigAt{Configuration: c.of}}
		k := NewChecker(quorum.Majority{1, 2, 3})
		expectError(t, name, k.checkElected(n, &is, all), c.want)
		k.MadeUp(3)
		expectError(t, name+", made up", k.checkElected(n, &is, all), "")
	}
}

func TestAFailedDiskSilences(t *testing.T) {
	n := lone(t, 1, raft.HardState{Term: 1}, entry(1, 1, "a"))
	k := NewChecker(quorum.Majority{1, 2, 3})
	speaks := raft.Envelope{To: 2, Message: raft.HeartbeatReply{Term: 1}}
	expectError(t, "before", k.Sent(n, speaks), "")
	n.Fail(errors.New("input/output error"))
	expectError(t, "afterwards", k.Sent(n, speaks), "though its disk has failed")
	if n.Sync(n.Disk.Pending()) != nil || !n.Core.Status().DiskFailed {
		t.Error("the disk works on")
	}
	n.Crash(0)
	if err := n.Start(raft.Config{Group: 1}, 0); err != nil {
		t.Fatal(err)
	}
	expectError(t, "in the next life", k.Sent(n, speaks), "")
}
