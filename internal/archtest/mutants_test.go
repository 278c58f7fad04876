package archtest

import (
	"strings"
	"testing"
)

func TestMutants(t *testing.T) {
	const (
		ask  = "package raft\nimport \"" + Module + "/raft/mutant\"\n"
		only = "raft/mutant/on.go"
	)
	for _, c := range []struct {
		file, src string
		words     []string
	}{
		{only, "//go:build !mutants\n\npackage mutant\nfunc On(ID) bool { return false }", nil},
		{only, "//go:build mutants\n\npackage mutant\nfunc On(id ID) bool { return planted == id }", nil},
		{only, "package mutant\nfunc On(ID) bool { return false }", []string{"must be the constant false"}},
		{only, "//go:build !mutants || x\n\npackage mutant\nfunc On(ID) bool { return false }", []string{"must be the constant false"}},
		{only, "//go:build !mutants\n\npackage mutant\nfunc On(ID) bool { return on }", []string{"must be the constant false"}},
		{only, "//go:build !mutants\n\npackage mutant\nfunc On(ID) bool { ask(); return false }", []string{"must be the constant false"}},
		{"raft/mutant/catalogue.go", "package mutant\nconst A ID = \"a\"", []string{"A is planted nowhere"}},
		{"raft/x.go", ask + "func f() bool { return mutant.On(mutant.A) }", nil},
		{"raft/x.go", ask + "func f(id mutant.ID) bool { return mutant.On(id) }", []string{"ask for one of the bugs"}},
		{"raft/x.go", ask + "func f() { mutant.Plant(mutant.A) }", []string{"tests plant bugs"}},
		{"raft/x_test.go", ask + "func f() { mutant.Plant(mutant.A) }", nil},
		{"raft/rafttest/cmd/mutants/x.go", ask + "func f() { mutant.Plant(mutant.A) }", nil},
		{"raft/x.go", "//go:build mutants\n\npackage raft", []string{"may depend on the tag"}},
	} {
		expect(t, CheckMutants, c.file, c.src, c.words...)
	}
}

// TestEveryBugIsAskedFor holds the whole against the single findings above: a bug
// counts as planted wherever it is asked for.
func TestEveryBugIsAskedFor(t *testing.T) {
	tree := fixture(t, map[string]string{
		"raft/mutant/catalogue.go": "package mutant\nconst (\n\tA ID = \"a\"\n\tB ID = \"b\"\n)",
		"raft/x.go":                "package raft\nimport \"" + Module + "/raft/mutant\"\nvar x = mutant.On(mutant.B)",
	})
	got := CheckMutants(tree)
	if len(got) != 1 || !strings.Contains(got[0].What, "A is planted nowhere") {
		t.Errorf("found %v", got)
	}
}
