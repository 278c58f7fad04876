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

// TestEveryDependencyHasALine keeps docs/RATIONALE.md in step with what is
// imported: a library without a line there has no reason, a line without an
// import no library.
func TestEveryDependencyHasALine(t *testing.T) {
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs", "RATIONALE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(doc), "| module | release |")
	if !found {
		t.Fatal("docs/RATIONALE.md has no table of dependencies")
	}
	rows, imported := map[string]bool{}, map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-zA-Z][^ ]*)`).FindAllStringSubmatch(table, -1) {
		name := row[1]
		if standard(name) { // the table leaves the commonest host out
			name = "github.com/" + name
		}
		rows[libraryName(name)] = true
	}
	for _, f := range tree.Files {
		for _, spec := range f.AST.Imports {
			target := strings.Trim(spec.Path.Value, `"`)
			if standard(target) || strings.HasPrefix(target, Module+"/") {
				continue
			}
			imported[libraryName(target)] = true
			if !rows[libraryName(target)] {
				t.Errorf("%s imports %s, which has no row in docs/RATIONALE.md: what for, why not the standard library, how well kept", f.Path, target)
			}
		}
	}
	for row := range rows {
		if !imported[row] {
			t.Errorf("docs/RATIONALE.md has a row for %s, which nothing imports", row)
		}
	}
}

// libraryName is the part of an import path that names the library: host, owner
// and repository, or two elements where the host is the owner.
func libraryName(target string) string {
	n := 2
	if strings.HasPrefix(target, "github.com/") || strings.HasPrefix(target, "golang.org/x/") {
		n = 3
	}
	parts := strings.Split(target, "/")
	return strings.Join(parts[:min(n, len(parts))], "/")
}
