package nodetest_test

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// TestAPausedLeaderAnswersNothingOld is N7: a leader with a lease stands still for ten election
// timeouts. Another one leads soon and takes commands. When the old one goes on reads are
// there at once, before its timers and what the others said meanwhile, or behind either: none
// is answered with what was. It follows, and everything acknowledged is there, once.
func TestAPausedLeaderAnswersNothingOld(t *testing.T) {
	for name, order := range map[string]func(p *pause, reads func()){
		"reads come first":    func(p *pause, reads func()) { p.jump(); reads(); p.fire(); p.listen() },
		"timers come first":   func(p *pause, reads func()) { p.jump(); p.fire(); reads(); p.listen() },
		"messages come first": func(p *pause, reads func()) { p.jump(); p.listen(); reads(); p.fire() },
	} {
		t.Run(name, func(t *testing.T) {
			inPausableBubble(t, func(ctx context.Context, t *testing.T, b *bubble, pauses map[raft.NodeID]*pause) {
				b.pauseLeader(ctx, pauses, order)
			})
		})
	}
}

// inPausableBubble is inLeasedBubble whose nodes can be paused.
func inPausableBubble(t *testing.T, scenario func(ctx context.Context, t *testing.T, b *bubble, pauses map[raft.NodeID]*pause)) {
	synctest.Test(t, func(t *testing.T) {
		pauses := map[raft.NodeID]*pause{}
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, func(c *node.Config) { c.LeaseReads = true })
		b.clocks = func(id raft.NodeID) clock.Clock {
			pauses[id] = newPause()
			return pauses[id]
		}
		b.hears = func(id raft.NodeID, h transport.Handler) transport.Handler { return pausedHandler{h, pauses[id]} }
		b.bootAll()
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		scenario(ctx, t, b, pauses)
	})
}

func (b *bubble) pauseLeader(ctx context.Context, pauses map[raft.NodeID]*pause, order func(p *pause, reads func())) {
	const electionTimeout = time.Second
	t, leader := b.t, b.leader(2)
	x, y := others(leader)
	want := b.addOne(ctx, x, y)
	time.Sleep(electionTimeout) // virtual: heartbeats were answered with promises
	lease := node.Ask{Mode: raft.ReadLease}
	if r, err := b.nodes[leader].node.Ask(ctx, "adder", lease); err != nil || binary.BigEndian.Uint64(r.Data) != want {
		t.Fatalf("there is no lease: %+v, %v", r, err)
	}
	term, began := b.status(ctx, x, 2).Term, time.Now()
	pauses[leader].begin()
	b.eventually(ctx, "another one leads", func() bool {
		l := b.nodes[x].node.Leader(2)
		return l != leader && l != 0
	})
	if took := time.Since(began); took > 6*electionTimeout {
		t.Errorf("another one led after %v", took)
	}
	for range 5 {
		want = b.addOne(ctx, x, y)
	}
	time.Sleep(10*electionTimeout - time.Since(began)) // virtual

	asks := []node.Ask{lease, {Mode: raft.ReadLinearizable}, {Mode: raft.ReadBounded, MaxStaleness: electionTimeout}}
	answers := make(chan string, len(asks))
	order(pauses[leader], func() {
		for _, ask := range asks {
			go func() {
				r, err := b.nodes[leader].node.Ask(ctx, "adder", ask)
				if err == nil && binary.BigEndian.Uint64(r.Data) != want {
					answers <- "an old value"
				} else {
					answers <- ""
				}
			}()
		}
		synctest.Wait() // until nothing more comes of them
	})
	for range asks {
		if problem := <-answers; problem != "" {
			t.Error(problem)
		}
	}
	went := time.Now()
	b.eventually(ctx, "it follows", func() bool {
		s := b.status(ctx, leader, 2)
		return s.Role == raft.Follower && s.Term > term && s.Leader != 0 && s.Applied == s.Commit
	})
	if took := time.Since(went); took > 2*electionTimeout {
		t.Errorf("it followed after %v", took)
	}
	if got := b.addOne(ctx, leader); got != want+1 {
		t.Errorf("the next sum is %d, want %d", got, want+1)
	}
	for id := range b.nodes {
		b.expectSum(ctx, id, want+1)
	}
}
