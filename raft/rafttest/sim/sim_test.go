package sim

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// smoke returns how many seeds to run and for how long: WRAFT_SIM_SEEDS asks for
// more than a smoke.
func smoke(t *testing.T) (seeds uint64, duration time.Duration) {
	asked := os.Getenv("WRAFT_SIM_SEEDS")
	if asked == "" {
		return smokeSeeds, 80 * time.Second
	}
	seeds, err := strconv.ParseUint(asked, 10, 32)
	if err != nil {
		t.Fatalf("WRAFT_SIM_SEEDS: %v", err)
	}
	return seeds, 10 * time.Minute
}

// TestSeeds runs some seeds; the command cmd/sim runs as many as one likes.
func TestSeeds(t *testing.T) {
	seeds, duration := smoke(t)
	faults, calm, changes, transfers := 0, 0, 0, 0
	for seed := uint64(1); seed <= seeds; seed++ {
		r := Run(Options{Seed: seed, Duration: duration})
		if r.Violation != nil {
			t.Errorf("%v\nrepeat with: go run ./raft/rafttest/cmd/sim -first %d -virtual %v -trace", r.Violation, seed, duration)
		}
		changes += r.Faults["configuration changed"]
		transfers += r.Faults["transfer"]
		if r.Calm {
			calm++
		} else if len(r.Faults) > 0 {
			faults++
		}
	}
	if seeds >= 40 && (faults < int(seeds)/2 || calm == 0 || changes < int(seeds)/4 || transfers == 0) {
		t.Errorf("%d seeds had faults and %d were calm, with %d changes and %d transfers: the swarm is not what it should be",
			faults, calm, changes, transfers)
	}
}

func TestEqualSeedsGiveEqualRuns(t *testing.T) {
	for _, seed := range []uint64{7, 8, 9} {
		a := Run(Options{Seed: seed, Duration: time.Minute})
		b := Run(Options{Seed: seed, Duration: time.Minute})
		if a.Hash != b.Hash || a.Events != b.Events || a.Acked != b.Acked {
			t.Errorf("seed %d: %+v and %+v", seed, a, b)
		}
		if c := Run(Options{Seed: seed + 100, Duration: time.Minute}); c.Hash == a.Hash {
			t.Errorf("seeds %d and %d give one hash", seed, seed+100)
		}
	}
}

func TestAgendaIsInOrder(t *testing.T) {
	var a agenda
	c := newChance(1)
	var got []int
	for i := range 500 {
		at := time.Duration(c.below("at", 0, 20))
		a.plan(at, func() error { got = append(got, int(at)*1000+i); return nil })
	}
	for ev, ok := a.next(); ok; ev, ok = a.next() {
		_ = ev.do()
	}
	for i := 1; i < len(got); i++ {
		if got[i-1] >= got[i] {
			t.Fatalf("%d came before %d", got[i-1], got[i])
		}
	}
	if len(got) != 500 {
		t.Fatalf("%d of 500 events", len(got))
	}
}
