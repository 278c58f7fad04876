package metric_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestEachIsDocumented holds the names against the page for operators, both ways.
func TestEachIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`(wraft_\\w+)`").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = true
	}
	names := namesOf(t)
	if len(names) == 0 {
		t.Fatal("there are no names")
	}
	for value, name := range names {
		if !documented[value] {
			t.Errorf("docs/OPERATIONS.md does not name %s (%s)", value, name)
		}
	}
	for value := range documented {
		if names[value] == "" {
			t.Errorf("docs/OPERATIONS.md names %s, which is the name of no metric", value)
		}
	}
}

// namesOf are the constants of names.go by their values.
func namesOf(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`^wraft_[a-z]+(_[a-z]+)+$`)
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		switch {
		case err != nil || !shape.MatchString(value):
			t.Errorf("%s = %q is not shaped as names of metrics are: %v", spec.Names[0].Name, value, err)
		case names[value] != "":
			t.Errorf("%s and %s are the same name", names[value], spec.Names[0].Name)
		}
		names[value] = spec.Names[0].Name
		return true
	})
	return names
}
