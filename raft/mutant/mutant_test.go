package mutant_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/wraft/wraft/raft/mutant"
)

func TestEveryBugHasANameAndADescription(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[mutant.ID]bool{}
	for _, m := range mutant.All() {
		if !name.MatchString(string(m.ID)) || m.Bug == "" || seen[m.ID] {
			t.Errorf("%+v: no name, no description, or named twice", m)
		}
		seen[m.ID] = true
		if !mutant.Known(m.ID) {
			t.Errorf("%s is not known", m.ID)
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d bugs", len(seen))
	}
	if mutant.Known("no-such-bug") || mutant.Known("") {
		t.Error("a bug that does not exist is known")
	}
}

// TestPlant holds for both builds: one bug at a time, or none ever.
func TestPlant(t *testing.T) {
	defer func() { _ = mutant.Plant("") }()
	all := mutant.All()
	err := mutant.Plant(all[0].ID)
	absent := errors.Is(err, mutant.ErrAbsent)
	if err != nil && !absent {
		t.Fatal(err)
	}
	for i, m := range all {
		if want := i == 0 && !absent; mutant.On(m.ID) != want {
			t.Errorf("%s: planted is %v", m.ID, !want)
		}
	}
	if err := mutant.Plant("no-such-bug"); err == nil {
		t.Error("a bug that does not exist is planted")
	}
	_ = mutant.Plant("")
	if mutant.On(all[0].ID) {
		t.Error("the bug stays")
	}
}
