package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// said writes actions down.
func said(actions []BirthAction) string {
	var words []string
	for _, a := range actions {
		switch {
		case a.Settle != nil:
			words = append(words, fmt.Sprint("settle in ", *a.Settle))
		case a.Begin != nil:
			words = append(words, fmt.Sprint("begin in ", *a.Begin))
		case a.Claim != nil:
			words = append(words, fmt.Sprintf("claim behind %d at %v", a.Claim.From, a.Claim.Peer))
		default:
			words = append(words, "ask")
		}
	}
	return strings.Join(words, ", ")
}

func founder() BirthConfig {
	return BirthConfig{Self: 3, Others: []raft.NodeID{1, 2}, Founder: true, Nonce: 77}
}

func TestAFirstLifeNeedsEverybodysWord(t *testing.T) {
	b := NewBirth(founder(), 0)
	expect := func(want string) {
		t.Helper()
		if got := said(b.Next()); got != want {
			t.Fatalf("it does %q, want %q", got, want)
		}
	}
	expect("ask")
	b.Answered(1, BirthAnswer{Stage: StageUnborn})
	expect("")
	b.Answered(9, BirthAnswer{Stage: StageBorn, Known: true}) // nobody asked that one
	b.Answered(2, BirthAnswer{Stage: StageSettled})
	expect("settle in 1")
	expect("")
	b.Settled()
	if b.Stage() != StageSettled {
		t.Fatalf("it is %v", b.Stage())
	}
	b.Tick(time.Second)
	expect("ask") // 1 is not settled yet
	b.Answered(1, BirthAnswer{Stage: StageSettled})
	expect("begin in 1")
	if at, ok := b.NextDeadline(); ok {
		t.Errorf("it goes on at %v", at)
	}
}

// TestNoFirstLifeWhereThereWasOne: one word of somebody who was part of the cluster, or
// knows that he was, is enough.
func TestNoFirstLifeWhereThereWasOne(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*BirthConfig)
		other  BirthAnswer
		word   string
	}{
		"another is born":           {func(*BirthConfig) {}, BirthAnswer{Stage: StageBorn}, "does not know this node"},
		"another lost its disk":     {func(*BirthConfig) {}, BirthAnswer{Stage: StageBereft}, "was there before"},
		"another is silent":         {func(*BirthConfig) {}, BirthAnswer{}, "no answer of [n2]"},
		"this one lost its disk":    {func(c *BirthConfig) { c.Past = true }, BirthAnswer{Stage: StageUnborn}, "set aside"},
		"this one was to join late": {func(c *BirthConfig) { c.Founder = false }, BirthAnswer{Stage: StageSettled}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := founder()
			c.change(&config)
			b := NewBirth(config, 0)
			b.Answered(1, BirthAnswer{Stage: StageUnborn})
			b.Answered(2, c.other)
			for range 100 {
				if got := said(b.Next()); got != "" && got != "ask" {
					t.Fatalf("it does %q", got)
				}
				at, ok := b.NextDeadline()
				if !ok {
					t.Fatal("it gives up")
				}
				b.Tick(at)
			}
			if got := b.Explain(); !strings.Contains(got, c.word) {
				t.Errorf("it says %q", got)
			}
		})
	}
}

func TestALaterLifeIsClaimed(t *testing.T) {
	b := NewBirth(founder(), 0)
	b.Answered(1, BirthAnswer{Stage: StageBorn, Known: true, Life: 4})
	b.Answered(2, BirthAnswer{Stage: StageBorn, Known: true, Life: 4})
	if got := said(b.Next()); got != "claim behind 4 at n1" {
		t.Fatal(got)
	}
	b.Claimed(0, errors.New("no leader"))
	if got := said(b.Next()); got != "ask" {
		t.Fatal(got)
	}
	b.Answered(2, BirthAnswer{Stage: StageBorn, Known: true, Life: 5}) // another process of this node claimed
	b.Tick(time.Second)
	if got := said(b.Next()); got != "claim behind 5 at n2" {
		t.Fatal(got)
	}
	b.Claimed(6, nil)
	if got := said(b.Next()); got != "settle in 6" {
		t.Fatal(got)
	}
	b.Settled()
	if got := said(b.Next()); got != "begin in 6" || b.Refused() != nil {
		t.Fatal(got, b.Refused())
	}
}

// TestWhoIsMetHasNoSayInAFirstLife: such a node is asked, and may obey a claim; what else it
// says changes nothing.
func TestWhoIsMetHasNoSayInAFirstLife(t *testing.T) {
	b := NewBirth(founder(), 0)
	b.Meet([]raft.NodeID{1, 3, 4, 4})
	if a := b.Next(); said(a) != "ask" || !slices.Equal(a[0].Ask, []raft.NodeID{1, 2, 4}) {
		t.Fatalf("it does %+v", a)
	}
	b.Answered(1, BirthAnswer{Stage: StageUnborn})
	b.Answered(4, BirthAnswer{Stage: StageUnborn})
	b.Answered(9, BirthAnswer{Stage: StageBorn, Known: true, Life: 1})
	if got := said(b.Next()); got != "" {
		t.Fatalf("without a word of 2 it does %q", got)
	}
	if got := b.Explain(); !strings.Contains(got, "no answer of [n2]") || !strings.Contains(got, "nodes replace") {
		t.Errorf("it says %q", got)
	}
	b.Answered(4, BirthAnswer{Stage: StageBorn, Known: true, Life: 1})
	if got := said(b.Next()); got != "claim behind 1 at n4" {
		t.Fatalf("it does %q", got)
	}

	settled := founder()
	settled.Settled = 1
	b = NewBirth(settled, 0)
	b.Meet([]raft.NodeID{4})
	b.Answered(4, BirthAnswer{Stage: StageBorn, Known: true, Life: 1})
	if got := said(b.Next()); got != "ask" {
		t.Errorf("in a first life that nobody of the initial nodes confirms it does %q", got)
	}
}

// TestClaimsAreCounted: a claim is obeyed once, and for the life that is over.
func TestClaimsAreCounted(t *testing.T) {
	l := newMetaLog(t, FeatureLevelMax, FeatureLevelMax)
	claim := func(id raft.NodeID, from raft.Incarnation, nonce uint64) (raft.Incarnation, error) {
		r := l.apply(ClaimCommand(id, from, nonce))
		return DecodeIncarnation(r.Status, r.Data)
	}
	for _, c := range []struct {
		id    raft.NodeID
		from  raft.Incarnation
		nonce uint64
		want  raft.Incarnation
	}{{3, 1, 7, 2}, {3, 1, 7, 2}, {3, 1, 8, 0}, {3, 2, 8, 3}, {3, 1, 7, 0}, {3, 2, 8, 3}, {9, 0, 1, 0}} {
		if got, err := claim(c.id, c.from, c.nonce); got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
	if _, err := claim(9, 0, 1); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("a stranger: %v", err)
	}
	l.apply(MoveNodeCommand(2, NodeLeaving))
	if _, err := claim(2, 1, 5); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("one that leaves: %v", err)
	}
}

// TestNodesComeAndGo walks a node through its states.
func TestNodesComeAndGo(t *testing.T) {
	l := newMetaLog(t, FeatureLevelMax, FeatureLevelMax)
	l.apply(DeployCommand("a", testRun(1, 5), SnapshotDefault))
	four := NodeRecord{ID: 4, PeerAddress: "d:1", APIAddress: "d:2", Incarnation: 9, State: NodeVoter}
	expect := func(what string, want int32, data []byte, err error) {
		t.Helper()
		if r := l.apply(data, err); r.Status != want {
			t.Fatalf("%s: status %d: %s", what, r.Status, r.Data)
		}
	}
	move := func(what string, want int32, id raft.NodeID, to NodeState) {
		t.Helper()
		data, err := MoveNodeCommand(id, to)
		expect(what, want, data, err)
	}
	add := func(what string, want int32, n NodeRecord) {
		t.Helper()
		data, err := AddNodeCommand(n)
		expect(what, want, data, err)
	}
	seats := func(g raft.GroupID, index raft.Index, ids ...raft.NodeID) {
		t.Helper()
		s := testSeats(ids...)
		s.Index = index
		data, err := SeatsCommand(g, s)
		expect("seats", metaOK, data, err)
	}
	add("a new one", metaOK, four)
	add("again", metaExists, four)
	if n, _ := l.catalogue.Node(4); n.State != NodeLearner || n.Incarnation != 0 {
		t.Fatalf("it begins as %+v", n)
	}
	other := four
	other.PeerAddress = "elsewhere:1"
	add("another of its ID", metaConflict, other)
	add("nobody", metaMalformed, NodeRecord{})
	l.apply(ClaimCommand(4, 0, 1))
	move("promote", metaOK, 4, NodeVoter)
	move("again", metaExists, 4, NodeVoter)
	seats(2, 5, 1, 2, 3, 4)
	seats(MetaGroup, 6, 1, 2, 3, 4)
	l.apply(DeployCommand("b", testRun(1, 5), SnapshotDefault))
	if m, _ := l.catalogue.Machine("b"); !m.First.Has(4) {
		t.Errorf("a machine that comes later has the seats %+v", m.First)
	}
	move("leave", metaOK, 4, NodeLeaving)
	move("stay after all", metaConflict, 4, NodeVoter)
	seats(2, 8, 1, 2, 3)
	seats(MetaGroup, 9, 1, 2, 3)
	if n, _ := l.catalogue.Node(4); n.State != NodeLeaving || len(l.catalogue.Holds(4)) != 1 {
		t.Fatalf("with a replica left it is %+v", n)
	}
	data, err := SeatsCommand(3, Seats{Index: 0})
	expect("old news", metaExists, data, err)
	seats(3, 7, 1, 2, 3)
	if n, _ := l.catalogue.Node(4); n.State != NodeRemoved {
		t.Fatalf("with no replica left it is %+v", n)
	}
	move("again", metaExists, 4, NodeLeaving)
	add("a second time", metaOK, four)
	if n, _ := l.catalogue.Node(4); n.State != NodeLearner || n.Incarnation != 0 || n.Lives != 1 {
		t.Fatalf("it comes back as %+v", n)
	}
	move("nobody", metaUnknownNode, 8, NodeVoter)
	move("demote", metaOK, 1, NodeLearner)
	move("leave", metaOK, 2, NodeLeaving)
	move("the last voter", metaLastVoter, 3, NodeLearner)
}
