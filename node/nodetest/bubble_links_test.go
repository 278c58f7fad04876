package nodetest_test

import (
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// What links between regions do, to whole nodes at work (docs/TESTING.md, Links).

// TestLinksPartition: a follower cut off disturbs nobody, not when it comes
// back either; of a leader cut off another takes over, and it follows when it is back;
// a cut between two followers, or of one of them to the leader, is no reason to elect.
func TestLinksPartition(t *testing.T) {
	for _, row := range []struct {
		name string
		cut  func(leader raft.NodeID) [][2]raft.NodeID // pairs, both ways
		wait time.Duration
		led  int // leaders that may follow; none: nobody campaigns
	}{
		{"a follower", func(l raft.NodeID) [][2]raft.NodeID { a, b := others(l); return [][2]raft.NodeID{{a, l}, {a, b}} }, 3 * time.Second, 0},
		{"the leader", func(l raft.NodeID) [][2]raft.NodeID { a, b := others(l); return [][2]raft.NodeID{{a, l}, {b, l}} }, electionMax, 1},
		{"leader and follower", func(l raft.NodeID) [][2]raft.NodeID { a, _ := others(l); return [][2]raft.NodeID{{a, l}} }, electionMax, 1},
		{"both followers", func(l raft.NodeID) [][2]raft.NodeID { a, b := others(l); return [][2]raft.NodeID{{a, b}} }, 3 * time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			atWork(t, []byte{1}, func(s *linkScene) {
				term, struck := s.term(), time.Now()
				pairs := row.cut(s.leader(2))
				s.cutPairs(pairs, true)
				s.calm(15 * time.Second)
				s.expectGap(struck, row.wait)
				s.cutPairs(pairs, false)
				healed := time.Now()
				s.expectWhole(10 * time.Second)
				s.calm(4 * time.Second)
				s.expectGap(healed, 2*time.Second)
				s.expectCalm(term, row.led)
				s.tell(row.name, struck, term)
				if n := s.reconnects(); n != uint64(2*len(pairs)) {
					t.Errorf("%d ends of connections were made anew, %d links were cut", n, len(pairs))
				}
			})
		})
	}
}

// cutPairs cuts pairs of nodes off from each other, or no longer.
func (s *linkScene) cutPairs(pairs [][2]raft.NodeID, cut bool) {
	for _, p := range pairs {
		s.cutPair(p[0], p[1], cut)
	}
}

// TestLinksOneWay: a leader whom nobody hears is followed by another one, and so is one
// who hears nobody; a follower that is deaf or mute makes nobody campaign.
func TestLinksOneWay(t *testing.T) {
	for _, row := range []struct {
		name string
		lead bool // the node is the leader
		mute bool // it is not heard, rather than does not hear
		wait time.Duration
		led  int // leaders that may follow; none: nobody campaigns
	}{
		{"mute leader", true, true, electionMax, 1},
		{"deaf leader", true, false, electionMax, 1},
		{"mute follower", false, true, 3 * time.Second, 0},
		{"deaf follower", false, false, 3 * time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			atWork(t, []byte{1}, func(s *linkScene) {
				term, struck := s.term(), time.Now()
				id := s.leader(2)
				if !row.lead {
					id = id%3 + 1
				}
				a, b := others(id)
				set := func(cut bool) {
					for _, other := range []raft.NodeID{a, b} {
						from, to := other, id
						if row.mute {
							from, to = id, other
						}
						s.router.cutOff(bubbleAddr(from), bubbleAddr(to), cut)
					}
				}
				set(true)
				s.calm(15 * time.Second)
				s.expectGap(struck, row.wait)
				if l := s.link(a, id); l.Up || l.Down != transport.DownSilent {
					t.Errorf("a link that is cut one way is shown as %+v", l)
				}
				set(false)
				healed := time.Now()
				s.expectWhole(10 * time.Second)
				s.calm(4 * time.Second)
				s.expectGap(healed, 2*time.Second)
				s.expectCalm(term, row.led)
				s.tell(row.name, struck, term)
			})
		})
	}
}

// flaps is how often a link comes and goes.
const flaps = 5

// TestLinksFlap: a follower comes and goes, faster or slower than connections end. Terms
// stay, and there are no more connections than times it came back.
func TestLinksFlap(t *testing.T) {
	for _, row := range []struct {
		name    string
		down    time.Duration
		up      time.Duration
		anewMax uint64
	}{
		// Why some: what is sent again may fall into the next gap.
		{"shorter than a connection's end", 1500 * time.Millisecond, 500 * time.Millisecond, 2 * flaps},
		{"longer", 8 * time.Second, 4 * time.Second, 2 * 2 * flaps},
		{"quickly", 90 * time.Millisecond, 60 * time.Millisecond, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			atWork(t, []byte{1}, func(s *linkScene) {
				term, struck := s.term(), time.Now()
				a, _ := others(s.leader(2))
				for range flaps {
					s.router.isolate(bubbleAddr(a))
					s.calm(row.down)
					s.router.rejoin(bubbleAddr(a))
					s.calm(row.up)
				}
				s.expectWhole(10 * time.Second)
				s.calm(4 * time.Second)
				s.expectGap(struck, 3*time.Second)
				s.expectTerm(term, 0)
				s.tell(row.name, struck, term)
				if n := s.reconnects(); n > row.anewMax {
					t.Errorf("%d ends of connections were made anew, want %d at most", n, row.anewMax)
				}
			})
		})
	}
}

// TestLinksRebind: a translator forgets each node in turn, so that its packets come from
// another port. Links whose node dialled go on; the others' come back without anybody's
// help; nobody is elected but for a leader that could not be heard meanwhile.
func TestLinksRebind(t *testing.T) {
	atWork(t, []byte{1}, func(s *linkScene) {
		for id := raft.NodeID(1); id <= 3; id++ {
			for round := range 2 {
				term, struck, before := s.term(), time.Now(), s.reconnects()
				s.router.rebind(bubbleAddr(id), 9000+10*int(id)+round)
				s.calm(6 * time.Second)
				s.expectWhole(0)
				s.tell(id.String(), struck, term)
				s.expectGap(struck, electionMax)
				s.expectLeaders(term, 1)
				if id == 1 && s.reconnects() != before {
					t.Errorf("%d ends of connections of who dialled were made anew", s.reconnects()-before)
				}
			}
		}
	})
}

// TestLinksLatePackets: whatever a node sent and was sent over connections that are long
// gone arrives once more, from the handshake on: nothing happens.
func TestLinksLatePackets(t *testing.T) {
	atWork(t, []byte{1}, func(s *linkScene) {
		away := s.leader(2)%3 + 1
		var late []simnet.Packet
		s.router.setTap(func(p simnet.Packet) {
			if (host(p.From) == host(bubbleAddr(away)) || host(p.To) == host(bubbleAddr(away))) && len(late) < 3000 {
				late = append(late, p)
			}
		})
		s.router.isolate(bubbleAddr(away)) // a new connection, whose handshake is seen too
		s.calm(10 * time.Second)
		s.router.rejoin(bubbleAddr(away))
		s.expectWhole(10 * time.Second)
		s.calm(5 * time.Second)
		s.router.setTap(nil)
		s.router.isolate(bubbleAddr(away))
		s.calm(10 * time.Second)
		s.router.rejoin(bubbleAddr(away))
		s.expectWhole(10 * time.Second)
		term, struck, before := s.term(), time.Now(), s.reconnects()
		if len(late) < 500 {
			t.Fatalf("only %d packets were kept: the test shows nothing", len(late))
		}
		s.router.replay(late, func() { s.calm(time.Millisecond) })
		s.calm(10 * time.Second)
		s.expectGap(struck, time.Second)
		s.expectTerm(term, 0)
		s.expectWhole(0)
		s.tell("late packets", struck, term)
		if n := s.reconnects(); n != before {
			t.Errorf("%d ends of connections were made anew", n-before)
		}
	})
}

// TestLinksBlackHole: every path comes to drop packets of more than 1,250 bytes. Commands
// of 3 kB go on as soon as that is noticed, for which there is a bound, and small ones
// all along; then one node's path drops what QUIC cannot do without, and that is said.
func TestLinksBlackHole(t *testing.T) {
	atWork(t, make([]byte, 3000), func(s *linkScene) {
		term, struck := s.term(), time.Now()
		for id := range raft.NodeID(3) {
			s.router.narrow(bubbleAddr(id+1), 1250)
		}
		s.calm(40 * time.Second)
		s.expectGap(struck, 20*time.Second)
		s.tell("1,250 bytes pass", struck, term)
		// Why so many: heartbeats are stuck behind appends, and each leader finds out for
		// its own paths, in each of which somebody may campaign every two seconds.
		s.expectTerm(term, 10)
		s.expectWhole(0)
		// Why not how many were found: each end may find its path first, or both at once, and
		// where nothing but large packets was under way, QUIC takes the other for gone at about
		// the same time. Every connection is made anew, by whichever of these.
		narrowed := s.narrowed()
		if anew := s.reconnects(); narrowed > anew || anew < 6 || anew > 8 {
			t.Errorf("%d ends found the path narrow, %d were made anew of 6", narrowed, anew)
		}
		if n := s.logs.count("carries no large packets any more"); uint64(n) != narrowed {
			t.Errorf("it was logged %d times that %d paths are narrow", n, narrowed)
		}
	})
}

// narrowed sums up how many connections ended since large packets did not arrive.
func (s *linkScene) narrowed() (sum uint64) {
	for id := range s.nodes {
		for _, l := range s.networks[id].Links() {
			sum += l.Narrowed
		}
	}
	return sum
}

// TestLinksSayWhyTheyAreDown: what passes of a node's packets decides what the others
// say of it, within seconds; the rest of the cluster goes on.
func TestLinksSayWhyTheyAreDown(t *testing.T) {
	for _, row := range []struct {
		name   string
		strike func(s *linkScene, id raft.NodeID)
		heal   func(s *linkScene, id raft.NodeID)
		want   transport.DownReason
	}{
		{
			"blocked UDP", func(s *linkScene, id raft.NodeID) { s.router.isolate(bubbleAddr(id)) },
			func(s *linkScene, id raft.NodeID) { s.router.rejoin(bubbleAddr(id)) }, transport.DownSilent,
		},
		{
			"less than QUIC needs", func(s *linkScene, id raft.NodeID) { s.router.narrow(bubbleAddr(id), 1100) },
			func(s *linkScene, id raft.NodeID) { s.router.narrow(bubbleAddr(id), 0) }, transport.DownNarrow,
		},
		{
			"no process", (*linkScene).kill,
			(*linkScene).revive, transport.DownAbsent,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			atWork(t, make([]byte, 3000), func(s *linkScene) {
				leader := s.leader(2)
				away := leader%3 + 1
				a, b := others(away)
				term, struck := s.term(), time.Now()
				row.strike(s, away)
				s.calm(20 * time.Second)
				for _, id := range []raft.NodeID{a, b} {
					// Why: a path that carries nothing large between followers is good enough.
					if l := s.link(id, away); (l.Up || l.Down != row.want) && (id == leader || row.want != transport.DownNarrow) {
						t.Errorf("%v says %q of %v, want %q: %+v", id, l.Down, away, row.want, l)
					}
					if l := s.link(id, a+b-id); !l.Up || l.Reconnects > 1 { // one as their lives began
						t.Errorf("a whole link fell: %+v", l)
					}
				}
				if s.nodes[away] != nil {
					if l := s.link(away, leader); l.Up || l.Down != row.want {
						t.Errorf("%v itself says %q, want %q", away, l.Down, row.want)
					}
				}
				if n := s.logs.count("reason=" + string(row.want)); n == 0 || n > 4 {
					t.Errorf("it was logged %d times", n)
				}
				s.expectGap(struck, 3*time.Second)
				s.expectTerm(term, 0)
				row.heal(s, away)
				s.expectWhole(20 * time.Second)
				s.tell(row.name, struck, term)
			})
		})
	}
}

// TestLinksANodeMoves: a node is started again at another address, which only its own
// configuration has. It finds the others, dialling them or knocking, and tells the
// cluster; a node that starts later looks for it there.
func TestLinksANodeMoves(t *testing.T) {
	for moving := raft.NodeID(1); moving <= 3; moving++ {
		t.Run(moving.String(), func(t *testing.T) {
			atWork(t, []byte{1}, func(s *linkScene) {
				s.kill(moving)
				at := &net.UDPAddr{IP: net.IPv4(10, 0, 1, byte(moving)), Port: 7555}
				s.moved = map[raft.NodeID]*net.UDPAddr{moving: at}
				s.revive(moving)
				s.expectWhole(15 * time.Second)
				term, struck := s.term(), time.Now()
				s.calm(5 * time.Second)
				for id, n := range s.nodes {
					if r, _ := n.node.Catalogue().Node(moving); r.PeerAddress != at.String() {
						t.Errorf("%v has %v at %s, want %s", id, moving, r.PeerAddress, at)
					}
				}
				s.expectGap(struck, 2*time.Second)
				later, _ := others(moving)
				s.kill(later)
				s.calm(10 * time.Second)
				s.revive(later)
				s.expectWhole(20 * time.Second)
				s.expectLeaders(term, 2) // either of the two may have led
				s.tell("a node moved", struck, term)
			})
		})
	}
}
