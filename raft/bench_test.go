package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// bench is three cores whose disks and links take no time, so that only the
// cores' own work is measured.
type bench struct {
	cores   [4]*raft.Core // by ID
	effects [4]raft.Effects
	applied [4]raft.Index
}

func newBench(tb testing.TB) *bench {
	b := &bench{}
	for id := raft.NodeID(1); id <= 3; id++ {
		core, err := raft.New(
			raft.Config{ID: id, Group: 1, Seed: uint64(id)},
			raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}}, 0,
		)
		if err != nil {
			tb.Fatal(err)
		}
		b.cores[id] = core
	}
	b.cores[1].Campaign()
	b.settle(tb)
	if b.cores[1].Status().Role != raft.Leader {
		tb.Fatal("nobody leads")
	}
	return b
}

// settle carries out effects until no core has any.
func (b *bench) settle(tb testing.TB) {
	for busy := true; busy; {
		busy = false
		for id := raft.NodeID(1); id <= 3; id++ {
			if b.cores[id].Pending() {
				busy = true
				b.step(tb, id)
			}
		}
	}
}

func (b *bench) step(tb testing.TB, id raft.NodeID) {
	core, fx := b.cores[id], &b.effects[id]
	core.Drain(fx)
	for i := range fx.SendNow {
		b.deliver(tb, id, fx.SendNow[i])
	}
	if n := len(fx.Writes); n > 0 {
		core.Persisted(fx.Writes[n-1].ID)
	}
	for i := range fx.SendAfter {
		b.deliver(tb, id, fx.SendAfter[i].Envelope)
	}
	for _, r := range fx.Apply {
		if r.First != b.applied[id]+1 || len(r.Entries) == 0 {
			tb.Fatalf("%v applies %d after %d", id, r.First, b.applied[id])
		}
		b.applied[id] = r.Last
		core.Applied(r.Last)
	}
}

func (b *bench) deliver(tb testing.TB, from raft.NodeID, e raft.Envelope) {
	if err := b.cores[e.To].Receive(from, e.Message); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkReplicate proposes batches of 64 entries of 16 bytes at the leader;
// an operation is a batch that all three replicas have applied.
func BenchmarkReplicate(b *testing.B) {
	const batch = 64
	c := newBench(b)
	data := make([]byte, 16)
	proposals := make([]raft.Proposal, batch)
	now := time.Duration(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		for k := range proposals {
			proposals[k] = raft.Proposal{ID: raft.ProposalID(i*batch + k + 1), Type: raft.EntryCommand, Data: data}
		}
		c.cores[1].Propose(proposals...)
		c.settle(b)
		if i%1000 == 999 { // time passes, too
			now += 50 * time.Millisecond
			for _, core := range c.cores[1:] {
				core.Tick(now)
			}
		}
	}
	b.StopTimer()
	want := raft.Index(b.N*batch + 1)
	if c.applied[1] != want || c.applied[2] != want || c.applied[3] != want {
		b.Fatalf("applied %v, want %d everywhere", c.applied, want)
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "entries/s")
}
