package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// lab is one core under test, n1, whose disk and peers are the test itself.
type lab struct {
	t    *testing.T
	core *raft.Core
	now  time.Duration
	fx   raft.Effects
	held bool // writes are not reported as durable

	newest raft.WriteID // handed out
}

// newLab starts n1 from r with cfg; identity and seed are filled in.
func newLab(t *testing.T, cfg raft.Config, r raft.Restored) *lab {
	t.Helper()
	cfg.ID, cfg.Group, cfg.Seed = 1, 1, 1
	core, err := raft.New(cfg, r, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, core: core}
}

// fresh is the state of a new group of voters.
func fresh(voters ...raft.NodeID) raft.Restored {
	return raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(voters...)}}
}

// drain returns the next effects, after reporting their writes as durable. What
// waited for them is in SendNow then.
func (l *lab) drain() *raft.Effects {
	l.core.Drain(&l.fx)
	if n := len(l.fx.Writes); n > 0 {
		l.newest = l.fx.Writes[n-1].ID
		if !l.held {
			l.core.Persisted(l.newest)
		}
	}
	if !l.held {
		for _, g := range l.fx.SendAfter {
			l.fx.SendNow = append(l.fx.SendNow, g.Envelope)
		}
	}
	return &l.fx
}

// settle drains until nothing is left and returns all messages.
func (l *lab) settle() []raft.Envelope {
	var sent []raft.Envelope
	for l.core.Pending() {
		sent = append(sent, l.drain().SendNow...)
		for _, r := range l.fx.Apply {
			l.core.Applied(r.Last)
		}
	}
	return sent
}

func (l *lab) receive(from raft.NodeID, m raft.Message) {
	l.t.Helper()
	if err := l.core.Receive(from, m); err != nil {
		l.t.Fatal(err)
	}
}

// pass lets time pass and ticks.
func (l *lab) pass(d time.Duration) {
	l.now += d
	l.core.Tick(l.now)
}

// lead makes n1 the leader of the next term with the votes of peers, whose logs
// are taken to be equal to its own.
func (l *lab) lead(peers ...raft.NodeID) {
	l.t.Helper()
	l.core.Campaign()
	term := l.core.Status().Term + 1
	for _, p := range peers {
		l.receive(p, raft.PreVoteReply{Term: term, Granted: true})
	}
	l.settle()
	for _, p := range peers {
		l.receive(p, raft.VoteReply{Term: term, Granted: true})
	}
	if got := l.core.Status(); got.Role != raft.Leader {
		l.t.Fatalf("n1 does not lead: %+v", got)
	}
	l.settle()
}

// ack acknowledges the whole log on behalf of peers.
func (l *lab) ack(peers ...raft.NodeID) []raft.Envelope {
	l.t.Helper()
	s := l.core.Status()
	for _, p := range peers {
		l.receive(p, raft.AppendReply{Term: s.Term, Match: s.LastIndex})
	}
	return l.settle()
}

func (l *lab) propose(id raft.ProposalID, bytes int) {
	l.core.Propose(raft.Proposal{ID: id, Type: raft.EntryCommand, Data: make([]byte, bytes)})
}

// sent returns the messages of one kind to one node.
func sent[M raft.Message](envelopes []raft.Envelope, to raft.NodeID) []M {
	var found []M
	for _, e := range envelopes {
		if m, ok := e.Message.(M); ok && e.To == to {
			found = append(found, m)
		}
	}
	return found
}

// entries returns n entries of a term from first on.
func entries(first raft.Index, n int, term raft.Term, bytes int) []raft.Entry {
	var list []raft.Entry
	for i := range n {
		list = append(list, raft.Entry{
			Index: first + raft.Index(i), Term: term, Type: raft.EntryCommand, Data: make([]byte, bytes),
		})
	}
	return list
}
