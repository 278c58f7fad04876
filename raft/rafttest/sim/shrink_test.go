package sim

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/rafttest"
)

// always lets shrinking go on to its end.
func always() bool { return true }

// wipes is a planted bug: a node that crashes loses its disk.
func wipes(w *world) error {
	for _, n := range w.nodes {
		if n.Core == nil && !n.absent && n.Disk.Entries(1, 2) != nil {
			n.Disk = rafttest.NewDisk(w.first)
		}
	}
	return nil
}

// strikes returns a fixed run: faults of ten kinds strike five nodes one after the
// other, while clients append. What shrinking leaves of it depends on no drawing.
func strikes(bug func(w *world) error) Options {
	s := Scenario{Seed: 1, Duration: Span(time.Minute), Setup: Setup{
		Voters: 5, Rates: []uint64{1000, 1000, 1000, 1000, 1000},
		Sync: Span(time.Millisecond), Delay: Span(time.Millisecond), Clients: 4, Sessions: 100,
		Core: raft.Config{
			Group: 1, HeartbeatInterval: 100 * time.Millisecond,
			ElectionTimeoutMin: time.Second, ElectionTimeoutMax: 2 * time.Second,
		},
	}}
	for i, name := range []string{
		"loss", "partition", "crash", "duplication", "pause", "slow link", "leader isolated", "slow disk",
		"one-way partition", "membership change",
	} {
		at := time.Duration(i+1) * 5 * time.Second
		s.Faults = append(s.Faults, Fault{Number: uint64(i), Name: name, At: Span(at), Until: Span(at + 2*time.Second)})
	}
	for i := range 100 { // until 25s: no fault after that needs one to do harm
		at := time.Duration(i+1) * 250 * time.Millisecond
		s.Operations = append(s.Operations, Operation{Number: uint64(i) + 1, At: Span(at), Client: i % 4, Kind: Append})
	}
	return Options{Scenario: &s, plant: bug}
}

// names returns what strikes in a run.
func names(s *Scenario) []string {
	var all []string
	for _, f := range s.Faults {
		all = append(all, f.Name)
	}
	return all
}

func TestShrinkLeavesWhatAViolationNeeds(t *testing.T) {
	// Planted: two faults of different kinds together break something, when three
	// operations of the scenario are answered; in the end every client begins more.
	o := strikes(func(w *world) error {
		both := w.result.Faults["crash"] > 0 && w.result.Faults["leader isolated"] > 0
		if both && w.history.acked >= 3 && !w.quiet {
			return errors.New("planted")
		}
		return nil
	})
	small, err := Shrink(o, always)
	if err != nil {
		t.Fatal(err)
	}
	s := small.Scenario
	if !slices.Equal(names(&s), []string{"crash", "leader isolated"}) || len(s.Operations) != 3 {
		t.Errorf("shrunk to %v: %v", &s, names(&s))
	}
	// Why not always two: without the third the leader may say something too late.
	if left := s.Setup.Voters - len(s.Setup.Absent); left < 2 || left > 3 {
		t.Errorf("shrunk to %v", &s)
	}
	o.Scenario = &s
	if r := Run(o); r.Hash != small.Hash || r.Violation == nil {
		t.Errorf("it does not replay: %v, hash %x and %x", r.Violation, r.Hash, small.Hash)
	}
}

func TestShrinkARealBug(t *testing.T) {
	o := strikes(wipes)
	before := Run(o)
	small, err := Shrink(o, always)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("from %v to %v in %d runs: %v", &before.Scenario, &small.Scenario, small.Runs, small.Violation)
	if !slices.Equal(names(&small.Scenario), []string{"crash"}) {
		t.Errorf("%v is left of %d faults", names(&small.Scenario), len(before.Scenario.Faults))
	}
	path, err := small.Artefact("abc").Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := ReadArtefact(path)
	if err != nil || filepath.Base(path) != "sim-"+strconv.FormatUint(a.Seed, 10)+"-shrunk.json" {
		t.Fatal(path, err)
	}
	if differs := a.Replays(Run(Options{Scenario: &a.Scenario, plant: wipes})); differs != "" {
		t.Error(differs)
	}
	if differs := a.Replays(Run(Options{Scenario: &a.Scenario})); !strings.Contains(differs, "another outcome") {
		t.Errorf("without the bug: %q", differs)
	}
}

func TestShrinkNeedsAViolation(t *testing.T) {
	if _, err := Shrink(Options{Seed: 1, Duration: 10 * time.Second}, always); !errors.Is(err, ErrNothingToShrink) {
		t.Error(err)
	}
}

func TestReduceFindsWhatIsNeeded(t *testing.T) {
	c := newChance(5)
	for round := range uint64(200) {
		var items, needed []int
		for i := range int(c.below("size", round, 60)) {
			items = append(items, i)
			if c.hits("needed", round, 60) {
				needed = append(needed, i)
			}
		}
		fails := func(rest []int) bool {
			for _, n := range needed {
				if !slices.Contains(rest, n) {
					return false
				}
			}
			return true
		}
		if got := reduce(items, always, fails); !slices.Equal(got, needed) {
			t.Fatalf("%v is left, needed is %v", got, needed)
		}
	}
	if got := reduce([]int{1, 2, 3}, func() bool { return false }, func([]int) bool { return true }); len(got) != 3 {
		t.Errorf("without a budget: %v", got)
	}
}

func TestArtefactIsTheRun(t *testing.T) {
	for _, seed := range []uint64{3, 4, 5} {
		r := Run(Options{Seed: seed, Duration: time.Minute})
		path, err := r.Artefact("").Write(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		a, err := ReadArtefact(path)
		if err != nil {
			t.Fatal(err)
		}
		if differs := a.Replays(Run(Options{Scenario: &a.Scenario})); differs != "" {
			t.Error(differs)
		}
		// The file is what is run, not the seed.
		a.Operations = a.Operations[1:]
		if differs := a.Replays(Run(Options{Scenario: &a.Scenario})); !strings.Contains(differs, "another run") {
			t.Errorf("an operation less: %q", differs)
		}
	}
}

func TestArtefactsAreValidated(t *testing.T) {
	good := Run(Options{Seed: 3, Duration: time.Minute}).Artefact("")
	for name, change := range map[string]func(a *Artefact){
		"an unknown fault":     func(a *Artefact) { a.Faults[0].Name = "gremlin" },
		"a number twice":       func(a *Artefact) { a.Faults = append(a.Faults, a.Faults[0]) },
		"an unknown client":    func(a *Artefact) { a.Operations[0].Client = a.Setup.Clients },
		"an unknown operation": func(a *Artefact) { a.Operations[0].Kind = "?" },
		"no voters":            func(a *Artefact) { a.Setup.Voters = 0 },
		"too few clocks":       func(a *Artefact) { a.Setup.Rates = nil },
		"a clock that stands":  func(a *Artefact) { a.Setup.Rates[0] = 0 },
		"no duration":          func(a *Artefact) { a.Duration = 0 },
	} {
		a := good
		a.Scenario = good.clone()
		a.Operations = slices.Clone(good.Operations)
		a.Setup.Rates = slices.Clone(good.Setup.Rates)
		change(&a)
		path, err := a.Write(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadArtefact(path); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte(`{"at": "soon"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "x"} {
		if _, err := ReadArtefact(p); err == nil {
			t.Errorf("%s is accepted", p)
		}
	}
}
