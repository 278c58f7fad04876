package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// TestHuntCountsExactly: with many workers too, the answer is the first seed that
// breaks a promise, even when a later one is done before it.
func TestHuntCountsExactly(t *testing.T) {
	broken := errors.New("broken")
	for range 50 {
		later := make(chan struct{})
		got := hunt(func(seed uint64) error {
			switch seed {
			case 107:
				<-later
				return broken
			case 108:
				close(later)
				return errors.New("another")
			}
			return nil
		}, 101, 1000, 3)
		if got.Seeds != 7 || got.Violation != broken {
			t.Fatalf("%+v", got)
		}
	}
	var runs atomic.Int64
	got := hunt(func(uint64) error { runs.Add(1); return nil }, 1, 20, 3)
	if got.Seeds != 0 || got.Violation != nil || runs.Load() != 20 {
		t.Errorf("%+v after %d runs where nothing is wrong", got, runs.Load())
	}
}

// TestASeedFindsABug needs the tag; without it nothing may be found.
func TestASeedFindsABug(t *testing.T) {
	err := mutant.Plant(mutant.AckBeforeSync)
	if err != nil && !errors.Is(err, mutant.ErrAbsent) {
		t.Fatal(err)
	}
	planted := err == nil
	defer func() { _ = mutant.Plant("") }()
	got := hunt(func(seed uint64) error { return runSeed(seed, time.Minute) }, 1, 5, 1)
	if found := got.Violation != nil; found != planted {
		t.Errorf("planted is %v: %+v", planted, got)
	}
}

func TestAPanicIsAViolation(t *testing.T) {
	err := recovered(func() error { panic("log: broken") })
	if err == nil || !strings.Contains(err.Error(), "panic: log: broken") {
		t.Errorf("%v", err)
	}
	if err := recovered(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestFailuresAreNamedByTheirParts(t *testing.T) {
	const out = `=== RUN   TestScripts
    --- FAIL: TestScripts/e1_x (0.00s)
    --- PASS: TestScripts/e2_y (0.00s)
--- FAIL: TestScripts (0.01s)
--- FAIL: TestReads (0.00s)
    --- FAIL: FuzzStep/seed#0 (0.00s)
--- FAIL: FuzzStep (0.00s)
FAIL
`
	got := strings.Join(failures([]byte(out)), " ")
	if got != "FuzzStep/seed#0 TestReads e1_x.txt" {
		t.Errorf("found %s", got)
	}
	if got := failures([]byte("PASS\n")); len(got) != 0 {
		t.Errorf("found %v", got)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	if err != nil || len(all) != len(mutant.All()) {
		t.Errorf("%d bugs, %v", len(all), err)
	}
	two, err := choose("commit-old-term,forget-vote")
	if err != nil || len(two) != 2 || two[0].ID != mutant.CommitOldTerm {
		t.Errorf("%v, %v", two, err)
	}
	if _, err := choose("forget-vote,typo"); !errors.Is(err, mutant.ErrUnknown) {
		t.Errorf("%v", err)
	}
	for count := 1; count <= len(all)+3; count++ {
		some := sample(all, count, "0123456789abcdef")
		seen := map[mutant.ID]bool{}
		for _, m := range some {
			seen[m.ID] = true
		}
		if len(seen) != min(count, len(all)) {
			t.Fatalf("%d of %d bugs in a sample of %d", len(seen), len(some), count)
		}
	}
	if a, b := sample(all, 3, "one"), sample(all, 3, "another"); a[0] == b[0] && a[1] == b[1] && a[2] == b[2] {
		t.Error("the sample does not depend on the commit")
	}
}

func TestSummary(t *testing.T) {
	found := func(id mutant.ID, seeds int, tests ...string) finding {
		f := finding{Mutant: mutant.Mutant{ID: id}, catch: catch{Seeds: seeds}, tests: tests}
		if seeds > 0 {
			f.Violation = errors.New("sim: seed 3 at 1.2s: rafttest: n1 commits 7, which no quorum has durably\n{ID:1}")
		}
		return f
	}
	var out strings.Builder
	err := summary(&out, []finding{found("a", 1, "x"), found("b", 9, "x"), found("c", 3, "x")})
	if err != nil || out.String() != "mutants: caught=3/3 median_seeds=3\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	err = summary(&out, []finding{found("a", 5, "x"), found("b", 0, "x"), found("c", 8)})
	if err == nil || !strings.Contains(err.Error(), "b c") || out.String() != "mutants: caught=1/3 median_seeds=8\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if got := found("a", 1).promise(); got != "n# commits #, which no quorum has durably" {
		t.Error(got)
	}
}

func TestUpdateTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := finding{Mutant: mutant.Mutant{ID: "a-bug", Bug: "does harm"}, tests: []string{"1", "2", "3", "4", "5"}}
	f.Seeds, f.Violation = 7, errors.New("a | b")
	write("before\n" + tableBegin + "old\n" + tableEnd + "after\n")
	if err := updateTable(path, []finding{f}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	row := "| `a-bug` | does harm | 7 | a \\| b | `1`, `2`, `3` and 2 more |\n"
	if s := string(got); !strings.HasPrefix(s, "before\n"+tableBegin) || !strings.HasSuffix(s, row+tableEnd+"after\n") {
		t.Errorf("%s", s)
	}
	write("no marks")
	if err := updateTable(path, nil); err == nil {
		t.Error("a page without marks is written")
	}
}

// TestTheTableIsComplete: every bug has its row in docs/TESTING.md, with seeds and
// a test, and no row is left of a bug that is gone.
func TestTheTableIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "TESTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), tableBegin)
	rows, _, found := strings.Cut(rest, tableEnd)
	if !found {
		t.Fatal("the table is not there")
	}
	lines := strings.Split(strings.TrimSpace(rows), "\n")[2:]
	for i, m := range mutant.All() {
		if i >= len(lines) || !strings.HasPrefix(lines[i], "| `"+string(m.ID)+"` | "+m.Bug+" | ") {
			t.Fatalf("the row of %s is missing or old: run make mutants-table", m.ID)
		}
		cells := strings.Split(lines[i], " | ")
		if len(cells) < 5 || cells[2] == "0" || !strings.Contains(cells[len(cells)-1], "`") {
			t.Errorf("%s is not caught: %s", m.ID, lines[i])
		}
	}
	if len(lines) != len(mutant.All()) {
		t.Errorf("%d rows for %d bugs: run make mutants-table", len(lines), len(mutant.All()))
	}
}
