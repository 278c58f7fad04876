package archtest

import (
	"cmp"
	"slices"
)

// Rule checks one thing about the whole tree.
type Rule func(*Tree) []Finding

// Rules are all rules of the house, each described at its function.
var Rules = []Rule{
	CheckImports, CheckCore, CheckSizes, CheckDocs, CheckComments, CheckTests, CheckClocks, CheckForeignTypes, CheckNames, CheckMutants, CheckMetrics,
}

// Check runs all rules and returns the findings ascending by place.
func Check(t *Tree) []Finding {
	var all []Finding
	for _, rule := range Rules {
		all = append(all, rule(t)...)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.What, b.What))
	})
	return all
}
