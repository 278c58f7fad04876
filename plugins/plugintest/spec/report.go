package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report counts what was run and what was left out.
type Report struct {
	Scripts int
	// Modules ran in both worlds.
	Modules int
	// Assertions held, by the script's name of their kind.
	Assertions map[string]int
	// RefusedByValidator is how many of the binaries that must be refused the
	// validator refused; the others were left to the engine.
	RefusedByValidator int
	// ModulesSkipped and AssertionsSkipped were left out, by reason.
	ModulesSkipped    map[string]int
	AssertionsSkipped map[string]int
	// Shift is how many bytes the pass keeps before the memory of each module;
	// negative before the first one.
	Shift int
	// Failures says what did not hold.
	Failures []string
}

// NewReport returns a report with nothing in it.
func NewReport() *Report {
	return &Report{Shift: -1, Assertions: map[string]int{}, ModulesSkipped: map[string]int{}, AssertionsSkipped: map[string]int{}}
}

func (r *Report) fail(text string) { r.Failures = append(r.Failures, text) }

// shift notes where the memory of a module begins, the same for all.
func (r *Report) shift(p *pair) {
	if !p.of.memory {
		return
	}
	if n := int(p.remade.Shift()); r.Shift < 0 {
		r.Shift = n
	} else if n != r.Shift {
		r.fail(fmt.Sprintf("a memory begins at %d, others at %d", n, r.Shift))
	}
}

// skip counts a command whose module was left out.
func (r *Report) skip(c *command, p *pair) {
	why := "no module"
	if p != nil {
		why = p.refused
	}
	r.AssertionsSkipped[why]++
}

// Details lists what was left out, a line per reason.
func (r *Report) Details() string {
	var b strings.Builder
	for _, part := range []struct {
		name   string
		counts map[string]int
	}{{"assertions that held", r.Assertions}, {"modules left out", r.ModulesSkipped}, {"assertions left out", r.AssertionsSkipped}} {
		for _, why := range slices.Sorted(maps.Keys(part.counts)) {
			fmt.Fprintf(&b, "%s: %6d %s\n", part.name, part.counts[why], why)
		}
	}
	return b.String()
}

// Line is the report in one line, whose form is stable.
func (r *Report) Line() string {
	return fmt.Sprintf("spec: scripts=%d modules=%d assertions=%d modules_skipped=%d assertions_skipped=%d shift=%d failures=%d",
		r.Scripts, r.Modules, sum(r.Assertions), sum(r.ModulesSkipped), sum(r.AssertionsSkipped), r.Shift, len(r.Failures))
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
