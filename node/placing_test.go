package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/raft"
)

// scene is node 1 in "us" leading group 2, with 2 and 3 in "eu" and 4 in "ap", second by
// second, as a test changes it.
type scene struct {
	p     *Placing
	now   time.Duration
	up    map[raft.NodeID]bool
	links map[raft.NodeID]uint64 // that stood before
	led   LedGroup
	leads bool
}

func newScene(policy LeaderPolicy) *scene {
	c := &Catalogue{Cluster: "demo", Level: Level2, NextGroup: 3, Leaders: &policy, Machines: []MachineRecord{{Name: "m", Group: 2}}}
	for i, region := range []string{"us", "eu", "eu", "ap"} {
		c.Nodes = append(c.Nodes, NodeRecord{ID: raft.NodeID(i + 1), Incarnation: 1, Region: region})
	}
	s := &scene{p: NewPlacing(1, 0), up: map[raft.NodeID]bool{2: true, 3: true, 4: true}, links: map[raft.NodeID]uint64{}, leads: true, led: LedGroup{Group: 2, Commit: 10}}
	for id := raft.NodeID(2); id <= 4; id++ {
		s.led.Heirs = append(s.led.Heirs, Heir{Node: id, Fit: true, Match: 10})
	}
	s.p.Observe(c)
	s.p.Lead(2, raft.Status{Role: raft.Leader, Leader: 1})
	return s
}

// heir is what the scene says of a voter.
func (s *scene) heir(id raft.NodeID) *Heir { return &s.led.Heirs[id-2] }

// second plays one and returns what is asked for.
func (s *scene) second() []Placement {
	s.now += time.Second
	s.p.Tick(s.now)
	look, moves := s.p.Next()
	if !look {
		return moves
	}
	v := PlacingView{Up: map[raft.NodeID]uint64{}}
	for id, up := range s.up {
		if up {
			v.Up[id] = s.links[id]
		}
	}
	if s.leads {
		v.Leads = []LedGroup{s.led}
	}
	s.p.Looked(v)
	_, now := s.p.Next()
	return append(moves, now...)
}

// play plays for a while, and returns the first thing asked for and when that was, since it began.
func (s *scene) play(d time.Duration) string {
	for began := s.now; s.now < began+d; {
		if moves := s.second(); len(moves) > 0 {
			return fmt.Sprintf("to %v, %v, after %v", moves[0].To, moves[0].Reason, s.now-began)
		}
	}
	return ""
}

// commands has a region's node take that many each second.
func (s *scene) commands(counts map[raft.NodeID]uint64) { s.led.Commands = counts }

// ledBy has leadership go to a node.
func (s *scene) ledBy(id raft.NodeID) {
	s.leads = id == 1
	s.p.Lead(2, raft.Status{Leader: id})
}

func TestPlacingPrefers(t *testing.T) {
	prefer := func(regions ...string) LeaderPolicy { return LeaderPolicy{Regions: regions} }
	const hour = time.Hour
	for _, c := range []struct {
		name   string
		policy LeaderPolicy
		scene  func(*scene)
		want   string
	}{
		{"nothing is preferred", LeaderPolicy{}, func(*scene) {}, ""},
		{"the better region", prefer("eu", "us"), func(*scene) {}, "to n2, preferred, after 31s"},
		{"any region of the list is better than none of it", prefer("ap"), func(*scene) {}, "to n4, preferred, after 31s"},
		{"the leader is where it is best", prefer("us", "eu"), func(*scene) {}, ""},
		{"nobody is there", prefer("mars"), func(*scene) {}, ""},
		{"nobody there is fit, the next region is", prefer("eu", "ap"), func(s *scene) { s.heir(2).Fit, s.heir(3).Fit = false, false }, "to n4, preferred, after 31s"},
		{"only the other one there is fit", prefer("eu"), func(s *scene) { s.heir(2).Fit = false }, "to n3, preferred, after 31s"},
		{"nobody there has a link", prefer("eu"), func(s *scene) { s.up[2], s.up[3] = false, false }, ""},
		{"they lag", prefer("eu"), func(s *scene) { s.heir(2).Match, s.heir(3).Match = 9, 9 }, ""},
		{"a snapshot or a change is under way", prefer("eu"), func(s *scene) { s.led.Unsettled = true }, ""},
		{"it leads nothing", prefer("eu"), func(s *scene) { s.leads = false }, ""},
		{"they are to leave", prefer("eu"), func(s *scene) {
			for _, id := range []raft.NodeID{2, 3} {
				s.p.catalogue.Nodes[id-1].State = NodeLeaving
			}
		}, ""},
	} {
		s := newScene(c.policy)
		c.scene(s)
		if got := s.play(hour); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestPlacingWaits: what keeps a leadership back for a while, and what does not.
func TestPlacingWaits(t *testing.T) {
	s := newScene(LeaderPolicy{Regions: []string{"ap"}})
	s.heir(4).Match = 9
	if got := s.play(time.Minute); got != "" {
		t.Fatalf("it goes to who lags: %s", got)
	}
	s.heir(4).Match = 10
	if got := s.play(time.Hour); got != "to n4, preferred, after 31s" {
		t.Errorf("who caught up: %q", got)
	}
	if got := s.play(time.Hour); got != "to n4, preferred, after 1m0s" {
		t.Errorf("it did not come about: %q", got)
	}
	if got := s.play(time.Hour); got != "to n4, preferred, after 2m0s" {
		t.Errorf("it did not come about again: %q", got)
	}
	s.p.Refused(2)
	if got := s.play(time.Hour); got != "to n4, preferred, after 15s" {
		t.Errorf("the heir did not want it: %q", got)
	}
	s.ledBy(4)
	s.ledBy(1)
	if got := s.play(time.Hour); got != "to n4, preferred, after 10m0s" {
		t.Errorf("somebody took it away from there: %q", got)
	}
	s.ledBy(4)
	s.up[4] = false
	s.play(5 * time.Second)
	s.ledBy(1)
	s.play(5 * time.Second)
	s.up[4] = true
	if got := s.play(time.Hour); got != "to n4, preferred, after 1m1s" {
		t.Errorf("it failed and came back: %q", got)
	}
	s.ledBy(4)
	s.ledBy(1)
	s.links[4]++ // it was started again so soon that nobody saw it down
	if got := s.play(time.Hour); got != "to n4, preferred, after 2m1s" {
		t.Errorf("it was started again: %q", got)
	}
}

// TestPlacingFollowsCommands: the region that most commands come from.
func TestPlacingFollowsCommands(t *testing.T) {
	follow := func(regions ...string) LeaderPolicy { return LeaderPolicy{Regions: regions, Follow: true} }
	for _, c := range []struct {
		name   string
		policy LeaderPolicy
		counts map[raft.NodeID]uint64
		want   string
	}{
		{"it is not wanted", LeaderPolicy{}, map[raft.NodeID]uint64{4: 100}, ""},
		{"nearly all", follow(), map[raft.NodeID]uint64{4: 100, 1: 1}, "to n4, commands, after 5m0s"},
		{"a region's nodes count together", follow(), map[raft.NodeID]uint64{2: 5, 3: 5, 1: 4}, "to n2, commands, after 5m0s"},
		{"the leader's own", follow(), map[raft.NodeID]uint64{1: 100, 4: 10}, ""},
		{"not clear enough", follow(), map[raft.NodeID]uint64{4: 60, 1: 40}, ""},
		{"too few", follow(), map[raft.NodeID]uint64{4: 0, 1: 0}, ""},
		{"a region that is not preferred", follow("us", "eu"), map[raft.NodeID]uint64{4: 100}, ""},
		{"one of the preferred", follow("us", "eu"), map[raft.NodeID]uint64{3: 100}, "to n2, commands, after 5m0s"},
		{"into the preferred regions first", follow("eu"), map[raft.NodeID]uint64{4: 100}, "to n2, preferred, after 31s"},
	} {
		s := newScene(c.policy)
		s.commands(c.counts)
		if got := s.play(time.Hour); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	s := newScene(follow())
	s.commands(map[raft.NodeID]uint64{1: 100})
	s.play(time.Hour)
	s.commands(map[raft.NodeID]uint64{4: 100})
	if got := s.play(time.Hour); got != "to n4, commands, after 1m40s" {
		t.Errorf("it turns: %q", got)
	}
}

// TestPlacingDoesNotFlap: however links, voters, commands and the leadership itself behave,
// a leader asks no more often than voters have to be steady, and only for who is fit.
func TestPlacingDoesNotFlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScene(LeaderPolicy{Regions: []string{"eu"}, Follow: rapid.Bool().Draw(t, "follow")})
		var asked []time.Duration
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := rapid.SampledFrom([]raft.NodeID{2, 3, 4}).Draw(t, "node")
			switch rapid.SampledFrom([]string{"link", "fit", "lag", "lead", "commands", "quiet"}).Draw(t, "what") {
			case "link":
				s.up[id] = !s.up[id]
			case "fit":
				s.heir(id).Fit = !s.heir(id).Fit
			case "lag":
				s.heir(id).Match = 19 - s.heir(id).Match // 9 or 10
			case "lead":
				s.ledBy(id)
				s.ledBy(1)
			case "commands":
				s.commands(map[raft.NodeID]uint64{id: 100})
			}
			for range rapid.IntRange(1, 200).Draw(t, "seconds") {
				for _, m := range s.second() {
					if h := s.heir(m.To); !h.Fit || h.Match < 10 || !s.up[m.To] || !s.leads {
						t.Fatalf("%v: to %v: %+v", s.now, m.To, *h)
					}
					asked = append(asked, s.now)
					if rapid.Bool().Draw(t, "taken") {
						s.ledBy(m.To)
						s.ledBy(1) // it comes back at once, as from one that cannot lead
					}
				}
			}
		}
		for i := 1; i < len(asked); i++ {
			if asked[i]-asked[i-1] < steadyMin {
				t.Fatalf("asked at %v", asked)
			}
		}
	})
}

// TestPlacingGivesUpOnTheFlaky: a voter whose link breaks again and again is gone to once, and
// then not before it has held for longer than it ever does.
func TestPlacingGivesUpOnTheFlaky(t *testing.T) {
	s := newScene(LeaderPolicy{Regions: []string{"ap"}})
	var times []string
	for range 200 {
		s.up[4] = true
		if got := s.play(45 * time.Second); got != "" {
			times = append(times, got)
			s.ledBy(4)
			s.play(5 * time.Second)
		}
		s.up[4] = false
		s.play(5 * time.Second)
		s.ledBy(1)
	}
	if len(times) != 1 {
		t.Errorf("in 3 hours it goes there %d times: %s", len(times), strings.Join(times, "; "))
	}
}

func TestCommandFlow(t *testing.T) {
	var f commandFlow
	for s := range 120 {
		f.add(time.Duration(s)*time.Second, "us", 2)
	}
	at := 120 * time.Second
	if got := f.dominant(at); got != "us" {
		t.Fatalf("%q", got)
	}
	f.add(at, "eu", 54) // of 110 of the last minute that are left, and these
	if got := f.dominant(at); got != "us" {
		t.Errorf("two thirds: %q", got)
	}
	f.add(at, "eu", 10)
	if got := f.dominant(at); got != "" {
		t.Errorf("neither: %q", got)
	}
	if got := f.dominant(at + 58*time.Second); got != "eu" {
		t.Errorf("the others are too old: %q", got)
	}
	if got := f.dominant(at + time.Hour); got != "" {
		t.Errorf("all are: %q", got)
	}
}
