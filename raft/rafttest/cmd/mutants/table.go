package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/wraft/wraft/internal/marked"
	"github.com/wraft/wraft/raft/mutant"
)

// finding is what caught a bug.
type finding struct {
	mutant.Mutant
	catch
	tests []string // that turn red
}

// caught reports whether both the simulator and a test noticed the bug.
func (f finding) caught() bool { return f.Seeds > 0 && len(f.tests) > 0 }

// String is the finding in one line of the command's output.
func (f finding) String() string {
	seeds := "escaped"
	if f.Seeds > 0 {
		seeds = fmt.Sprintf("seeds=%d", f.Seeds)
	}
	return fmt.Sprintf("%-26s %-12s %s; red: %s", f.ID, seeds, f.promise(), strings.Join(f.tests, " "))
}

var (
	// prefix is what a violation says of its run, and digits what differs from run
	// to run: numbers, and hashes in hexadecimal.
	prefix = regexp.MustCompile(`^sim: seed \d+ at \S+: (rafttest: )?`)
	digits = regexp.MustCompile(`\b[0-9a-f]{12,}\b|\d+`)
)

// promise is the broken promise in general: its first line, without the numbers.
func (f finding) promise() string {
	if f.Violation == nil {
		return "nothing"
	}
	line, _, _ := strings.Cut(prefix.ReplaceAllString(f.Violation.Error(), ""), "\n")
	return digits.ReplaceAllString(line, "#")
}

// summary prints the last line, and returns an error when a bug escaped.
func summary(out io.Writer, findings []finding) error {
	var seeds []int
	var escaped []string
	for _, f := range findings {
		if f.Seeds > 0 {
			seeds = append(seeds, f.Seeds)
		}
		if !f.caught() {
			escaped = append(escaped, string(f.ID))
		}
	}
	median := 0
	if len(seeds) > 0 {
		slices.Sort(seeds)
		median = seeds[len(seeds)/2]
	}
	fmt.Fprintf(out, "mutants: caught=%d/%d median_seeds=%d\n", len(findings)-len(escaped), len(findings), median)
	if len(escaped) > 0 {
		return fmt.Errorf("not caught by simulator and tests both: %s", strings.Join(escaped, " "))
	}
	return nil
}

// The table in docs/TESTING.md stands between these lines.
const (
	tableBegin = "<!-- mutants: written by make mutants-table -->\n"
	tableEnd   = "<!-- mutants: end -->\n"
	testsShown = 3
)

// table is what stands between the marks.
func table(findings []finding) string {
	var b strings.Builder
	b.WriteString("| bug | what it does | seeds | what the simulator says | what turns red |\n|---|---|---|---|---|\n")
	for _, f := range findings {
		shown := f.tests[:min(len(f.tests), testsShown)]
		more := ""
		if n := len(f.tests) - len(shown); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d | %s | `%s`%s |\n", f.ID, f.Bug, f.Seeds,
			strings.ReplaceAll(f.promise(), "|", `\|`), strings.Join(shown, "`, `"), more)
	}
	return b.String()
}

// updateTable writes the table anew. The rest of the file stays.
func updateTable(path string, findings []finding) error {
	return marked.Update(path, tableBegin, tableEnd, table(findings))
}
