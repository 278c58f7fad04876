package testlog

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// module is left out of the names of packages.
const module = "github.com/wraft/wraft/"

// WriteSkipped writes what was skipped and never played: each reason once, with its tests below.
func (o Outcomes) WriteSkipped(w io.Writer) error {
	by := map[string][]string{}
	count := 0
	for n, why := range o.why {
		if why != "" {
			by[why] = append(by[why], n.String())
			count++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "skipped: tests=%d of=%d\n", count, len(o.why))
	for _, why := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(&b, "  %s\n", why)
		for _, test := range slices.Sorted(slices.Values(by[why])) {
			fmt.Fprintf(&b, "    %s\n", test)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String names the test as a person looks for it.
func (n Name) String() string { return strings.TrimPrefix(n.Package, module) + " " + n.Test }

// Needless are the tests that were skipped and never played for a reason that holds one of
// these.
func (o Outcomes) Needless(untrue []string) []Name {
	var names []Name
	for n, why := range o.why {
		if slices.ContainsFunc(untrue, func(words string) bool { return strings.Contains(why, words) }) {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b Name) int { return strings.Compare(a.String(), b.String()) })
	return names
}
