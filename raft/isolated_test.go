package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// TestWhoHearsNobodyIsIsolated: a follower asks for votes in vain, is answered, and
// hears of a leader.
func TestWhoHearsNobodyIsIsolated(t *testing.T) {
	l := follower(t, raft.Config{}, 1, 2, 3)
	asked := func() bool { return l.core.Status().Role == raft.PreCandidate }
	for !asked() {
		if l.core.Isolated() {
			t.Fatal("isolated before anybody was asked")
		}
		l.pass(10 * time.Millisecond)
		l.settle()
	}
	l.pass(200 * time.Millisecond)
	l.settle()
	if l.core.Isolated() {
		t.Fatal("isolated after two heartbeats: a long way takes that")
	}
	l.pass(5 * time.Second) // several campaigns
	l.settle()
	if !l.core.Isolated() || !l.core.Status().Isolated {
		t.Fatal("nobody has answered for long")
	}
	l.receive(3, raft.PreVoteReply{Term: 1})
	l.settle()
	if l.core.Isolated() {
		t.Fatal("a quorum has answered, though it refused")
	}
	for range 2 { // in the first one the campaign with the answer ends
		l.pass(5 * time.Second)
		l.settle()
	}
	if !l.core.Isolated() {
		t.Fatal("nobody answers again")
	}
	l.receive(2, raft.Heartbeat{Term: 1})
	l.settle()
	if l.core.Isolated() {
		t.Fatal("there is a leader")
	}
}

// TestALeaderWithoutAQuorumIsIsolated from the moment on in which it steps down.
func TestALeaderWithoutAQuorumIsIsolated(t *testing.T) {
	l := newLab(t, raft.Config{}, fresh(1, 2, 3))
	l.lead(2)
	if l.core.Isolated() {
		t.Fatal("a leader is not")
	}
	for l.core.Status().Role == raft.Leader {
		l.pass(10 * time.Millisecond)
		l.settle()
	}
	if !l.core.Isolated() {
		t.Fatal("it stepped down because nobody answers")
	}
}
