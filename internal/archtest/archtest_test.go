package archtest

import (
	"path/filepath"
	"testing"
)

// root is the top of the repository, seen from this package.
var root = filepath.Join("..", "..")

func TestTheTreeKeepsTheRules(t *testing.T) {
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) < 10 {
		t.Fatalf("only %d files found below %s: the rules would hold of anything", len(tree.Files), root)
	}
	for _, f := range Check(tree) {
		t.Error(f)
	}
}

// TestExceptionsAreInUse keeps the lists short: an exception that nothing needs
// any more goes.
func TestExceptionsAreInUse(t *testing.T) {
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	files, functions := map[string]int{}, map[string]int{}
	for _, f := range tree.Files {
		files[f.Path] = f.Lines
		for name, lines := range functionLines(tree, f) {
			functions[f.Path+":"+name] = lines
		}
	}
	for name, why := range fileLinesExcepted {
		if files[name] <= fileLinesSplit || why == "" {
			t.Errorf("file exception %s: has %d lines now, or no reason; remove the line", name, files[name])
		}
	}
	for name, why := range functionsExcepted {
		if functions[name] <= functionLinesMax || why == "" {
			t.Errorf("function exception %s: has %d lines now, or no reason; remove the line", name, functions[name])
		}
	}
}

func TestEveryRowHasAReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rooms {
		if r.Why == "" {
			t.Errorf("%s has no reason", r.Path)
		}
		if seen[r.Path] {
			t.Errorf("%s has two rows", r.Path)
		}
		seen[r.Path] = true
	}
}
