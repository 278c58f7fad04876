package measure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// target is a figure that the project wants: got, at most most, in unit.
type target struct {
	what      string
	got, most float64
	unit      string
}

// targetBatch is the entry size that the targets of commands are for, commands.
const targetBatch = 64

// applyTargets are processor time of a command, ns, by the language of the guest.
var applyTargets = map[string]float64{"c": 250, "rust": 250, "go": 1000}

// targets draws what is wanted beside what was measured.
func (r *Report) targets(b *strings.Builder) {
	b.WriteString("\nTargets, and these figures beside them.\n\n| what | at most | measured | met |\n|---|---|---|---|\n")
	for _, t := range r.judged() {
		met := "yes"
		if t.got > t.most {
			met = fmt.Sprintf("no, %.2f times", t.got/t.most)
		}
		fmt.Fprintf(b, "| %s | %s %s | %s %s | %s |\n", t.what, short(t.most), t.unit, short(t.got), t.unit, met)
	}
}

// judged are the targets that something was measured for.
func (r *Report) judged() (all []target) {
	for _, a := range r.Applies {
		if most, ok := applyTargets[a.Language]; ok && a.Batch == targetBatch {
			all = append(all, target{what: fmt.Sprintf("a put in %s, %d in an entry", a.Language, a.Batch), got: a.Wraft.Median, most: most, unit: "ns"})
		}
	}
	if len(r.Kernels) > 0 {
		dearest := slices.MaxFunc(r.Kernels, func(a, b Kernel) int { return cmp.Compare(a.Ratio(), b.Ratio()) })
		all = append(all, target{what: "a loop rewritten over the same as written, the dearest (" + dearest.Name + ")", got: dearest.Ratio(), most: 1.8, unit: "times"})
	}
	if r.Image != nil {
		all = append(all, target{what: fmt.Sprintf("the longest entry while an image of %d MiB is written", r.Image.MiB), got: r.Image.Longest.Median / millisecond, most: 5, unit: "ms"})
	}
	return all
}

// short writes a figure to three digits, or to the unit above a hundred.
func short(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.3g", f)
}
