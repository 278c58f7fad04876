package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"pgregory.net/rapid"
)

func up(rtt time.Duration) raft.PathStats { return raft.PathStats{RTT: rtt, Up: true} }

func TestQuorumRTT(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		paths map[raft.NodeID]raft.PathStats
		want  time.Duration
	}{
		"nothing is known":    {nil, 0},
		"one of two needed":   {map[raft.NodeID]raft.PathStats{2: up(10 * ms)}, 0},
		"the second nearest":  {map[raft.NodeID]raft.PathStats{2: up(10 * ms), 3: up(70 * ms), 4: up(40 * ms), 5: up(90 * ms)}, 40 * ms},
		"what is down is not": {map[raft.NodeID]raft.PathStats{2: up(10 * ms), 3: up(70 * ms), 4: {RTT: 40 * ms}}, 70 * ms},
		"with its variance":   {map[raft.NodeID]raft.PathStats{2: up(10 * ms), 3: {RTT: 20 * ms, Variance: 5 * ms, Up: true}}, 30 * ms},
		"not of this group":   {map[raft.NodeID]raft.PathStats{1: up(ms), 8: up(10 * ms), 9: up(10 * ms)}, 0},
		"out of this world":   {map[raft.NodeID]raft.PathStats{2: up(3 * time.Hour), 3: up(3 * time.Hour)}, 0},
		"nonsense":            {map[raft.NodeID]raft.PathStats{2: up(-ms), 3: {RTT: ms, Variance: -ms, Up: true}}, 0},
	} {
		l := newLab(t, raft.Config{}, fresh(1, 2, 3, 4, 5))
		for id, s := range c.paths {
			l.core.PeerStats(id, s)
		}
		if got := l.core.Status().QuorumRTT; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAloneThereIsNoWayToAQuorum(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1))
	l.core.PeerStats(2, up(time.Second))
	if got := l.core.Status().QuorumRTT; got != 0 {
		t.Errorf("%v", got)
	}
}

// TestElectionTimeoutsAdaptUpwardOnly: whatever is measured, no node campaigns within
// ElectionTimeoutMin of a sign of its leader; the spread follows the path.
func TestElectionTimeoutsAdaptUpwardOnly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rtt := time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(rt, "rtt"))
		l := newLab(t, raft.Config{}, fresh(1, 2, 3))
		l.core.PeerStats(2, up(rtt))
		l.core.PeerStats(3, up(rtt))
		spread := min(max(3*rtt, 500*time.Millisecond), 4*time.Second)
		if rtt == 0 {
			spread = time.Second // of Config
		}
		for range 20 {
			l.receive(2, raft.Heartbeat{Term: 1})
			if wait := l.core.NextDeadline() - l.now; wait < time.Second || wait >= time.Second+spread {
				rt.Fatalf("a campaign in %v, want 1 s and at most %v more", wait, spread)
			}
			l.settle()
			l.pass(10 * time.Millisecond)
		}
	})
}

func TestACampaignOnAKnownPathIsRetriedSoon(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.core.PeerStats(2, up(20*time.Millisecond))
	l.core.PeerStats(3, up(20*time.Millisecond))
	l.core.Campaign()
	l.receive(2, raft.PreVoteReply{Term: 7, Reason: raft.RefusedTerm})
	l.settle()
	if wait := l.core.NextDeadline() - l.now; wait < 240*time.Millisecond || wait >= 740*time.Millisecond {
		t.Errorf("again in %v, want two round trips, two beats and at most half a second", wait)
	}
}

// TestOneOfTwoPreCandidatesYields once: the other one may be heard and hear nobody.
func TestOneOfTwoPreCandidatesYields(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.core.PeerStats(2, up(time.Millisecond))
	l.core.PeerStats(3, up(time.Millisecond))
	l.core.Campaign()
	l.receive(2, raft.PreVote{Term: 1})
	if l.core.Status().Role != raft.PreCandidate {
		t.Fatal("it yields to a higher ID")
	}
	n := newThird(t)
	if got := n.yields(); got {
		t.Fatal("it yields though it is not known when it could campaign again")
	}
	n.core.PeerStats(1, up(time.Millisecond))
	n.core.PeerStats(2, up(time.Millisecond))
	if !n.yields() {
		t.Fatal("it does not yield to a lower ID")
	}
	if n.yields() {
		t.Fatal("it yields again and again")
	}
	n.receive(2, raft.Heartbeat{Term: 1})
	n.pass(3 * time.Second)
	n.settle()
	if !n.yields() {
		t.Fatal("a leader was heard meanwhile")
	}
}

// newThird is a lab for the node with the highest ID of three.
func newThird(t *testing.T) *lab {
	core, err := raft.New(raft.Config{ID: 3, Group: 1, Seed: 1}, fresh(1, 2, 3), 0)
	if err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, core: core}
}

// yields lets the node campaign, asks it for a pre-vote on behalf of n1, and reports
// whether it made room.
func (l *lab) yields() bool {
	l.core.Campaign()
	l.receive(1, raft.PreVote{Term: l.core.Status().Term + 1})
	l.settle()
	return l.core.Status().Role == raft.Follower
}

func TestStatusShowsPathAndWindow(t *testing.T) {
	l := newLab(t, raft.Config{InflightAppendsMax: 64}, fresh(1, 2, 3))
	l.core.PeerStats(3, up(10*time.Millisecond))
	l.lead(2, 3)
	f := l.core.Status().Followers
	if f[0].RTT != 0 || f[0].WindowAppends != 64 || f[0].WindowBytes != 16<<20 {
		t.Errorf("of an unknown path: %+v", f[0])
	}
	if f[1].RTT != 10*time.Millisecond || f[1].WindowAppends != 16 || f[1].WindowBytes != 1<<20 {
		t.Errorf("of a known path, told before it led: %+v", f[1])
	}
	l.ack(2, 3)
	l.propose(1, 10)
	l.settle()
	l.pass(15 * time.Millisecond)
	l.ack(3)
	if got := l.core.Status().Followers[1].PersistLag; got != 5*time.Millisecond {
		t.Errorf("persist lag %v", got)
	}
	l.core.PeerStats(3, raft.PathStats{})
	if f := l.core.Status().Followers[1]; f.State != "probe" || f.RTT != 0 {
		t.Errorf("after its connection fell: %+v", f)
	}
}

// TestPathsOfFormerMembersAreForgotten: what is kept is bounded by the configuration.
func TestPathsOfFormerMembersAreForgotten(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.core.PeerStats(2, up(time.Millisecond))
	l.core.PeerStats(3, up(time.Millisecond))
	l.lead(2, 3)
	l.ack(2, 3)
	l.change(1, raft.Change{Kind: raft.Remove, Node: 3}, raft.Change{Kind: raft.Remove, Node: 2})
	for range 4 {
		l.settle()
		l.ack(2, 3)
	}
	l.core.PeerStats(3, up(time.Millisecond)) // nobody asked
	l.change(2, raft.Change{Kind: raft.AddLearner, Node: 3, Incarnation: 2})
	l.ack()
	if f := l.core.Status().Followers; len(f) != 1 || f[0].RTT != 0 {
		t.Errorf("%+v", f)
	}
}
