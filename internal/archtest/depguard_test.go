package archtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// update rewrites the generated part of .golangci.yml instead of comparing.
var update = flag.Bool("update", false, "rewrite the depguard rules of .golangci.yml from the import table")

// The lines around the generated part.
const (
	depguardBegin = "      # The rules below are generated from internal/archtest/table.go (go test ./internal/archtest -update).\n"
	depguardEnd   = "      # The end of the generated rules.\n"
)

// TestDepguardMirrorsTheTable keeps the linter's rules, which editors show while
// one types, equal to the table the build enforces.
func TestDepguardMirrorsTheTable(t *testing.T) {
	name := filepath.Join(root, ".golangci.yml")
	have, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(have), depguardBegin)
	_, after, ok2 := strings.Cut(rest, depguardEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s: the lines around the generated rules are gone", name)
	}
	want := before + depguardBegin + depguardRules() + depguardEnd + after
	if want == string(have) {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the table: run go test ./internal/archtest -update", name)
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// depguardRules renders the table for production code; tests are left to this
// package, since depguard cannot tell a room's tests from another's.
func depguardRules() string {
	var b strings.Builder
	for _, r := range rooms {
		glob, exact := "**/"+r.Path+"/*.go", true
		if prefix, subtree := strings.CutSuffix(r.Path, "/..."); subtree {
			glob, exact = "**/"+prefix+"/**/*.go", false
		}
		label := strings.NewReplacer("/...", "", "/", "-").Replace(r.Path)
		fmt.Fprintf(&b, "      %s:\n        list-mode: strict\n        files: [%q, \"!$test\"]\n        allow:\n          - $gostd\n", label, glob)
		for _, local := range r.Imports {
			fmt.Fprintf(&b, "          - %s/%s$\n", Module, local)
		}
		if !exact {
			fmt.Fprintf(&b, "          - %s/%s\n", Module, strings.TrimSuffix(r.Path, "/..."))
		}
		for _, module := range r.Modules {
			fmt.Fprintf(&b, "          - %s\n", module)
		}
	}
	return b.String()
}
