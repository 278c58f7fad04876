package sim

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
		if r.Violation == nil && r.Acked < int(leastWork*duration/defaultDuration) {
			t.Errorf("seed %d acknowledged %d operations", seed, r.Acked)
		}
		changes += r.Faults["configuration changed"]
		transfers += r.Faults["transfer"] + r.Faults["isolated amid a transfer"] + r.Faults["slow links amid a transfer"]
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

// TestRegressions runs every seed and every artefact in testdata: each failed once.
func TestRegressions(t *testing.T) {
	text, err := os.ReadFile("testdata/regressions.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		seed, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil || len(fields) < 2 {
			t.Fatalf("testdata/regressions.txt: %q is no seed with its reason", line)
		}
		count++
		if r := Run(Options{Seed: seed}); r.Violation != nil {
			t.Error(r.Violation)
		}
	}
	if count == 0 {
		t.Error("no seed is kept")
	}
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		a, err := ReadArtefact(file)
		if err != nil {
			t.Fatal(err)
		}
		if r := Run(Options{Scenario: &a.Scenario}); r.Violation != nil {
			t.Errorf("%s: %v", file, r.Violation)
		}
	}
}

// TestEveryFaultBites strikes clusters with one kind of fault at a time.
func TestEveryFaultBites(t *testing.T) {
	for _, k := range kinds {
		bitten := 0
		for seed := uint64(1); seed < 40 && bitten == 0; seed++ {
			s := Draw(seed, time.Minute)
			if s.Setup.Calm || s.Setup.Voters < 3 || k.name == "clock jump" && !s.Setup.Skew {
				continue
			}
			for i := range s.Faults {
				s.Faults[i].Name = k.name
			}
			s.Shrunk = true // the few who can fail to work enough are not the point
			r := Run(Options{Scenario: &s})
			if r.Violation != nil {
				t.Errorf("%s: %v", k.name, r.Violation)
			}
			if r.Faults[k.name] != r.Bitten {
				t.Errorf("%s: %d strikes of %d", k.name, r.Faults[k.name], r.Bitten)
			}
			bitten = r.Bitten
		}
		if bitten == 0 {
			t.Errorf("%s never does harm", k.name)
		}
	}
}

func TestIdleRunsFail(t *testing.T) {
	s := Draw(3, 2*time.Minute)
	s.Operations = s.Operations[:5]
	if r := Run(Options{Scenario: &s}); !errors.Is(r.Violation, errIdle) {
		t.Errorf("five operations: %v", r.Violation)
	}
	s = Draw(3, 0)
	s.Faults = nil
	if r := Run(Options{Scenario: &s}); !errors.Is(r.Violation, errIdle) {
		t.Errorf("no faults: %v", r.Violation)
	}
}

func TestACalmRunMustNotChangeItsTerm(t *testing.T) {
	handedOver := false
	o := Options{plant: func(w *world) error {
		if n := w.aLeader(0); n != nil && w.now > 2*bootTime && !handedOver {
			handedOver = n.Core.TransferTo(n.ID%3+1) == nil
			return n.settle()
		}
		return nil
	}}
	for seed := uint64(1); seed < 100; seed++ {
		s := Draw(seed, 3*bootTime)
		if o.Scenario = &s; !s.Setup.Calm || s.Setup.Voters != 3 {
			continue
		}
		wants(t, Run(o).Violation, "without a fault")
		if !handedOver {
			t.Error("nothing was planted")
		}
		return
	}
	t.Fatal("no calm seed")
}

// TestLivenessIsChecked plants clusters that do not come back.
func TestLivenessIsChecked(t *testing.T) {
	deaf := func(w *world) error {
		if w.quiet {
			w.net.cut[1][2], w.net.cut[2][1] = 1, 1
		}
		return nil
	}
	stuck := func(w *world) error {
		for _, n := range w.nodes {
			n.applying = n.applying || w.quiet && !n.leads()
		}
		return nil
	}
	for want, o := range map[string]Options{
		"has no leader":     {plant: deaf},
		"does not converge": {plant: stuck},
	} {
		s := Draw(3, time.Minute)
		s.Setup.Voters, s.Setup.Spares, s.Setup.Rates, s.Shrunk = 2, 0, []uint64{1000, 1000}, true
		s.Operations = s.Operations[:20]
		s.Faults = s.Faults[:0]
		if want != "has no leader" {
			s.Setup.Voters, s.Setup.Rates = 3, []uint64{1000, 1000, 1000}
		} else {
			s.Faults = []Fault{{Number: 0, Name: "pause", At: Span(time.Second), Until: Span(2 * time.Second)}}
		}
		o.Scenario = &s
		wants(t, Run(o).Violation, want)
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
