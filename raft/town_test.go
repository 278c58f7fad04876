package raft_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// town is a few cores with perfect disks and links of one delay, in steps of a
// millisecond: enough to measure elections a thousand times over.
type town struct {
	t     *testing.T
	cores []*raft.Core // by ID - 1; nil: gone
	delay time.Duration
	now   time.Duration
	queue []letter // in the order of arrival
	fx    raft.Effects
}

type letter struct {
	at   time.Duration
	from raft.NodeID
	raft.Envelope
}

// newTown starts nodes with cfg, each with a priority and a seed of its own.
func newTown(t *testing.T, cfg raft.Config, seed uint64, delay time.Duration, priorities ...int) *town {
	w := &town{t: t, delay: delay}
	var ids []raft.NodeID
	for i := range priorities {
		ids = append(ids, raft.NodeID(i+1))
	}
	for i, priority := range priorities {
		cfg.ID, cfg.Group, cfg.Seed, cfg.Priority = ids[i], 1, seed*100+uint64(i), priority
		core, err := raft.New(cfg, raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(ids...)}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.cores = append(w.cores, core)
	}
	return w
}

// until plays until done and returns how long that took; at most a minute.
func (w *town) until(done func() bool) time.Duration {
	begin := w.now
	for !done() && w.now < begin+time.Minute {
		w.now += time.Millisecond
		for len(w.queue) > 0 && w.queue[0].at <= w.now {
			m := w.queue[0]
			w.queue = w.queue[1:]
			if core := w.cores[m.To-1]; core != nil {
				core.Tick(w.now)
				if err := core.Receive(m.from, m.Message); err != nil {
					w.t.Fatal(err)
				}
				w.carry(m.To)
			}
		}
		for i, core := range w.cores {
			if core != nil && core.NextDeadline() <= w.now {
				core.Tick(w.now)
				w.carry(raft.NodeID(i + 1))
			}
		}
	}
	return w.now - begin
}

// carry carries out what a core wants.
func (w *town) carry(id raft.NodeID) {
	for core := w.cores[id-1]; core.Pending(); {
		core.Drain(&w.fx)
		for _, e := range w.fx.SendNow {
			w.queue = append(w.queue, letter{w.now + w.delay, id, e})
		}
		for _, g := range w.fx.SendAfter {
			w.queue = append(w.queue, letter{w.now + w.delay, id, g.Envelope})
		}
		for _, r := range w.fx.Apply {
			core.Applied(r.Last)
		}
		if n := len(w.fx.Writes); n > 0 {
			core.Persisted(w.fx.Writes[n-1].ID)
		}
	}
}

// leader returns who leads the newest term, 0 when nobody that runs does.
func (w *town) leader() raft.NodeID {
	id, newest := raft.NodeID(0), raft.Term(0)
	for _, core := range w.cores {
		if core == nil {
			continue
		}
		if s := core.Status(); s.Role == raft.Leader && s.Term > newest {
			id, newest = s.ID, s.Term
		}
	}
	return id
}

func (w *town) led() bool { return w.leader() != 0 }

// failover kills the leader, tells the others as hints says, and returns how long
// nobody led.
func (w *town) failover(hints bool) time.Duration {
	gone := w.leader()
	w.cores[gone-1] = nil
	for i, core := range w.cores {
		if core != nil && hints {
			core.Tick(w.now)
			core.PeerGone(gone, 1)
			w.carry(raft.NodeID(i + 1))
		}
	}
	return w.until(w.led)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// TestTheHighestPriorityLeads: with all nodes up it wins the first election, and
// with it dead another one wins.
func TestTheHighestPriorityLeads(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const seeds = 400
	first := 0
	for seed := range uint64(seeds) {
		w := newTown(t, raft.Config{}, seed, 20*time.Millisecond, -1, 0, -2, -1, raft.PriorityMin)
		w.until(w.led)
		if w.leader() == 2 {
			first++
		}
		w.until(func() bool { return w.now%time.Second == 0 })
		if w.failover(false) >= 30*time.Second {
			t.Fatalf("seed %d: nobody leads without the node of the highest priority", seed)
		}
	}
	if first < seeds*95/100 {
		t.Errorf("the highest priority won %d of %d first elections", first, seeds)
	}
}

// TestALowPriorityPreventsNoElection: also with nobody else left.
func TestALowPriorityPreventsNoElection(t *testing.T) {
	for seed := range uint64(50) {
		w := newTown(t, raft.Config{}, seed, 20*time.Millisecond, raft.PriorityMin, raft.PriorityMin, 0)
		w.cores[2] = nil
		if took := w.until(w.led); took > 15*time.Second {
			t.Fatalf("seed %d: it took %v", seed, took)
		}
	}
}

// TestFailover measures the time without a leader. With hints it is under three
// round trips and 50 ms; with leases as well, the promises end first; without
// hints it takes an election timeout.
func TestFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const seeds = 300
	measure := func(leases, hints bool, delay time.Duration, nodes int) time.Duration {
		var all []time.Duration
		for seed := range uint64(seeds) {
			w := newTown(t, raft.Config{LeaseReads: leases}, seed, delay, make([]int, nodes)...)
			w.until(w.led)
			more := w.now + time.Second + time.Duration(seed)*time.Millisecond/3
			w.until(func() bool { return w.now >= more })
			all = append(all, w.failover(hints))
		}
		return median(all)
	}
	for _, nodes := range []int{3, 5} {
		for _, delay := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 75 * time.Millisecond} {
			took, limit := measure(false, true, delay, nodes), 3*2*delay+50*time.Millisecond
			t.Logf("%d nodes, round trip %v, told: %v", nodes, 2*delay, took)
			if took >= limit {
				t.Errorf("%d nodes, round trip %v: %v without a leader, at most %v is allowed", nodes, 2*delay, took, limit)
			}
		}
	}
	leased := measure(true, true, 20*time.Millisecond, 3)
	if least, most := 880*time.Millisecond, 1200*time.Millisecond; leased < least || leased > most {
		t.Errorf("with leases %v without a leader", leased)
	}
	silent := measure(false, false, 20*time.Millisecond, 3)
	t.Logf("with leases, told: %v; without, not told: %v", leased, silent)
	if silent < time.Second || silent > 1600*time.Millisecond {
		t.Errorf("not told: %v without a leader", silent)
	}
}
