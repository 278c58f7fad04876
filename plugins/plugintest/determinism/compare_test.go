package determinism

import (
	"context"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// TestDifferencesAreSeen: a comparison that finds nothing proves nothing.
func TestDifferencesAreSeen(t *testing.T) {
	lived := func() *player { return &player{marks: []mark{{fuel: 1}, {fuel: 2, state: plugins.StateHash{1}}}} }
	for name, change := range map[string]func(*player){
		"nothing": func(*player) {},
		"fuel":    func(p *player) { p.marks[0].fuel++ },
		"state":   func(p *player) { p.marks[1].state[15]++ },
		"length":  func(p *player) { p.marks = p.marks[:1] },
	} {
		other := lived()
		change(other)
		var o Outcome
		o.compare(lived(), other)
		if want := name != "nothing"; (len(o.Mismatches) == 1) != want {
			t.Errorf("%s: %q", name, o.Mismatches)
		}
	}
}

// TestAnotherMachineIsNotTheModel plays the log on a machine that answers nothing:
// that is wrong, and the host's errors are still right.
func TestAnotherMachineIsNotTheModel(t *testing.T) {
	silent := wasmtest.NewMachine(wasmtest.Answer(0, 0)).Bytes()
	o, err := Play(context.Background(), Log{Seed: 1, Commands: 4000}, guests.Guest{Language: "none", Binary: silent}, Lives(10)[:1])
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Mismatches) < 1000 {
		t.Errorf("%d mismatches: %q", len(o.Mismatches), o.Mismatches[:min(3, len(o.Mismatches))])
	}
	for _, m := range o.Mismatches {
		if strings.Contains(m, `"!`) {
			t.Error(m)
		}
	}
}

// TestLogsHaveEverything: entries of all kinds of guilt, and the same ones again.
func TestLogsHaveEverything(t *testing.T) {
	kinds := map[int]int{}
	log := Log{Seed: 3, Commands: 1000}
	var again []entry
	for w := log.begin(); w.commands < log.Commands; {
		e := w.entry()
		again = append(again, e)
		if len(e.commands) == entryFull {
			kinds[e.guilty]++
		}
	}
	for _, guilty := range []int{0, 1, 2, entryFull} {
		if kinds[guilty] == 0 {
			t.Errorf("no full entry has %d guilty commands: %v", guilty, kinds)
		}
	}
	w := log.begin()
	for n := range again {
		e := w.entry()
		if len(e.commands) != len(again[n].commands) || string(e.commands[0]) != string(again[n].commands[0]) {
			t.Fatalf("entry %d is another one the second time", n)
		}
	}
}
