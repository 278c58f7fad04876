package rafttest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/quorum"
)

// The tests here make sure that what watches the cores can see: each plants
// something that breaks a promise and wants it reported.

func entry(index raft.Index, term raft.Term, data string) raft.Entry {
	return raft.Entry{Index: index, Term: term, Type: raft.EntryCommand, Data: []byte(data)}
}

func diskWith(t *testing.T, state raft.HardState, entries ...raft.Entry) *Disk {
	t.Helper()
	d := NewDisk(confchange.New(1, 2, 3))
	if err := d.Preload(state, entries); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDiskRefusesTheImpossible(t *testing.T) {
	state := raft.HardState{Term: 2, Vote: 1, Commit: 1}
	two := []raft.Entry{entry(1, 1, "a"), entry(2, 2, "b")}
	for name, w := range map[string]raft.Write{
		"a gap":              {ID: 1, Entries: []raft.Entry{entry(4, 2, "c")}},
		"an overwrite":       {ID: 1, Entries: []raft.Entry{entry(2, 2, "c")}},
		"committed cut":      {ID: 1, Truncate: true, TruncateAfter: 0},
		"cut behind the end": {ID: 1, Truncate: true, TruncateAfter: 3},
		"older term":         {ID: 1, HardState: &raft.HardState{Term: 1, Commit: 1}},
		"older commit":       {ID: 1, HardState: &raft.HardState{Term: 3}},
		"commit beyond":      {ID: 1, HardState: &raft.HardState{Term: 3, Commit: 3}},
		"another vote":       {ID: 1, HardState: &raft.HardState{Term: 2, Vote: 3, Commit: 1}},
	} {
		if err := diskWith(t, state, two...).Begin(w); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	d := diskWith(t, state, two...)
	if err := d.Begin(raft.Write{ID: 2}); err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(raft.Write{ID: 2}); err == nil {
		t.Error("one ID twice is accepted")
	}
}

func TestCrashKeepsAPrefix(t *testing.T) {
	for keep := range 3 {
		d := diskWith(t, raft.HardState{Term: 1}, entry(1, 1, "a"))
		for i := range raft.WriteID(2) {
			if err := d.Begin(raft.Write{ID: i + 1, Entries: []raft.Entry{entry(raft.Index(i)+2, 1, "x")}}); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.Entries(1, 99); len(got) != 3 {
			t.Fatalf("a reader sees %d entries", len(got))
		}
		d.Crash(keep)
		if r := d.Restored(); r.LastIndex != raft.Index(1+keep) || d.Pending() != 0 || len(d.Entries(1, 99)) != 1+keep {
			t.Errorf("%d of 2 writes kept: %+v", keep, r)
		}
	}
}

func TestSentSeesWhatIsNotDurable(t *testing.T) {
	for name, m := range map[string]raft.Message{
		"term":              raft.Heartbeat{Term: 3},
		"vote request":      raft.Vote{Term: 2},
		"vote":              raft.VoteReply{Term: 2, Granted: true},
		"acknowledgement":   raft.AppendReply{Term: 2, Match: 2},
		"pre-vote":          raft.PreVote{Term: 4},
		"pre-vote's answer": raft.PreVoteReply{Term: 3},
	} {
		n := &Node{ID: 1, Disk: diskWith(t, raft.HardState{Term: 2, Vote: 3}, entry(1, 1, "a"))}
		if err := NewChecker(quorum.Majority{1, 2, 3}).Sent(n, raft.Envelope{To: 2, Message: m}); err == nil {
			t.Errorf("%s: not seen", name)
		}
	}
	k := NewChecker(quorum.Majority{1, 2, 3})
	n := &Node{ID: 1, Disk: diskWith(t, raft.HardState{Term: 2, Vote: 3}, entry(1, 1, "a"))}
	grant := raft.VoteReply{Term: 2, Granted: true}
	for _, e := range []raft.Envelope{
		{To: 3, Message: grant}, {To: 3, Message: grant},
		{To: 2, Message: raft.AppendReply{Term: 2, Match: 1}}, {To: 2, Message: raft.PreVote{Term: 3}},
	} {
		if err := k.Sent(n, e); err != nil {
			t.Error(err)
		}
	}
	n.Disk = diskWith(t, raft.HardState{Term: 2, Vote: 2})
	if err := k.Sent(n, raft.Envelope{To: 2, Message: grant}); err == nil {
		t.Error("two votes in one term: not seen")
	}
}

// lone starts a node of a group of voters on a preloaded disk.
func lone(t *testing.T, id raft.NodeID, state raft.HardState, entries ...raft.Entry) *Node {
	t.Helper()
	n := &Node{ID: id, Disk: diskWith(t, state, entries...)}
	if err := n.Start(raft.Config{Group: 1, Seed: 1}, 0); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSentSeesAFailedDisk(t *testing.T) {
	n := lone(t, 1, raft.HardState{Term: 2, Vote: 3}, entry(1, 1, "a"))
	k, m := NewChecker(quorum.Majority{1, 2, 3}), raft.Envelope{To: 2, Message: raft.HeartbeatReply{Term: 2}}
	if err := k.Sent(n, m); err != nil {
		t.Error(err)
	}
	n.Fail(errors.New("broken"))
	if err := k.Check(n, []*Node{n}); err != nil {
		t.Error(err)
	}
	if err := k.Sent(n, m); err == nil {
		t.Error("not seen")
	}
}

func TestCheckSeesDivergence(t *testing.T) {
	same := []raft.Entry{entry(1, 1, "a"), entry(2, 1, "b")}
	other := []raft.Entry{entry(1, 1, "z"), entry(2, 1, "b")}
	state := raft.HardState{Term: 1}
	for name, c := range map[string]struct {
		want string
		a, b *Node
	}{
		"equal":         {"", lone(t, 1, state, same...), lone(t, 2, state, same...)},
		"another log":   {"another log", lone(t, 1, state, same...), lone(t, 2, state, other...)},
		"not on quorum": {"no quorum", lone(t, 1, raft.HardState{Term: 1, Commit: 2}, same...), lone(t, 2, state)},
		"on quorum":     {"", lone(t, 1, raft.HardState{Term: 1, Commit: 2}, same...), lone(t, 2, state, same...)},
	} {
		k, all := NewChecker(quorum.Majority{1, 2, 3}), []*Node{c.a, c.b}
		err := k.Check(c.a, all)
		if err == nil {
			err = k.Check(c.b, all)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckSeesAWrongApply(t *testing.T) {
	log := []raft.Entry{entry(1, 1, "a"), entry(2, 1, "b")}
	a := lone(t, 1, raft.HardState{Term: 1, Commit: 2}, log...)
	b := lone(t, 2, raft.HardState{Term: 1}, log...)
	k := NewChecker(quorum.Majority{1, 2, 3})
	if err := k.Check(a, []*Node{a, b}); err != nil {
		t.Fatal(err)
	}
	a.Applied = []raft.Entry{entry(1, 1, "b")}
	if err := k.Check(a, []*Node{a, b}); err == nil {
		t.Error("not seen")
	}
	if err := (&Node{ID: 1, Disk: a.Disk}).Apply(raft.ApplyRange{First: 2, Last: 2}); err == nil {
		t.Error("a gap in what is applied: not seen")
	}
}

func TestDescribeHealth(t *testing.T) {
	for want, e := range map[string]raft.Event{
		"disk failed: x":                                   raft.DiskFailed{Err: errors.New("x")},
		"drops messages, 7 wait for the disk":              raft.RepliesDropped{Waiting: 7},
		"hears that the disk of n2 works again":            raft.FollowerDisk{Peer: 2},
		"disk stalled since 1s with 3 writes on their way": raft.DiskSlow{Since: time.Second, Writes: 3},
		"has no room for commands":                         raft.DiskRoom{Full: true},
		"has room for commands again":                      raft.DiskRoom{},
		"hears that the disk of n2 is full":                raft.FollowerRoom{Peer: 2, Full: true},
		"hears that the disk of n2 has room again":         raft.FollowerRoom{Peer: 2},
		"<nil>": nil,
	} {
		if got := DescribeEvent(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, m := range map[string]raft.Message{
		"HeartbeatReply t1 round=0 disk slow":           raft.HeartbeatReply{Term: 1, DiskSlow: true},
		"HeartbeatReply t1 round=0 disk full":           raft.HeartbeatReply{Term: 1, DiskFull: true},
		"AppendReply t1 match=2 disk slow":              raft.AppendReply{Term: 1, Match: 2, DiskSlow: true},
		"AppendReply t1 rejected 3, try 2:t1 disk slow": raft.AppendReply{Term: 1, Rejected: true, PrevIndex: 3, HintIndex: 2, HintTerm: 1, DiskSlow: true},
	} {
		if got := Describe(m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestScriptsFailWhereExpectationsDo(t *testing.T) {
	begin := []string{"cluster 3", "boot", "elect 1", "propose 1 x", "deliver"}
	for _, wrong := range []string{
		"expect-leader 2", "expect-leader 1 7", "expect-leader none", "expect-role 1 follower", "expect-term 1 2",
		"expect-commit 2 9", "expect-applied 3 1", "expect-vote 2 3", "expect-log 1 1 1 1", "expect-outcome x unknown",
		"expect-outcome y committed", "expect-outcome x committed no words", "expect-read x 1", "expect-count x elections",
		"expect-count 2-9 elections", "expect-progress 1 2 probe 2", "expect-progress 1 9 replicate 2",
		"expect-config 1 (n1 n2)", "expect-config 9 (n1)", "change 9 remove 1", "change 1 remove", "change 1 remove x", "change 1 paint 2",
		"path 9 1 1", "path 1 x 1", "path 1 2", "expect-disk 9 slow", "expect-disk 1", "expect-disk 1 slow", "expect-disk 1 slow 2",
		"expect-disk 1 works 9", "expect-at-most 9 cache 1", "expect-at-most 1 cache", "expect-at-most 1 cache x", "expect-at-most 1 cache 1",
		"expect-lease 1 yes", "expect-lease 1", "expect-lease 9 no", "read 1 x sometimes", "read 1 x bounded y", "read 9 x",
		"leases x", "priority 9 1", "priority 1 x", "gone 1 2", "gone 9 2 1", "runs 1 x 1",
		"expect-at-most 1 inflight 1", "expect-at-most 1 inflight 1 9", "expect-at-most 1 nothing 1", "transfer 9 1", "transfer 1 x", "cluster 3 spare x",
		"what", "crash 1", "campaign 9", "cut 1", "limit nothing 1", "log loudly", "inject 1->2 Nothing", "propose 1", "step 1->2",
	} {
		if _, err := NewEnvironment().Run(append(begin[:len(begin):len(begin)], wrong)); err == nil {
			t.Errorf("%q is fine", wrong)
		}
	}
	for _, right := range []string{"expect-lease 1 no", "read 1 x bounded 3", "priority 2 -1", "runs 2 3 1", "gone 2 3 1", "expect-leader 1 1", "expect-same", "expect-outcome x committed", "expect-progress 1 2 replicate 2", "# nothing"} {
		if out, err := NewEnvironment().Run(append(begin[:len(begin):len(begin)], right)); err != nil {
			t.Errorf("%q: %v\n%s", right, err, out)
		}
	}
}

func TestATickedClusterElects(t *testing.T) {
	e := NewEnvironment()
	if _, err := e.Run([]string{"cluster 5", "boot", "tick 40", "expect-same"}); err != nil {
		t.Fatal(err)
	}
	if e.clocks[3] != 40*beat || beat != 100*time.Millisecond {
		t.Errorf("n3's clock shows %v", e.clocks[3])
	}
}

func configEntry(index raft.Index, c raft.Configuration) raft.Entry {
	return raft.Entry{Index: index, Term: 1, Type: raft.EntryConfig, Data: c.Encode()}
}

// TestCheckCountsBothHalves: what a joint configuration commits is on a majority
// of each half.
func TestCheckCountsBothHalves(t *testing.T) {
	first := confchange.New(1, 2, 3)
	joint := raft.Configuration{Voters: confchange.New(1, 4, 5).Voters, Outgoing: first.Voters}
	log := []raft.Entry{configEntry(1, joint)}
	committed, state := raft.HardState{Term: 1, Commit: 1}, raft.HardState{Term: 1}
	for _, c := range []struct {
		with raft.NodeID
		fine bool
	}{{2, false}, {4, false}, {6, false}, {0, true}} {
		a := lone(t, 1, committed, log...)
		all := []*Node{a}
		for _, id := range []raft.NodeID{2, 4, 6} {
			if c.with == id || c.with == 0 {
				all = append(all, lone(t, id, state, log...))
			}
		}
		err := NewChecker(quorum.Majority{1, 2, 3}).Check(a, all)
		if (err == nil) != c.fine {
			t.Errorf("with %v: %v", c.with, err)
		}
	}
}

func TestCheckSeesAConfigurationOutOfLine(t *testing.T) {
	first, apart := confchange.New(1, 2, 3), confchange.New(1, 4, 5)
	joint := raft.Configuration{Voters: apart.Voters, Outgoing: first.Voters}
	for name, c := range map[string]struct {
		chain []raft.Configuration
		fine  bool
	}{
		"a change":          {[]raft.Configuration{joint, apart}, true},
		"without a joint":   {[]raft.Configuration{apart}, false},
		"joint with others": {[]raft.Configuration{{Voters: first.Voters, Outgoing: apart.Voters}}, false},
		"joint twice":       {[]raft.Configuration{joint, joint}, false},
		"another end":       {[]raft.Configuration{joint, first}, false},
		"learners only":     {[]raft.Configuration{{Voters: first.Voters, Learners: confchange.New(4).Voters}}, true},
	} {
		k := NewChecker(quorum.Majority{1, 2, 3})
		var err error
		for i, is := range c.chain {
			if err == nil {
				err = k.checkChain(configEntry(raft.Index(i+1), is))
			}
		}
		if (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckSeesAnOldTermsEntryCommitted(t *testing.T) {
	n := lone(t, 1, raft.HardState{Term: 3}, entry(1, 1, "a"), entry(2, 3, "b"))
	was := raft.Status{Role: raft.Leader, Term: 3}
	for commit, fine := range map[raft.Index]bool{0: true, 1: false, 2: true} {
		is := was
		is.Commit = commit
		if err := checkOwnTerm(n, &seen{status: was}, &is); (err == nil) != fine {
			t.Errorf("commit %d: %v", commit, err)
		}
		is.Term = 4 // it was another leadership that took it there
		if err := checkOwnTerm(n, &seen{status: was}, &is); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckSeesAForgottenConfiguration(t *testing.T) {
	n := lone(t, 1, raft.HardState{Term: 1}, configEntry(1, confchange.New(1, 2)))
	is := n.Core.Status()
	if err := checkInForce(n, &is); err != nil {
		t.Error(err)
	}
	n.Disk.memory.configs = nil
	if err := checkInForce(n, &is); err == nil {
		t.Error("not seen")
	}
}

// TestAStaleReadIsSeen: an answer that misses what was committed before its read
// began is counted, for the modes that promise more.
func TestAStaleReadIsSeen(t *testing.T) {
	e := NewEnvironment()
	if _, err := e.Run([]string{"cluster 3", "boot", "elect 1"}); err != nil {
		t.Fatal(err)
	}
	for id, mode := range []raft.ReadMode{raft.ReadLinearizable, raft.ReadLease, raft.ReadBounded, raft.ReadLocal} {
		e.asked[uint64(id)] = question{mode: mode, known: 5}
		e.answer(e.nodes[0], raft.ReadReady{ID: raft.ReadID(id), Index: 4})
	}
	if e.counts["stale reads"] != 2 || !strings.Contains(e.out.String(), "n1 answers a stale read with 4") {
		t.Errorf("%d were seen:\n%s", e.counts["stale reads"], e.out.String())
	}
}
