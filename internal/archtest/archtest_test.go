package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// TestEveryDependencyHasALine keeps docs/RATIONALE.md in step with go.mod: a
// direct dependency without a line there has no reason.
func TestEveryDependencyHasALine(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs", "RATIONALE.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(?:require )?\t?((?:github\.com|golang\.org|pgregory\.net|go\.yaml\.in)/\S+) (v\S+)$`)
	direct := line.FindAllStringSubmatch(string(mod), -1)
	if len(direct) == 0 {
		t.Fatal("no direct dependency found in go.mod: the expression is wrong")
	}
	for _, d := range direct {
		name := d[1]
		if owned, ok := strings.CutPrefix(name, "github.com/"); ok {
			name = strings.Join(strings.SplitN(owned, "/", 3)[:2], "/")
		}
		if !strings.Contains(string(doc), "\n| "+name) {
			t.Errorf("docs/RATIONALE.md has no row for %s %s: what for, why not the standard library, how well kept", d[1], d[2])
		}
	}
}
