package raft_test

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// load proposes entries of 64 KiB at n1, up to a rate, as long as they are taken.
func (w *wan) load(bytesPerSecond uint64) {
	const every, size = 5 * time.Millisecond, 64 << 10
	data := make([]byte, size)
	id, owed := raft.ProposalID(0), uint64(0)
	var again func()
	again = func() {
		owed += bytesPerSecond * uint64(every) / uint64(time.Second)
		core := w.nodes[1].core
		core.Tick(w.now)
		for ; owed >= size; owed -= size {
			id++
			core.Propose(raft.Proposal{ID: id, Type: raft.EntryCommand, Data: data})
		}
		w.settle(1)
		w.plan(wanEvent{at: w.now + every, do: again})
	}
	again()
}

// goodput returns what n1 commits per second, in bytes.
func (w *wan) goodput(over time.Duration) float64 {
	before := w.nodes[1].core.Status().Commit
	w.run(w.now+over, never)
	return float64(w.nodes[1].core.Status().Commit-before) * (64 << 10) / over.Seconds()
}

// TestWindowFillsALongFatPath: 1 Gbit/s over 150 ms holds 19 MB on its way.
func TestWindowFillsALongFatPath(t *testing.T) {
	const gigabit = 125_000_000
	w := newWAN(t, 1, 75*time.Millisecond, raft.Config{UncommittedBytesMax: 256 << 20})
	w.rate = gigabit
	w.lead()
	w.load(2 * gigabit)
	w.run(w.now+5*time.Second, never)
	share := w.goodput(10*time.Second) / gigabit
	f := w.nodes[1].core.Status().Followers[0]
	t.Logf("goodput %.1f %% of 1 Gbit/s, window %.1f MB in %d appends, persist lag %v",
		100*share, float64(f.WindowBytes)/1e6, f.WindowAppends, f.PersistLag)
	if share < 0.9 {
		t.Errorf("%.1f %% of the path is used, at least 90 %% should be", 100*share)
	}
}

// TestWindowOfASlowDisk: a follower next door whose disk takes 5 MB/s, in a group that
// commits eight times as much, must not have seconds of data queued before it.
func TestWindowOfASlowDisk(t *testing.T) {
	const diskRate = 5_000_000
	w := newWAN(t, 1, 500*time.Microsecond, raft.Config{})
	w.nodes[3].sync, w.nodes[3].rate = 20*time.Millisecond, diskRate
	w.lead()
	w.load(40_000_000)
	w.run(w.now+5*time.Second, never)
	most, before := uint64(0), w.nodes[1].core.Status().Followers[1].Match
	for range 250 {
		w.run(w.now+100*time.Millisecond, never)
		most = max(most, w.nodes[1].core.Status().Followers[1].InflightBytes)
	}
	f := w.nodes[1].core.Status().Followers[1]
	rate := float64(f.Match-before) * (64 << 10) / 25
	t.Logf("at most %.1f MB on their way, window %.1f MB, persist lag %v, %.1f MB/s taken",
		float64(most)/1e6, float64(f.WindowBytes)/1e6, f.PersistLag, rate/1e6)
	if most > 6<<20 {
		t.Errorf("%d bytes are queued before a disk that takes %d a second", most, diskRate)
	}
	if rate < 0.8*diskRate {
		t.Errorf("%.0f bytes a second arrive on a disk that takes %d", rate, diskRate)
	}
}
