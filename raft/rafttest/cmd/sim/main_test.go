package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft/rafttest/sim"
)

// lastLine is what scripts read.
var lastLine = regexp.MustCompile(`^sim: seeds=\d+ violations=\d+ virtual_hours=\d+\.\d realtime_factor=\d+$`)

func TestSummaryIsStable(t *testing.T) {
	var out bytes.Buffer
	o := options{seeds: 50, first: 1, budget: time.Minute, virtual: 2 * time.Second}
	code, err := o.run(&out)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; err != nil || code != 0 || !lastLine.MatchString(last) || !strings.HasPrefix(last, "sim: seeds=50 violations=0 ") {
		t.Errorf("%d, %v:\n%s", code, err, out.String())
	}
}

func TestSeedsAreDerivedFromAName(t *testing.T) {
	a, b, c := options{derive: "a"}, options{derive: "b"}, options{first: 7}
	if a.seed(1) != a.seed(1) || a.seed(1) == a.seed(2) || a.seed(1) == b.seed(1) || c.seed(2) != 9 {
		t.Error(a.seed(1), a.seed(2), b.seed(1), c.seed(2))
	}
}

// TestFailureIsKeptAndReplayed plants a run that does too little.
func TestFailureIsKeptAndReplayed(t *testing.T) {
	dir := t.TempDir()
	s := sim.Draw(3, 0)
	s.Operations = s.Operations[:5]
	r := sim.Run(sim.Options{Scenario: &s})
	if r.Violation == nil {
		t.Fatal("five operations are enough")
	}
	var out bytes.Buffer
	o := options{artefacts: dir, shrink: true, budget: time.Second}
	if code, err := o.finish(&out, []sim.Result{r}, time.Second); err != nil || code != 1 {
		t.Fatal(code, err)
	}
	path := filepath.Join(dir, "sim-3.json")
	if !strings.Contains(out.String(), "-replay "+path) || !strings.Contains(out.String(), "not shrunk") {
		t.Errorf("it says:\n%s", out.String())
	}
	out.Reset()
	o = options{replay: path, trace: true, artefacts: dir}
	code, err := o.run(&out)
	if err != nil || code != 1 || !strings.Contains(out.String(), "replay: the same run") || !strings.Contains(out.String(), "election won") {
		t.Errorf("%d, %v:\n%.2000s", code, err, out.String())
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.run(&out); err == nil {
		t.Error("an empty scenario is run")
	}
}
